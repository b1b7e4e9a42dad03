"""Operators that say where elements lie and move none: their values stay views until a kernel needs them side by side."""

from __future__ import annotations

from collections.abc import Callable

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.elementwise import Source, launch_copy
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.registry import lowers
from amdc.codegen.strided_view import Layout, StridedView, common_atoms
from amdc.codegen.view_operators import PARTS, REORDERINGS, RESHAPES, change, output_layout
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.program import ITEM_SIZES


def give(item: Item, builder: ProgramBuilder, x: Node, lay_out: Callable[[Layout], Layout | None], index: int = 0) -> None:
    """Let output `index` hold x's elements as `lay_out` says: the same memory where they lie densely there, a view where
    kernels may read it in place. Where the layout of x itself cannot be changed so, x is copied first."""
    value = item.node.meta["val"]
    value = value[index] if isinstance(value, (tuple, list)) else value
    shape = tuple(map(int, value.shape))
    if 0 in shape:
        builder.place(item.node, index)
        return
    view = builder.view(x)
    layout = lay_out(view.layout)
    if layout is None:
        view = StridedView(builder.place(x), Layout.dense(ir.shape(x)))
        layout = lay_out(view.layout)
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


def place_result(item: Item, builder: ProgramBuilder, fits: Callable[[Layout], bool]) -> StridedView:
    """Where a kernel that writes through strides puts its result: in the order that the operators behind it rearrange it to, if
    that `fits` the kernel's strides."""
    wanted = None if builder.opt_level == 0 or builder.is_placed(item.node) else output_layout(item.node)
    if wanted is None or not fits(wanted):
        return builder.view(builder.place(item.node))
    place = builder.activation(item.node.name, dtype_name(item.node), ir.shape(item.node))
    builder.defer(item.node, 0, StridedView(place, wanted), lambda to, found: copy(item, builder, found, to))
    return StridedView(place, wanted)


@lowers(*RESHAPES, *REORDERINGS, *PARTS)
def view(item: Item, builder: ProgramBuilder) -> None:
    assert item.anchor is not None
    give(item, builder, item.args[0], change(item.anchor))


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
