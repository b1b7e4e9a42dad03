"""The launches of a tiled matrix product: gemm.hip, and gemm_sum.hip where a second launch adds up pieces of k."""

from __future__ import annotations

from dataclasses import replace

from amdc.codegen.builder import Operand, Place
from amdc.codegen.dtypes import TAGS
from amdc.codegen.lowerings.matmul_task import Task, Way
from amdc.codegen.lowerings.normed import RowParts
from amdc.codegen.magic import magic
from amdc.kernels import gemm
from amdc.kernels.gemm_tiles import GemmTile
from amdc.kernels.template import Value


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
        "SPREAD": product.spread,
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
