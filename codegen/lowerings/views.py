"""Operators that say where elements lie and move none: their values stay views until a kernel needs them side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.elementwise import Source, launch_copy
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.registry import lowers
from amdc.codegen.strided_view import Layout, StridedView, common_atoms
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.program import ITEM_SIZES


def give(item: Item, builder: ProgramBuilder, x: Node, change: Callable[[Layout], Layout | None], index: int = 0) -> None:
    """Let output `index` hold x's elements as `change` lays them out: the same memory where they lie densely there, a view where
    kernels may read it in place. Where the layout of x itself cannot be changed so, x is copied first."""
    value = item.node.meta["val"]
    value = value[index] if isinstance(value, (tuple, list)) else value
    shape = tuple(map(int, value.shape))
    if 0 in shape:
        builder.place(item.node, index)
        return
    view = builder.view(x)
    layout = change(view.layout)
    if layout is None:
        view = StridedView(builder.place(x), Layout.dense(ir.shape(x)))
        layout = change(view.layout)
    assert layout is not None and layout.shape == shape, f"{item.node}: {layout} instead of {shape}"
    if layout.is_dense and not builder.is_placed(item.node, index):
        builder.alias(item.node, view.base, layout.offset * ITEM_SIZES[view.base.dtype], index)
    elif builder.opt_level == 0 or builder.is_placed(item.node, index):
        copy(item, builder, StridedView(view.base, layout), builder.place(item.node, index))
    else:
        builder.defer(item.node, index, StridedView(view.base, layout), lambda place, found: copy(item, builder, found, place))


def copy(item: Item, builder: ProgramBuilder, view: StridedView, to: Place) -> None:
    """One launch that puts a view's elements side by side into `to`."""
    atoms = tuple(atom for axis in view.layout.axes for atom in axis) or ((1, 0),)
    domain, strides = (tuple(pair[k] for pair in atoms) for k in (0, 1))
    launch_copy(builder, item, domain, Source(view.base, view.base.dtype, strides, view.layout.offset), to)


@lowers(
    aten.view.default,
    aten.reshape.default,
    aten._unsafe_view.default,
    aten._reshape_alias.default,
    aten.unsqueeze.default,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.flatten.using_ints,
    aten.detach.default,
    aten.alias.default,
    aten.contiguous.default,
    aten.lift_fresh_copy.default,
)
def view(item: Item, builder: ProgramBuilder) -> None:
    """The same elements in the same order."""
    give(item, builder, item.args[0], lambda layout: layout.reshape(item.shape))


@lowers(aten.permute.default, aten.transpose.int, aten.t.default)
def permute(item: Item, builder: ProgramBuilder) -> None:
    x, *rest = item.args
    rank = len(ir.shape(x))
    order = list(range(rank))
    if item.anchor is not None and item.anchor.target is aten.permute.default:
        order = [dim % rank for dim in rest[0]]
    elif rank > 1:
        first, second = rest or (0, 1)
        order[first], order[second] = order[second], order[first]
    give(item, builder, x, lambda layout: layout.permute(order))


@lowers(aten.expand.default, aten.broadcast_to.default)
def expand(item: Item, builder: ProgramBuilder) -> None:
    give(item, builder, item.args[0], lambda layout: layout.expand(item.shape))


def slice_bounds(args: tuple[Any, ...], extent: int) -> tuple[int, int]:
    """The first index and the step of aten.slice's arguments, clamped as PyTorch does."""
    start = args[2] if len(args) > 2 and args[2] is not None else 0
    step = args[4] if len(args) > 4 else 1
    return min(max(start + extent if start < 0 else start, 0), extent), step


@lowers(aten.slice.Tensor)
def slice_(item: Item, builder: ProgramBuilder) -> None:
    x = item.args[0]
    dim = (item.args[1] if len(item.args) > 1 else 0) % len(ir.shape(x))
    start, step = slice_bounds(item.args, ir.shape(x)[dim])
    give(item, builder, x, lambda layout: layout.slice(dim, start, item.shape[dim], step))


@lowers(aten.select.int)
def select(item: Item, builder: ProgramBuilder) -> None:
    x, dim, index = item.args
    dim %= len(ir.shape(x))
    give(item, builder, x, lambda layout: layout.select(dim, index % ir.shape(x)[dim]))


@lowers(aten.flip.default)
def flip(item: Item, builder: ProgramBuilder) -> None:
    x, dims = item.args

    def flipped(layout: Layout) -> Layout:
        for dim in {dim % len(layout.axes) for dim in dims}:
            layout = layout.flip(dim)
        return layout

    give(item, builder, x, flipped)


@lowers(aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default)
def split(item: Item, builder: ProgramBuilder) -> None:
    """Each used piece is a slice."""
    x, dim = item.args[0], (item.args[2] if len(item.args) > 2 else item.kwargs.get("dim", 0)) % len(ir.shape(item.args[0]))
    start = 0
    for index, piece in enumerate(item.node.meta["val"]):
        extent = int(piece.shape[dim])
        if index in item.used:
            _piece(item, builder, x, (dim, start, extent), index)
        start += extent


def _piece(item: Item, builder: ProgramBuilder, x: Node, where: tuple[int, int, int], index: int) -> None:
    give(item, builder, x, lambda layout: layout.slice(*where), index)


@lowers(aten.unbind.int)
def unbind(item: Item, builder: ProgramBuilder) -> None:
    x, dim = item.args[0], (item.args[1] if len(item.args) > 1 else 0) % len(ir.shape(item.args[0]))
    for index in sorted(item.used):
        _selected(item, builder, x, dim, index)


def _selected(item: Item, builder: ProgramBuilder, x: Node, dim: int, index: int) -> None:
    give(item, builder, x, lambda layout: layout.select(dim, index), index)


def sources(builder: ProgramBuilder, nodes: list[Node], domain: tuple[int, ...]) -> tuple[tuple[int, ...], list[Source]]:
    """Operands of an element map over `domain`, views read in place where all of them can be cut alike: the domain, its
    dimensions cut as the operands need, and the operands."""
    views = [builder.view(node) for node in nodes]
    cut = _cut(domain, [view.layout for view in views]) if 0 not in domain else None
    if cut is None:
        views = [StridedView(builder.place(node), Layout.dense(ir.shape(node))) for node in nodes]
        cut = _cut(domain, [view.layout for view in views])
        assert cut is not None
    extents, strides = cut
    found = [
        Source(view.base, dtype_name(node), steps, view.layout.offset)
        for node, view, steps in zip(nodes, views, strides, strict=True)
    ]
    return extents, found


def _cut(domain: tuple[int, ...], layouts: list[Layout]) -> tuple[tuple[int, ...], list[tuple[int, ...]]] | None:
    """The domain with each dimension cut where some layout's axis is, and each layout's strides; None where cuts do not fit."""
    extents: list[int] = []
    strides: list[list[int]] = [[] for _ in layouts]
    broadcast = [layout.expand(domain) for layout in layouts]
    for dim, extent in enumerate(domain):
        cut = common_atoms([layout.axes[dim] for layout in broadcast]) if layouts else ((extent,), [])
        if cut is None:
            return None
        extents += cut[0]
        for held, steps in zip(strides, cut[1], strict=True):
            held += steps
    return tuple(extents), [tuple(held) for held in strides]
