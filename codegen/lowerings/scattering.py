"""Writing at positions that index tensors hold, where several writes may meet at one place: they are put together in order."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.fx import Node

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.dtypes import C_TYPES
from amdc.codegen.elementwise import Source, launch_copy, launch_map
from amdc.codegen.expression import dtype_name
from amdc.codegen.indexing import Shape, broadcast_strides, dense_strides
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.operators import literal
from amdc.codegen.registry import lowers
from amdc.codegen.typed import access, arguments
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.kernels.ordering import SCATTER_REDUCE
from amdc.program import ITEM_SIZES

BLOCK = 256
# Clocks of one step, by reading the loops: looking at an index takes a wave's load and compare, and a CU has 40 waves to hide the
# latency; a step of a walk waits for a load, a load and a store of the same lane.
LOOK_CLOCKS, WALK_CLOCKS = 16, 1000
CARD_LANES = 64 * 4 * 32  # what a card of 32 CUs computes at once
OPS = {"sum": "SUM", "add": "SUM", "prod": "PROD", "multiply": "PROD", "amax": "MAX", "amin": "MIN", "mean": "MEAN"}
Strides3 = tuple[int, int, int]


@dataclass(frozen=True)
class Scatter:
    """out [outer, rows, inner] = x with src [outer, length, inner] put at the rows that index [outer, length, inner] holds.
    Index and src are walked by the strides given."""

    x: Node | Place
    index: Node | Place
    src: Node | Place
    op: str
    include_self: bool
    outer: int
    rows: int
    inner: int
    length: int
    index_strides: Strides3
    src_strides: Strides3

    @property
    def walks(self) -> bool:
        """Whether a lane should walk a column: not where many lanes look at everything in less time."""
        if not self.include_self or self.op == "MEAN":
            return False
        columns = self.outer * self.inner
        looks = max(1, columns * self.rows / CARD_LANES) * LOOK_CLOCKS
        return max(1, columns / CARD_LANES) * WALK_CLOCKS < looks


def _dtype(value: Node | Place) -> str:
    return value.dtype if isinstance(value, Place) else dtype_name(value)


def scatter_reduce(item: Item, builder: ProgramBuilder, scatter: Scatter, out: Place) -> None:
    """One launch of scatter_reduce.hip, behind a copy of x where lanes walk."""
    if out.numel == 0:
        return
    walks = scatter.walks
    if walks:
        shape = out.shape
        launch_copy(builder, item, shape, Source(scatter.x, out.dtype, dense_strides(shape)), out)
    lanes = scatter.outer * scatter.inner * (1 if walks else scatter.rows)
    sizes = (lanes, scatter.rows, *magic(scatter.rows), scatter.length, scatter.inner, *magic(scatter.inner))
    values: list[Operand] = [out, out if walks else scatter.x, scatter.index, scatter.src, *sizes]
    tensors = {"x": _dtype(scatter.x), "places": _dtype(scatter.index), "src": _dtype(scatter.src), "out": out.dtype}
    builder.launch(
        SCATTER_REDUCE,
        {"OP": f"OP_{scatter.op}", "SELF": int(scatter.include_self), "WALK": int(walks)},
        item=item,
        grid=(-(-lanes // BLOCK), 1, 1),
        arguments=[*values, *scatter.index_strides, *scatter.src_strides],
        writes=[out],
        flops=scatter.outer * scatter.inner * scatter.length,
        prelude=access(**tensors),
        hint=scatter.op.lower(),
    )


def _dense(item: Item, builder: ProgramBuilder, value: Node | Place, domain: Shape, strides: Shape, fill: str = "0") -> Place:
    """The value's elements at `strides` over a domain, copied into scratch; outside of its own extents: `fill`."""
    dtype, shape = _dtype(value), value.shape if isinstance(value, Place) else ir.shape(value)
    held = builder.scratch(f"{item.node.name}.dense", math.prod(domain) * ITEM_SIZES[dtype])
    window = {dim: (0, extent) for dim, extent in enumerate(shape) if len(shape) == len(domain) and 1 <= extent < domain[dim]}
    place = Place(held.buffer, dtype, domain)
    launch_copy(builder, item, domain, Source(value, dtype, strides, window=window if fill != "0" else {}, fill=fill), place)
    return place


