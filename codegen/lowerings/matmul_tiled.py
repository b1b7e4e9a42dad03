"""Matrix products by tiles: the candidates of gemm.hip, whole or cut along k, and their launches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from torch.fx import Node

from amdc.codegen.builder import COUNTERS, Operand, Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import FusedExpression, dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_cost import Cut, tiled_us
from amdc.codegen.lowerings.matmul_operands import MAX_BYTES, Product
from amdc.codegen.lowerings.normed import RowParts
from amdc.codegen.magic import magic
from amdc.kernels import gemm
from amdc.kernels.gemm_tiles import GEMM_TILES, GemmTile
from amdc.kernels.template import Value
from amdc.program import ITEM_SIZES
from amdc.target import Target

PIECES = (2, 3, 4, 5, 6, 8, 9, 12, 16, 24, 32)  # of k, where it is cut
LEAST_STAGES = 4  # of a piece: below, starting and adding it costs more than it saves
CAMPING_BYTES, L2_BYTES = 512, 2 << 20  # channels interleave every 256 bytes, 4 KiB in all [GFX803.md]
FULL = 4  # work-groups a CU: from there on, pieces of k would only add bytes


@dataclass(frozen=True)
class RowNorm:
    """What A's rows go through: layer norm (`centred`) or RMS norm, with gain and shift by k. `moments`: where mean and scale of
    each row go, if something needs them. `parts`: what the product that made A left of its rows."""

    gain: Node | None
    shift: Node | None
    epsilon: float
    centred: bool
    moments: tuple[Place, ...] = ()
    parts: RowParts | None = None

    @property
    def affine(self) -> int:
        return (self.gain is not None) + (self.shift is not None)


@dataclass(frozen=True)
class Task:
    """A product to lay out, with what is fused into it. `leaves`: also the parts of its rows' moments, for a norm behind it."""

    item: Item
    builder: ProgramBuilder
    product: Product
    prologue: FusedExpression
    epilogue: FusedExpression
    norm: RowNorm | None = None
    leaves: bool = False

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
        kinds = {
            "NORM": 2 if norm.parts else 1,
            "NORM_WIDTH": self.product.k,
            "NORM_CENTRED": int(norm.centred),
            "NORM_AFFINE": norm.affine,
        }
        tag = TAGS[dtype_name(norm.gain)] if norm.gain is not None else "float"
        return {**kinds, "MOMENTS": int(bool(norm.moments)), "TYPE_AFFINE": tag}

    @property
    def norm_arguments(self) -> tuple[Operand, ...]:
        norm, x = self.norm, self.product.a.place
        if norm is None:
            return ()
        affine = (x if norm.gain is None else norm.gain, x if norm.shift is None else norm.shift)
        parts = (norm.parts.place, norm.parts.count, norm.parts.columns) if norm.parts else ()
        return (*affine, norm.epsilon, *parts, *norm.moments)

    @property
    def layouts(self) -> tuple[int, int]:
        return self.product.a.layout(self.product.k), self.product.b.layout(self.product.k)


