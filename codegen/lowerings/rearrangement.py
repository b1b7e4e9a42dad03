"""Operators that move elements by a rule for each dimension, or where a mask says."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.elementwise import RAW, Source, launch_copy, launch_map
from amdc.codegen.expression import dtype_name
from amdc.codegen.indexing import Shape, broadcast_strides, dense_strides
from amdc.codegen.item import Item
from amdc.codegen.lowerings.scans import Columns, scan
from amdc.codegen.operators import literal
from amdc.codegen.registry import lowers
from amdc.codegen.typed import arguments
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.ops import bits
from amdc.ir.pointwise import aten
from amdc.program import ITEM_SIZES


def _strided(item: Item, builder: ProgramBuilder, strides: Shape, offset: int) -> None:
    """The output's elements lie in x, dense, at these strides from an offset on."""
    x = item.args[0]
    launch_copy(builder, item, item.shape, Source(x, dtype_name(x), strides, offset), builder.place(item.node))


@lowers(aten.diagonal.default, aten.diagonal_copy.default)
def diagonal(item: Item, builder: ProgramBuilder) -> None:
    """(x, offset=0, dim1=0, dim2=1): the diagonal becomes the last dimension."""
    given, strides = arguments(item), dense_strides(ir.shape(item.args[0]))
    first, second, offset = given["dim1"] % len(strides), given["dim2"] % len(strides), given["offset"]
    kept = tuple(stride for dim, stride in enumerate(strides) if dim not in (first, second))
    start = offset * strides[second] if offset >= 0 else -offset * strides[first]
    _strided(item, builder, (*kept, strides[first] + strides[second]), start)


@lowers(aten.as_strided.default, aten.as_strided_copy.default)
def as_strided(item: Item, builder: ProgramBuilder) -> None:
    """(x, size, stride, storage_offset=None): positions in x's memory, which PyTorch must have dense as it is here."""
    given, x = arguments(item), item.args[0]
    if not x.meta["val"].is_contiguous() or x.meta["val"].storage_offset():
        raise ModelError(
            f"'{item.user_name}' takes as_strided of a view, which depends on how memory is laid out: copy it before"
        )
    _strided(item, builder, tuple(given["stride"]), given["storage_offset"] or 0)


@lowers(aten.unfold.default, aten.unfold_copy.default)
def unfold(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim, size, step): windows along dim; their elements become the last dimension."""
    x, dim, _, step = item.args
    strides = dense_strides(ir.shape(x)) or (1,)
    dim %= len(strides)
    moved = tuple(stride * step if d == dim else stride for d, stride in enumerate(strides))
    _strided(item, builder, ((*moved, strides[dim]) if ir.shape(x) else (1,)), 0)


def by_tables(item: Item, builder: ProgramBuilder, x: Node, tables: dict[int, np.ndarray]) -> None:
    """out[..., i, ...] = x[..., table[i], ...] along each dimension that has a table; the tables are constants of the bundle."""
    strides, sources, steps = list(dense_strides(item.shape)), [], []
    shape = ir.shape(x)
    own = list(dense_strides(shape))
    for dim, table in sorted(tables.items()):
        array = table.astype(np.int32)
        place = builder.constant(f"table.{hashlib.sha256(array.tobytes()).hexdigest()[:12]}", array)
        sources.append(Source(place, "int32", tuple(int(d == dim) for d in range(len(strides)))))
        steps.append((len(sources) - 1, own[dim], shape[dim]))
        own[dim] = 0
    raw, out = RAW[ITEM_SIZES[dtype_name(x)]], builder.place(item.node)
    sources.append(Source(x, raw, tuple(own), gathered=tuple(steps)))
    target = Place(out.buffer, raw, out.shape, out.offset)
    launch_map(builder, item, item.shape, sources, target, lambda names: ([], names[-1]), hint="by_tables")


_REFLECTIONS = tuple(getattr(aten, f"reflection_pad{rank}d").default for rank in (1, 2, 3))
_REPLICATIONS = tuple(getattr(aten, f"replication_pad{rank}d").default for rank in (1, 2, 3))


@lowers(*_REFLECTIONS, *_REPLICATIONS)
def pad_from_inside(item: Item, builder: ProgramBuilder) -> None:
    """(x, pads): before and behind the last dimension, then the one before it, ..."""
    x, pads = item.args
    rank, tables = len(item.shape), dict[int, np.ndarray]()
    reflect = item.anchor is not None and item.anchor.target in _REFLECTIONS
    for place in range(len(pads) // 2):
        dim, low = rank - 1 - place, pads[2 * place]
        if low or pads[2 * place + 1]:
            last = ir.shape(x)[dim] - 1
            positions = np.arange(item.shape[dim]) - low
            tables[dim] = last - np.abs(last - np.abs(positions)) if reflect else np.clip(positions, 0, last)
    by_tables(item, builder, x, tables)


@lowers(aten.roll.default)
def roll(item: Item, builder: ProgramBuilder) -> None:
    """(x, shifts, dims=[]): without dims the elements in row-major order are rolled."""
    given, x, out = arguments(item), item.args[0], builder.place(item.node)
    shifts = [given["shifts"]] if isinstance(given["shifts"], int) else list(given["shifts"])
    if not given["dims"]:
        _roll_all(item, builder, x, shifts[0], out)
        return
    tables = dict[int, np.ndarray]()
    for shift, dim in zip(shifts, given["dims"], strict=True):
        dim %= len(item.shape)
        table = tables.get(dim, np.arange(item.shape[dim]))
        tables[dim] = np.roll(table, shift)
    by_tables(item, builder, x, tables)


def _roll_all(item: Item, builder: ProgramBuilder, x: Node, shift: int, out: Place) -> None:
    """Two copies: what stays in order on either side of the seam."""
    count, dtype = out.numel, dtype_name(x)
    seam = shift % max(1, count)
    for length, source, target in ((count - seam, 0, seam), (seam, count - seam, 0)):
        launch_copy(builder, item, (length,), Source(x, dtype, (1,), source), out, out_strides=(1,), out_offset=target)


@lowers(aten.repeat_interleave.self_int)
def repeat_interleave(item: Item, builder: ProgramBuilder) -> None:
    """(x, repeats, dim=None): each element several times in a row."""
    given, x = arguments(item), item.args[0]
    shape, repeats = ir.shape(x), given["repeats"]
    dim = given["dim"]
    before, behind = (shape, ()) if dim is None else (shape[: dim % len(shape) + 1], shape[dim % len(shape) + 1 :])
    domain = (math.prod(before), repeats, math.prod(behind))
    launch_copy(builder, item, domain, Source(x, dtype_name(x), (domain[2], 0, 1)), builder.place(item.node))


@lowers(aten.masked_scatter.default)
def masked_scatter(item: Item, builder: ProgramBuilder) -> None:
    """(x, mask, source): the places where the mask is true take the source's elements in order, counted by a running sum."""
    x, mask, source = item.args
    shape, out = item.shape, builder.place(item.node)
    count = math.prod(shape)
    if count == 0 or math.prod(ir.shape(source)) == 0:
        launch_copy(builder, item, shape, Source(x, out.dtype, dense_strides(shape)), out)
        return
    spread = broadcast_strides(ir.shape(mask), shape)
    whole = Place(builder.scratch(f"{item.node.name}.mask", count).buffer, "bool", shape)
    launch_copy(builder, item, shape, Source(mask, "bool", spread), whole)
    numbers = Place(builder.scratch(f"{item.node.name}.numbers", 4 * count).buffer, "int32", shape)
    scan(item, builder, "SUM", whole, numbers, Columns(1, count, 1, exclusive=True))
    dense, dtype = dense_strides(shape), dtype_name(x)
    taken = Source(source, dtype, (0,) * len(shape), gathered=((0, 1, math.prod(ir.shape(source))),))
    sources = [Source(numbers, "int32", dense), Source(whole, "bool", dense), Source(x, dtype, dense), taken]
    launch_map(
        builder, item, shape, sources, out, lambda names: ([], f"{names[1]} ? {names[3]} : {names[2]}"), hint="masked_scatter"
    )


