"""Operators that move elements: one copy through strides each. Those that move none stand in views.py."""

from __future__ import annotations

import math

from torch.fx import Node

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.concat_in_place import concat_dim, parts
from amdc.codegen.elementwise import BLOCK, Source, launch_copy, launch_map
from amdc.codegen.expression import dtype_name
from amdc.codegen.indexing import Shape, dense_strides
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.operators import literal
from amdc.codegen.registry import lowers
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.kernels.catalog import CONCAT
from amdc.program import ITEM_SIZES


def _copy_as(item: Item, builder: ProgramBuilder, domain: Shape, strides: Shape) -> None:
    """The output's elements in row-major order are those of `domain`, which holds the same number of elements."""
    x = item.args[0]
    launch_copy(builder, item, domain, Source(x, dtype_name(x), strides), builder.place(item.node))


@lowers(aten.repeat.default)
def repeat(item: Item, builder: ProgramBuilder) -> None:
    """Each dimension becomes a pair (repeat, extent), the first with stride 0."""
    x, times = item.args
    padded = (1,) * (len(times) - len(ir.shape(x))) + ir.shape(x)
    strides = dense_strides(padded)
    domain = tuple(extent for pair in zip(times, padded, strict=True) for extent in pair)
    _copy_as(item, builder, domain, tuple(stride for own in strides for stride in (0, own)))


def _shuffle(item: Item, builder: ProgramBuilder, inner_shape: Shape, order: tuple[int, ...]) -> None:
    """A reshape to `inner_shape`, a permutation to `order`, and a reshape."""
    strides = dense_strides(inner_shape)
    _copy_as(item, builder, tuple(inner_shape[dim] for dim in order), tuple(strides[dim] for dim in order))


@lowers(aten.pixel_shuffle.default)
def pixel_shuffle(item: Item, builder: ProgramBuilder) -> None:
    x, r = item.args
    *batch, c, h, w = ir.shape(x)
    _shuffle(item, builder, (math.prod(batch), c // (r * r), r, r, h, w), (0, 1, 4, 2, 5, 3))


@lowers(aten.pixel_unshuffle.default)
def pixel_unshuffle(item: Item, builder: ProgramBuilder) -> None:
    x, r = item.args
    *batch, c, h, w = ir.shape(x)
    _shuffle(item, builder, (math.prod(batch), c, h // r, r, w // r, r), (0, 1, 3, 5, 2, 4))


@lowers(aten.channel_shuffle.default)
def channel_shuffle(item: Item, builder: ProgramBuilder) -> None:
    x, groups = item.args
    n, c, *rest = ir.shape(x)
    _shuffle(item, builder, (n, groups, c // groups, math.prod(rest)), (0, 2, 1, 3))


@lowers(aten.constant_pad_nd.default)
def constant_pad(item: Item, builder: ProgramBuilder) -> None:
    """Copies the inside and fills the rest; negative padding crops."""
    x, pads = item.args[:2]
    value = item.args[2] if len(item.args) > 2 else item.kwargs.get("value", 0)
    strides, offset = dense_strides(ir.shape(x)), 0
    window: dict[int, tuple[int, int]] = {}
    for place in range(len(pads) // 2):
        dim = len(strides) - 1 - place
        low, high = pads[2 * place], pads[2 * place + 1]
        offset -= low * strides[dim]
        if low > 0 or high > 0:
            window[dim] = low, ir.shape(x)[dim]
    source = Source(x, dtype_name(x), strides, offset, window, literal(value, dtype_name(x)))
    launch_map(builder, item, item.shape, [source], builder.place(item.node), lambda names: ([], names[0]), hint="pad")


MAX_PARTS = 16  # of one launch of concat.hip


@lowers(aten.cat.default)
def cat(item: Item, builder: ProgramBuilder) -> None:
    """One launch for every 16 inputs that do not lie in place already; dtypes of less than 4 bytes take a copy for each input."""
    dim, out = concat_dim(item.node), builder.place(item.node)
    step = math.prod(item.shape[dim + 1 :])
    whole = math.prod(item.shape[:dim]) == 1
    left = []
    for x, start in parts(item.node):
        place = builder.place(x)
        if not whole or (place.buffer, place.offset) != (out.buffer, out.offset + start * step * ITEM_SIZES[out.dtype]):
            left.append((x, start))
    if not left:
        builder.name_last(item.node)
    elif any(dtype_name(x) != out.dtype for x, _ in left) or ITEM_SIZES[out.dtype] < 4:
        for x, start in left:
            _copy_part(item, builder, x, ir.shape(x), dense_strides(item.shape), start * step)
    else:
        words = ITEM_SIZES[out.dtype] // 4 * step
        joined = [(x, ir.shape(x)[dim] * words, start * words) for x, start in left]
        for first in range(0, len(joined), MAX_PARTS):
            _join(item, builder, out, joined[first : first + MAX_PARTS], item.shape[dim] * words)


@lowers(aten.stack.default)
def stack(item: Item, builder: ProgramBuilder) -> None:
    """A concatenation of the inputs with the new dimension put in."""
    inputs = item.args[0]
    dim = (item.args[1] if len(item.args) > 1 else item.kwargs.get("dim", 0)) % len(item.shape)
    step, strides = math.prod(item.shape[dim + 1 :]), dense_strides(item.shape)
    for start, x in enumerate(inputs):
        _copy_part(item, builder, x, ir.shape(x), strides[:dim] + strides[dim + 1 :], start * step)


def _copy_part(item: Item, builder: ProgramBuilder, x: Node, domain: Shape, strides: Shape, start: int) -> None:
    """One input's elements into its place in the output, converted to the output's dtype."""
    out, source = builder.place(item.node), Source(x, dtype_name(x), dense_strides(domain))
    launch_map(
        builder, item, domain, [source], out, lambda names: ([], names[0]), out_strides=strides, out_offset=start, hint="part"
    )


def _join(item: Item, builder: ProgramBuilder, out: Place, parts: list[tuple[Node, int, int]], row: int) -> None:
    """One launch of concat.hip; a part is (input, dwords in each output row, its start in the row)."""
    wide = 4 if all(size % 4 == 0 and start % 4 == 0 for _, size, start in parts) and row % 4 == 0 else 1
    params: list[str] = []
    cases: list[str] = []
    arguments: list[Operand] = []
    groups = 0
    for k, (x, size, start) in enumerate(parts):
        names = [f"p{k}{suffix}" for suffix in ("", "_bytes", "_size", "_multiplier", "_shift", "_start", "_first")]
        params += [f"const void *{names[0]}", *(f"unsigned {name}" for name in names[1:])]
        cases.append(f"amdc_part{{{', '.join(names)}}}")
        arguments += [x, size, *magic(size), start, groups]
        groups += -(-builder.place(x).nbytes // (4 * wide * BLOCK))
    chosen = "".join(f"amdc_group_x() < p{k + 1}_first ? {case} : " for k, case in enumerate(cases[:-1])) + cases[-1]
    builder.launch(
        CONCAT,
        {"COUNT": len(parts), "WORDS": wide},
        item=item,
        grid=(groups, 1, 1),
        arguments=[out, row, *arguments],
        writes=[out],
        prelude=f"#define AMDC_PART_PARAMS , {', '.join(params)}\n#define AMDC_PICK(part) part = {chosen}\n",
        hint=str(len(parts)),
    )