@lowers(aten.scatter_add.default, aten.scatter_reduce.two, aten.scatter.reduce, aten.scatter.value_reduce)
def scatter_along(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim, index, src or value, reduce, *, include_self=True)"""
    given, shape = arguments(item), item.shape or (1,)
    x, index, dim = given["self"], given["index"], given["dim"] % len(shape)
    op, src = OPS[given.get("reduce", "sum")], given.get("src", given.get("value"))
    taken = ir.shape(index) or (1,)
    out = builder.place(item.node)
    if math.prod(taken) == 0:
        launch_copy(builder, item, item.shape, Source(x, out.dtype, dense_strides(item.shape)), out)
        return
    domain = (*shape[:dim], taken[dim], *shape[dim + 1 :])
    outer, inner, length = math.prod(shape[:dim]), math.prod(shape[dim + 1 :]), taken[dim]
    strides = (length * inner, inner, 1)
    if taken != domain:  # places that the index does not cover get a row that does not exist
        nowhere = literal(shape[dim], dtype_name(index))
        index = _dense(item, builder, index, domain, dense_strides(taken), nowhere)
    if not isinstance(src, Node):
        src, src_strides = _number(builder, src, out.dtype), (0, 0, 0)
    else:
        src_strides = strides
        if (ir.shape(src) or (1,)) != domain:
            src = _dense(item, builder, src, domain, _within(ir.shape(src), domain))
    found = Scatter(x, index, src, op, given.get("include_self", True), outer, shape[dim], inner, length, strides, src_strides)
    scatter_reduce(item, builder, found, out)


def _within(shape: Shape, domain: Shape) -> Shape:
    """The strides of a tensor that is larger or smaller than the domain. A smaller one is read out of its buffer's range, or
    at other elements, where no index asks for it."""
    return dense_strides(shape) if len(shape) == len(domain) else (0,) * len(domain)


def _number(builder: ProgramBuilder, value: Any, dtype: str) -> Place:
    """A constant of one element."""
    tensor = torch.tensor([value], dtype=getattr(torch, dtype))
    return builder.constant(f"number.{dtype}.{value}", tensor.numpy())


@lowers(aten.index_add.default)
def index_add(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim, index [length], source, *, alpha=1)"""
    given = arguments(item)
    if given["alpha"] == 1:
        _rows(item, builder, given["source"], "SUM", True)
        return
    source, dtype = given["source"], dtype_name(given["source"])
    held = builder.scratch(f"{item.node.name}.scaled", builder.place(source).nbytes)
    scaled, factor = Place(held.buffer, dtype, ir.shape(source)), literal(given["alpha"], dtype)
    operand = Source(source, dtype, dense_strides(scaled.shape))
    launch_map(builder, item, scaled.shape, [operand], scaled, lambda names: ([], f"({C_TYPES[dtype]})({names[0]} * {factor})"))
    _rows(item, builder, scaled, "SUM", True)


@lowers(aten.index_reduce.default)
def index_reduce(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim, index [length], source, reduce, *, include_self=True)"""
    given = arguments(item)
    _rows(item, builder, given["source"], OPS[given["reduce"]], given["include_self"])


@lowers(aten.index_copy.default)
def index_copy(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim, index [length], source)"""
    _rows(item, builder, arguments(item)["source"], "LAST", True)