@lowers(aten.copy.default)
def copy(item: Item, builder: ProgramBuilder) -> None:
    """(x, source): the source, broadcast and converted to x's shape and dtype."""
    source, out = item.args[1], builder.place(item.node)
    operand = Source(source, dtype_name(source), broadcast_strides(ir.shape(source), item.shape))
    launch_map(builder, item, item.shape, [operand], out, lambda names: ([], names[0]), hint="convert")


@lowers(bits.bit_cast)
def bit_cast(item: Item, builder: ProgramBuilder) -> None:
    """(x, dtype): the same memory, of another dtype of the same width."""
    builder.alias(item.node, builder.place(item.args[0]))


@lowers(aten.fill.Scalar)
def fill(item: Item, builder: ProgramBuilder) -> None:
    """(x, value)"""
    out = builder.place(item.node)
    launch_map(builder, item, item.shape, [], out, lambda names: ([], literal(item.args[1], out.dtype)), hint="fill")


@lowers(aten.empty.memory_format, aten.empty_strided.default, aten.empty_permuted.default, aten.new_empty.default)
def empty(item: Item, builder: ProgramBuilder) -> None:
    """Any values would do; zeros are the same in each run."""
    out = builder.place(item.node)
    launch_map(builder, item, item.shape, [], out, lambda names: ([], literal(0, out.dtype)), hint="fill")


@lowers(aten.max_unpool2d.default, aten.max_unpool3d.default)
def max_unpool(item: Item, builder: ProgramBuilder) -> None:
    """(x, indices, output_size, ...): each value goes to its index in its plane, the rest is zero."""
    x, indices = item.args[:2]
    rank = len(item.args[2])
    out, dtype = builder.place(item.node), dtype_name(x)
    launch_map(builder, item, item.shape, [], out, lambda names: ([], literal(0, out.dtype)), hint="fill")
    taken, plane = math.prod(ir.shape(x)[-rank:]), math.prod(item.shape[-rank:])
    domain = (math.prod(item.shape[:-rank]), taken)
    sources = [Source(indices, dtype_name(indices), (taken, 1)), Source(x, dtype, (taken, 1))]
    launch_map(
        builder,
        item,
        domain,
        sources,
        out,
        lambda names: ([], names[1]),
        out_strides=(plane, 0),
        out_gathered=((0, 1, plane),),
        hint="scatter",
    )
