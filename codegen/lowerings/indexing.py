"""Reading and writing at positions that an index tensor holds."""

from __future__ import annotations

import torch
from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.elementwise import RAW, Source, launch_copy, launch_map
from amdc.codegen.expression import dtype_name
from amdc.codegen.indexing import Shape, broadcast_strides, dense_strides
from amdc.codegen.item import Item
from amdc.codegen.lowerings.scattering import put_and_add, put_where
from amdc.codegen.operators import literal
from amdc.codegen.registry import lowers
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.ops.embedding_sum import embedding_sum
from amdc.ir.pointwise import aten
from amdc.program import ITEM_SIZES


def _raw(value: Node | Place, dtype: str, strides: Shape, gathered: tuple[tuple[int, int, int], ...] = ()) -> Source:
    return Source(value, RAW[ITEM_SIZES[dtype]], strides, gathered=gathered)


def _raw_place(place: Place) -> Place:
    return Place(place.buffer, RAW[ITEM_SIZES[place.dtype]], place.shape, place.offset)


def _read(
    item: Item, builder: ProgramBuilder, x: Node, indices: list[Source], strides: Shape, steps: list[tuple[int, int]]
) -> None:
    """out = x at coordinates * strides + the sum of index k * step k; `steps` are (stride, extent) of the dimensions indexed."""
    gathered = tuple((k, stride, extent) for k, (stride, extent) in enumerate(steps))
    source = _raw(x, dtype_name(x), strides, gathered)
    out = _raw_place(builder.place(item.node))
    launch_map(builder, item, item.shape, [*indices, source], out, lambda names: ([], names[-1]), hint="gather")


@lowers(aten.index_select.default)
def index_select(item: Item, builder: ProgramBuilder) -> None:
    x, dim, index = item.args
    dim %= len(ir.shape(x))
    strides = list(dense_strides(ir.shape(x)))
    step, strides[dim] = (strides[dim], ir.shape(x)[dim]), 0
    along = tuple(int(d == dim) for d in range(len(strides)))
    _read(item, builder, x, [Source(index, dtype_name(index), along)], tuple(strides), [step])


@lowers(aten.embedding.default)
def embedding(item: Item, builder: ProgramBuilder) -> None:
    """(weight [rows, width], indices, ...)"""
    weight, index = item.args[:2]
    rows, width = ir.shape(weight)
    strides = (0,) * len(ir.shape(index)) + (1,)
    _read(
        item, builder, weight, [Source(index, dtype_name(index), (*dense_strides(ir.shape(index)), 0))], strides, [(width, rows)]
    )


@lowers(embedding_sum)
def sum_of_embeddings(item: Item, builder: ProgramBuilder) -> None:
    """(first [V,W], i [N], second [U,W], j [N]), fp32"""
    first, i, second, j = item.args
    indices = [Source(index, dtype_name(index), (1, 0)) for index in (i, j)]
    tables = [
        Source(table, dtype_name(table), (0, 1), gathered=((k, ir.shape(table)[1], ir.shape(table)[0]),))
        for k, table in enumerate((first, second))
    ]
    out = builder.place(item.node)
    launch_map(
        builder,
        item,
        item.shape,
        [*indices, *tables],
        out,
        lambda names: ([], f"{names[2]} + {names[3]}"),
        flops=out.numel,
        hint="gather_add",
    )


@lowers(aten.gather.default)
def gather(item: Item, builder: ProgramBuilder) -> None:
    x, dim, index = item.args[:3]
    dim %= max(1, len(ir.shape(x)))
    strides = list(dense_strides(ir.shape(x)))
    step, strides[dim] = (strides[dim], ir.shape(x)[dim]), 0
    _read(item, builder, x, [Source(index, dtype_name(index), dense_strides(item.shape))], tuple(strides), [step])


def _advanced(x: Node, indices: list[Node | None], domain: Shape) -> tuple[list[Source], Shape, list[tuple[int, int]]]:
    """The sources, x's strides over `domain` and the steps of aten.index: index tensors broadcast together; their dimensions take
    their place where they stand side by side, else they come first."""
    shape, strides = ir.shape(x), dense_strides(ir.shape(x))
    used = [dim for dim, index in enumerate(indices) if index is not None]
    tensors = [index for index in indices if index is not None]
    rank = max(len(ir.shape(index)) for index in tensors)
    together = used == list(range(used[0], used[-1] + 1))
    start = used[0] if together else 0
    kept = [dim for dim in range(len(shape)) if dim not in used]
    before, behind = kept[:start], kept[start:]
    steps = [(strides[dim], shape[dim]) for dim in used]
    own = tuple(strides[dim] for dim in before) + (0,) * rank + tuple(strides[dim] for dim in behind)
    common = domain[start : start + rank]
    sources = []
    for index in tensors:
        if dtype_name(index) not in ("int64", "int32"):
            raise ModelError(f"'{index.name}' indexes '{x.name}' with {dtype_name(index)}; kernels index with int32 or int64")
        spread = broadcast_strides(ir.shape(index), common)
        sources.append(Source(index, dtype_name(index), (0,) * start + spread + (0,) * len(behind)))
    return sources, own, steps


