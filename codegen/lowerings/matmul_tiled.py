"""Matrix products by tiles: the candidates of gemm.hip, whole or cut along k, and their launches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from torch.fx import Node

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import FusedExpression, dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_cost import tiled_us
from amdc.codegen.lowerings.matmul_operands import MAX_BYTES, Product
from amdc.codegen.magic import magic
from amdc.kernels import gemm
from amdc.kernels.gemm_tiles import GEMM_TILES, GemmTile
from amdc.kernels.template import Value
from amdc.target import Target

PIECES = (2, 3, 4, 6, 8, 12, 16, 24, 32)  # of k, where it is cut
LEAST_STAGES = 4  # of a piece: below, starting and adding it costs more than it saves
FULL = 4  # work-groups a CU: from there on, pieces of k would only add bytes


@dataclass(frozen=True)
class RowNorm:
    """What A's rows go through: layer norm (`centred`) or RMS norm, with gain and shift by k. `moments`: where mean and scale of
    each row go, if something needs them."""

    gain: Node | None
    shift: Node | None
    epsilon: float
    centred: bool
    moments: tuple[Place, ...] = ()

    @property
    def affine(self) -> int:
        return (self.gain is not None) + (self.shift is not None)


@dataclass(frozen=True)
class Task:
    """A product to lay out, with what is fused into it."""

    item: Item
    builder: ProgramBuilder
    product: Product
    prologue: FusedExpression
    epilogue: FusedExpression
    norm: RowNorm | None = None

    @property
    def flops(self) -> int:
        product = self.product
        added = self.epilogue.flops + 2 * (product.bias is not None)
        return product.batch * product.m * product.n * (2 * product.k + added)

    @property
    def bias_types(self) -> dict[str, Value]:
        return {"TYPE_BIAS": TAGS[dtype_name(self.product.bias.node)]} if self.product.bias else {}

    @property
    def bias_arguments(self) -> tuple[Operand, ...]:
        bias = self.product.bias
        return (bias.node, bias.row, bias.column, bias.alpha, bias.beta) if bias else ()

    @property
    def norm_parameters(self) -> dict[str, Value]:
        norm = self.norm
        if norm is None:
            return {}
        kinds = {"NORM": 1, "NORM_WIDTH": self.product.k, "NORM_CENTRED": int(norm.centred), "NORM_AFFINE": norm.affine}
        tag = TAGS[dtype_name(norm.gain)] if norm.gain is not None else "float"
        return {**kinds, "MOMENTS": int(bool(norm.moments)), "TYPE_AFFINE": tag}

    @property
    def norm_arguments(self) -> tuple[Operand, ...]:
        norm, x = self.norm, self.product.a.place
        if norm is None:
            return ()
        affine = (x if norm.gain is None else norm.gain, x if norm.shift is None else norm.shift)
        return (*affine, norm.epsilon, *norm.moments)

    @property
    def layouts(self) -> tuple[int, int]:
        return self.product.a.layout(self.product.k), self.product.b.layout(self.product.k)


@dataclass(frozen=True)
class Way:
    """A tile, and how many pieces k is cut into."""

    tile: GemmTile
    pieces: int

    @property
    def name(self) -> str:
        return self.tile.name + (f" split{self.pieces}" if self.pieces > 1 else "")

    def chunk(self, k: int) -> int:
        """Values of k of a piece: whole stages."""
        return -(-k // (self.pieces * self.tile.k)) * self.tile.k


def candidates(task: Task) -> list[Candidate]:
    """All ways, the cheapest first: which there are does not hang on the costs, so that tuned choices outlive a better formula."""
    target, product = task.builder.target, task.product
    normed = task.norm is not None
    costs = {way: tiled_us(product, way.tile, task.layouts, way.pieces, target, normed) for way in _ways(product, target)}
    best = sorted(costs, key=costs.__getitem__)
    return [Candidate(way.name, partial(costs.__getitem__, way), partial(build, task, way)) for way in best]


def _ways(product: Product, target: Target) -> Iterator[Way]:
    """Every tile with k whole; with k in pieces where its work-groups do not fill the card."""
    for tile in GEMM_TILES:
        yield Way(tile, 1)
        if tile.groups(product.m, product.n) * product.batch >= FULL * target.card().compute_units:
            continue
        for pieces in PIECES:
            way = Way(tile, pieces)
            chunk = way.chunk(product.k)
            whole = chunk * (pieces - 1) < product.k and chunk >= LEAST_STAGES * tile.k
            if whole and 4 * pieces * product.batch * product.m * product.n < MAX_BYTES:
                yield way


def build(task: Task, way: Way) -> None:
    """Lay out the launch, or both."""
    if way.pieces == 1:
        _multiply(task, way, task.product.c.place)
        return
    product = task.product
    nbytes = 4 * way.pieces * product.batch * product.m * product.n
    pieces = replace(task.builder.scratch(f"{task.item.node.name}.pieces", nbytes), dtype="float32", shape=(nbytes // 4,))
    _multiply(task, way, pieces)
    _add(task, way, pieces)


def _multiply(task: Task, way: Way, to: Place) -> None:
    """gemm.hip. A piece is stored as it is; the bias and the epilogue come with the sum."""
    product, tile, whole = task.product, way.tile, way.pieces == 1
    m, n, a, b, c = product.m, product.n, product.a, product.b, product.c
    aligned = c.layout() == gemm.VECTORS if whole else True
    parameters: dict[str, Value] = tile.defines() | {
        "LAYOUT_A": task.layouts[0],
        "LAYOUT_B": task.layouts[1],
        "VECTOR_C": int(n % 4 == 0 and tile.thread_n % 4 == 0 and aligned),
        "BIAS": int(whole and product.bias is not None),
        "SPLIT": int(not whole),
        "TYPE_A": TAGS[a.place.dtype],
        "TYPE_B": TAGS[b.place.dtype],
        "TYPE_C": TAGS[to.dtype],
        **(task.bias_types if whole else {}),
        **task.norm_parameters,
    }
    strides = (a.column, a.k, a.outer, a.inner, b.column, b.k, b.outer, b.inner, c.k, c.outer, c.inner)
    sizes = (m, n, product.k, product.inner, *magic(product.inner), *strides, a.nbytes, b.nbytes)
    cut = () if whole else (*magic(product.batch), product.batch, way.chunk(product.k))
    bias, epilogue = (task.bias_arguments, task.epilogue.operands) if whole else ((), ())
    fused = (*bias, *task.norm_arguments, *task.prologue.operands, *epilogue)
    task.builder.launch(
        gemm.GEMM,
        parameters,
        item=task.item,
        grid=(-(-n // tile.n), -(-m // tile.m), product.batch * way.pieces),
        arguments=(a.place, b.place, to, *sizes, *cut, *fused),
        writes=(to, *(task.norm.moments if task.norm else ())),
        flops=task.flops if whole else 2 * product.batch * m * n * product.k,
        prelude=task.prologue.text + (task.epilogue.text if whole else ""),
        hint="_".join(filter(None, (tile.name, "split" * (not whole), "norm" * bool(task.norm), task.epilogue.hint * whole))),
        block=(tile.lanes, 1, 1),
    )


def _add(task: Task, way: Way, pieces: Place) -> None:
    """gemm_sum.hip."""
    product, c = task.product, task.product.c
    count = product.m * product.n
    parameters = {"BIAS": int(product.bias is not None), "TYPE_C": TAGS[c.place.dtype], **task.bias_types}
    batch = (way.pieces, product.batch, product.inner, *magic(product.inner))
    arguments = (pieces, c.place, product.m, product.n, *magic(product.n), *batch, c.k, c.outer, c.inner)
    task.builder.launch(
        gemm.GEMM_SUM,
        parameters,
        item=task.item,
        grid=(-(-count // 256), 1, product.batch),
        arguments=(*arguments, *task.bias_arguments, *task.epilogue.operands),
        writes=(c.place,),
        flops=task.flops - 2 * product.batch * count * product.k + product.batch * count * way.pieces,
        prelude=task.epilogue.text,
        hint=task.epilogue.hint,
    )