@lowers(aten.index_fill.int_Scalar)
def index_fill(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim, index [length], value)"""
    value = _number(builder, arguments(item)["value"], dtype_name(item.args[0]))
    _rows(item, builder, value, "LAST", True, whole=False)


def _rows(item: Item, builder: ProgramBuilder, src: Node | Place, op: str, include_self: bool, whole: bool = True) -> None:
    """Whole slices of x are written; the index has one dimension. `whole` says that src has a slice for each index."""
    given, shape = arguments(item), item.shape or (1,)
    dim, (length,) = given["dim"] % len(shape), ir.shape(given["index"]) or (1,)
    outer, inner = math.prod(shape[:dim]), math.prod(shape[dim + 1 :])
    strides = (length * inner, inner, 1) if whole else (0, 0, 0)
    found = Scatter(given["self"], given["index"], src, op, include_self, outer, shape[dim], inner, length, (0, 1, 0), strides)
    scatter_reduce(item, builder, found, builder.place(item.node))


def put_and_add(item: Item, builder: ProgramBuilder, x: Node, indices: list[Node | None], values: Node) -> None:
    """index_put that adds up: the indexed dimensions are brought to the front, and their indices together are a row's number."""
    shape = ir.shape(x)
    used = [dim for dim, index in enumerate(indices) if index is not None]
    tensors = [index for index in indices if index is not None]
    together = used == list(range(used[0], used[-1] + 1))
    kept = [dim for dim in range(len(shape)) if dim not in used]
    ahead = used[0] if together else 0
    common = tuple(torch.broadcast_shapes(*(ir.shape(index) for index in tensors)))
    before, behind = tuple(shape[dim] for dim in kept[:ahead]), tuple(shape[dim] for dim in kept[ahead:])
    domain, out = (*before, *common, *behind), builder.place(item.node)
    rows = _row_numbers(item, builder, tensors, [shape[dim] for dim in used], common)
    src: Node | Place = values
    if ir.shape(values) != domain:
        src = _dense(item, builder, values, domain, broadcast_strides(ir.shape(values), domain))
    count, length = math.prod(shape[dim] for dim in used), math.prod(common)
    outer, inner = math.prod(before), math.prod(behind)
    strides = (length * inner, inner, 1)
    found = Scatter(x, rows, src, "SUM", True, outer, count, inner, length, (0, 1, 0), strides)
    if together:
        scatter_reduce(item, builder, found, out)
        return
    order = [*used, *kept]
    own = dense_strides(shape)
    front = tuple(shape[dim] for dim in order)
    moved = _dense(item, builder, x, front, tuple(own[dim] for dim in order))
    held = builder.scratch(f"{item.node.name}.front", out.nbytes)
    result = Place(held.buffer, out.dtype, front)
    scatter_reduce(item, builder, replace(found, x=moved), result)
    steps = dense_strides(front)
    launch_copy(builder, item, shape, Source(result, out.dtype, tuple(steps[order.index(dim)] for dim in range(len(shape)))), out)


def _row_numbers(item: Item, builder: ProgramBuilder, tensors: list[Node], extents: list[int], common: Shape) -> Place:
    """Several indices as one int32 number each: that of the row in the indexed dimensions taken together."""
    held = builder.scratch(f"{item.node.name}.rows", 4 * math.prod(common))
    rows = Place(held.buffer, "int32", common)
    sources = [Source(index, dtype_name(index), broadcast_strides(ir.shape(index), common)) for index in tensors]
    if any(source.dtype not in ("int64", "int32") for source in sources):
        raise ModelError(f"'{item.user_name}' adds up at places that a mask selects; kernels index with int32 or int64")
    steps = dense_strides(extents)

    def emit(names: list[str]) -> tuple[list[str], str]:
        terms = [f"amdc_wrap({name}, {extent}u) * {step}u" for name, extent, step in zip(names, extents, steps, strict=True)]
        return [], f"(int)({' + '.join(terms)})"

    launch_map(builder, item, common, sources, rows, emit, hint="rows")
    return rows


def put_where(item: Item, builder: ProgramBuilder, x: Node, indices: list[Node | None], values: Node) -> None:
    """index_put at one mask: values where it is true. Only values that are the same at each place that the mask selects: with
    others, which value goes where depends on how many places before it are selected."""
    used = [dim for dim, index in enumerate(indices) if index is not None]
    mask, first = indices[used[0]], used[0]
    assert mask is not None
    shape, rank, kept = item.shape, len(ir.shape(mask)), len(item.shape) - first - len(ir.shape(mask))
    given = ir.shape(values)
    if len(used) > 1 or first or len(given) > kept + 1 or (len(given) == kept + 1 and given[0] != 1) or _accumulates(item):
        raise ModelError(
            f"'{item.user_name}' puts several values at the places that a mask selects: which goes where depends on the mask's "
            "values; use where() with values for every place"
        )
    own = (*dense_strides(ir.shape(mask)), *(0,) * kept)
    spread = (0,) * rank + broadcast_strides(given[-kept:] if kept else (), shape[rank:])
    sources = [
        Source(mask, "bool", own),
        Source(x, dtype_name(x), dense_strides(shape)),
        Source(values, dtype_name(values), spread),
    ]
    out = builder.place(item.node)
    launch_map(builder, item, shape, sources, out, lambda names: ([], f"{names[0]} ? {names[2]} : {names[1]}"), hint="put")


def _accumulates(item: Item) -> bool:
    return arguments(item)["accumulate"] is True