@lowers(aten.index.Tensor, aten._unsafe_index.Tensor)
def index(item: Item, builder: ProgramBuilder) -> None:
    x, indices = item.args
    sources, strides, steps = _advanced(x, list(indices), item.shape)
    _read(item, builder, x, sources, strides, steps)


def _start_from(item: Item, builder: ProgramBuilder, x: Node) -> Place:
    """The output as a copy of x, to be written into; x itself where both share a place (a state updated in place)."""
    out = builder.place(item.node)
    if out == builder.place(x):
        return out
    launch_copy(builder, item, item.shape, Source(x, dtype_name(x), dense_strides(item.shape)), out)
    return out


def _write(
    item: Item,
    builder: ProgramBuilder,
    out: Place,
    domain: Shape,
    sources: list[Source],
    strides: Shape,
    steps: list[tuple[int, int]],
    fill: str | None = None,
) -> None:
    """out at coordinates * strides + indices * steps = the last source, or `fill`. Of several writes to a place one stays."""
    gathered = tuple((k, stride, extent) for k, (stride, extent) in enumerate(steps))
    launch_map(
        builder,
        item,
        domain,
        sources,
        out,
        lambda names: ([], fill or names[-1]),
        out_strides=strides,
        out_gathered=gathered,
        hint="scatter",
    )


@lowers(aten.scatter.src, aten.scatter.value)
def scatter(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim, index, src or value)"""
    x, dim, places, value = item.args[:4]
    dim %= max(1, len(item.shape))
    out, domain = _start_from(item, builder, x), ir.shape(places)
    strides = list(dense_strides(item.shape))
    step, strides[dim] = (strides[dim], item.shape[dim]), 0
    sources = [Source(places, dtype_name(places), dense_strides(domain))]
    if isinstance(value, Node):
        sources.append(Source(value, dtype_name(value), dense_strides(ir.shape(value))))
        _write(item, builder, out, domain, sources, tuple(strides), [step])
    else:
        _write(item, builder, out, domain, sources, tuple(strides), [step], literal(value, out.dtype))


@lowers(aten.index_put.default, aten._unsafe_index_put.default)
def index_put(item: Item, builder: ProgramBuilder) -> None:
    """(x, indices, values, accumulate=False)"""
    x, indices, values = item.args[:3]
    masks = [i for i in indices if i is not None and ir.dtype(i) in (torch.bool, torch.uint8)]
    if masks:
        put_where(item, builder, x, list(indices), values)
        return
    if (item.args[3] if len(item.args) > 3 else item.kwargs.get("accumulate", False)) is True:
        put_and_add(item, builder, x, list(indices), values)
        return
    rank = max(len(ir.shape(i)) for i in indices if i is not None)
    used = [dim for dim, i in enumerate(indices) if i is not None]
    start = used[0] if used == list(range(used[0], used[-1] + 1)) else 0
    kept = [extent for dim, extent in enumerate(item.shape) if dim not in used]
    common = tuple(
        max(
            (ir.shape(i)[len(ir.shape(i)) - rank + d] if len(ir.shape(i)) - rank + d >= 0 else 1)
            for i in indices
            if i is not None
        )
        for d in range(rank)
    )
    domain = (*kept[:start], *common, *kept[start:])
    out = _start_from(item, builder, x)
    sources, strides, steps = _advanced(x, list(indices), domain)
    sources.append(Source(values, dtype_name(values), broadcast_strides(ir.shape(values), domain)))
    _write(item, builder, out, domain, sources, strides, steps)


@lowers(aten.slice_scatter.default)
def slice_scatter(item: Item, builder: ProgramBuilder) -> None:
    """(x, src, dim=0, start, end, step)"""
    x, src, *rest = item.args
    dim = (rest[0] if rest else 0) % len(item.shape)
    start = rest[1] if len(rest) > 1 else None
    step = rest[3] if len(rest) > 3 else 1
    extent = item.shape[dim]
    start = min(max((start or 0) + (extent if (start or 0) < 0 else 0), 0), extent)
    strides = list(dense_strides(item.shape))
    offset, strides[dim] = start * strides[dim], strides[dim] * step
    _patch(item, builder, x, src, ir.shape(src), tuple(strides), offset)


@lowers(aten.select_scatter.default)
def select_scatter(item: Item, builder: ProgramBuilder) -> None:
    """(x, src, dim, index)"""
    x, src, dim, place = item.args
    dim %= len(item.shape)
    strides = dense_strides(item.shape)
    offset = place % item.shape[dim] * strides[dim]
    _patch(item, builder, x, src, ir.shape(src), strides[:dim] + strides[dim + 1 :], offset)


def _patch(item: Item, builder: ProgramBuilder, x: Node, src: Node, domain: Shape, strides: Shape, offset: int) -> None:
    out = _start_from(item, builder, x)
    source = Source(src, dtype_name(src), dense_strides(domain))
    launch_copy(builder, item, domain, source, out, out_strides=strides, out_offset=offset)