@dataclass(frozen=True)
class Way:
    """A tile, and how many pieces k is cut into; `joined`: the last work-group of a tile adds them, else a second launch."""

    tile: GemmTile
    pieces: int
    joined: bool = False

    @property
    def name(self) -> str:
        return self.tile.name + (f" {'join' if self.joined else 'split'}{self.pieces}" if self.pieces > 1 else "")

    @property
    def apart(self) -> bool:
        """Whether a second launch adds up."""
        return self.pieces > 1 and not self.joined

    def chunk(self, k: int) -> int:
        """Values of k of a piece: whole stages."""
        return -(-k // (self.pieces * self.tile.k)) * self.tile.k


def candidates(task: Task) -> list[Candidate]:
    """All ways, the cheapest first. Which there are does not hang on costs, so that tuned choices outlive a better formula."""
    target, product = task.builder.target, task.product
    reads = task.norm is not None and task.norm.parts is None
    costs = {
        way: tiled_us(product, way.tile, task.layouts, Cut(way.pieces, way.joined), target, reads)
        for way in _ways(product, target)
        if not (task.leaves and way.apart)
    }
    best = sorted(costs, key=costs.__getitem__)
    return [Candidate(way.name, partial(costs.__getitem__, way), partial(build, task, way)) for way in best]


def _ways(product: Product, target: Target) -> Iterator[Way]:
    """Every tile with k whole; with k in pieces where its work-groups do not fill the card."""
    for tile in GEMM_TILES:
        yield Way(tile, 1)
        if tile.groups(product.m, product.n) * product.batch >= FULL * target.card().compute_units:
            continue
        tiles = tile.groups(product.m, product.n) * product.batch
        for pieces in PIECES:
            chunk = Way(tile, pieces).chunk(product.k)
            whole = chunk * (pieces - 1) < product.k and chunk >= LEAST_STAGES * tile.k
            if not whole or 4 * pieces * tiles * tile.m * tile.n >= MAX_BYTES:
                continue
            yield Way(tile, pieces)
            if tiles * tile.waves <= COUNTERS:
                yield Way(tile, pieces, True)


def build(task: Task, way: Way) -> None:
    """Lay out the launch, or both."""
    if not way.apart:
        _multiply(task, way, task.product.c.place)
        return
    product = task.product
    nbytes = 4 * way.pieces * product.batch * product.m * product.n
    pieces = replace(task.builder.scratch(f"{task.item.node.name}.pieces", nbytes), dtype="float32", shape=(nbytes // 4,))
    _multiply(task, way, pieces)
    _add(task, way, pieces)


def _cut(task: Task, way: Way) -> tuple[tuple[Operand, ...], tuple[Place, ...]]:
    """The arguments of gemm.hip about pieces of k, and what of them is used within the launch."""
    product, tile = task.product, way.tile
    if way.pieces == 1:
        return (), ()
    cut = (*magic(product.batch), product.batch, way.chunk(product.k))
    if not way.joined:
        return cut, ()
    tiles = tile.groups(product.m, product.n) * product.batch
    nbytes = 4 * tiles * way.pieces * tile.m * tile.n
    inside = task.builder.scratch(f"{task.item.node.name}.parts", nbytes), task.builder.counters(tiles * tile.waves)
    return (*cut, *inside, way.pieces), inside


def _camps(product: Product) -> bool:
    """Whether the rows of A start in few of the memory channels, and A stays in L2 though its work-groups do not read in step."""
    pitch = product.a.column * ITEM_SIZES[product.a.place.dtype]
    runs_along_k = product.a.k == 1 and product.a.column > 1
    return runs_along_k and pitch % CAMPING_BYTES == 0 and product.a.nbytes * product.batch <= L2_BYTES


def _left(task: Task, tile: GemmTile) -> Place:
    """Where the product leaves the parts of its rows' moments."""
    rows, count = task.product.m, -(-task.product.n // tile.n)
    place = task.builder.activation(f"{task.item.node.name}.row_parts", "float32", (2, count, rows))
    task.builder.row_parts[task.item.node] = RowParts(place, count, tile.n)
    return place


def _multiply(task: Task, way: Way, to: Place) -> None:
    """gemm.hip. A piece for a second launch is stored as it is; the bias and the epilogue come with the sum."""
    product, tile, whole = task.product, way.tile, not way.apart
    m, n, a, b, c = product.m, product.n, product.a, product.b, product.c
    aligned = c.layout() == gemm.VECTORS if whole else True
    parameters: dict[str, Value] = tile.defines() | {
        "LAYOUT_A": task.layouts[0],
        "LAYOUT_B": task.layouts[1],
        "VECTOR_C": int(n % 4 == 0 and tile.thread_n % 4 == 0 and aligned),
        "BIAS": int(whole and product.bias is not None),
        "SPLIT": 0 if way.pieces == 1 else 2 if way.joined else 1,
        "TYPE_A": TAGS[a.place.dtype],
        "TYPE_B": TAGS[b.place.dtype],
        "TYPE_C": TAGS[to.dtype],
        **(task.bias_types if whole else {}),
        **task.norm_parameters,
        "ROW_PARTS": int(task.leaves),
        "SPREAD": int(_camps(product)),
    }
    strides = (a.column, a.k, a.outer, a.inner, b.column, b.k, b.outer, b.inner, c.k, c.outer, c.inner)
    sizes = (m, n, product.k, product.inner, *magic(product.inner), *strides, a.nbytes, b.nbytes)
    cut, inside = _cut(task, way)
    bias, epilogue = (task.bias_arguments, task.epilogue.operands) if whole else ((), ())
    left = (_left(task, tile),) if task.leaves else ()
    fused = (*bias, *task.norm_arguments, *left, *task.prologue.operands, *epilogue)
    task.builder.launch(
        gemm.GEMM,
        parameters,
        item=task.item,
        grid=(-(-n // tile.n), -(-m // tile.m), product.batch * way.pieces),
        arguments=(a.place, b.place, to, *sizes, *cut, *fused),
        writes=(to, *(task.norm.moments if task.norm else ()), *left),
        inside=inside,
        flops=task.flops if whole else 2 * product.batch * m * n * product.k,
        prelude=task.prologue.text + (task.epilogue.text if whole else ""),
        hint="_".join(
            filter(
                None,
                (tile.name, "split" * (not whole), "join" * way.joined, "norm" * bool(task.norm), task.epilogue.hint * whole),
            )
        ),
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
