"""What the operators that move no elements do to a layout, and the layout to write a value in that they rearrange afterwards."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch.fx import Node

from amdc.codegen.strided_view import Atom, Layout
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten

RESHAPES = (
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
REORDERINGS = (aten.permute.default, aten.transpose.int, aten.t.default)
PARTS = (aten.expand.default, aten.broadcast_to.default, aten.slice.Tensor, aten.select.int, aten.flip.default)
Change = Callable[[Layout], Layout | None]


def change(node: Node) -> Change:
    """What an operator of `RESHAPES`, `REORDERINGS` or `PARTS` makes of its operand's layout; None: the operand must be dense."""
    x, shape = node.args[0], ir.shape(node)
    assert isinstance(x, Node)
    if node.target in RESHAPES:
        return lambda layout: layout.reshape(shape)
    if node.target in REORDERINGS:
        order = _order(node, len(ir.shape(x)))
        return lambda layout: layout.permute(order)
    if node.target in (aten.expand.default, aten.broadcast_to.default):
        return lambda layout: layout.expand(shape)
    if node.target is aten.slice.Tensor:
        dim = _dim(node, ir.shape(x))
        start, step = slice_bounds(node.args, ir.shape(x)[dim])
        return lambda layout: layout.slice(dim, start, shape[dim], step)
    if node.target is aten.select.int:
        dim, index = _dim(node, ir.shape(x)), node.args[2]
        assert isinstance(index, int)
        place = index % ir.shape(x)[dim]
        return lambda layout: layout.select(dim, place)
    return lambda layout: _flipped(layout, node.args[1])


def _dim(node: Node, shape: tuple[int, ...]) -> int:
    dim: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    return int(dim) % len(shape)


def _order(node: Node, rank: int) -> list[int]:
    arguments: Any = node.args
    if node.target is aten.permute.default:
        return [dim % rank for dim in arguments[1]]
    order = list(range(rank))
    if rank > 1:
        first, second = arguments[1:] or (0, 1)
        order[first], order[second] = order[second], order[first]
    return order


def slice_bounds(args: tuple[Any, ...], extent: int) -> tuple[int, int]:
    """The first index and the step of aten.slice's arguments, clamped as PyTorch does."""
    start = args[2] if len(args) > 2 and args[2] is not None else 0
    step = args[4] if len(args) > 4 else 1
    return min(max(start + extent if start < 0 else start, 0), extent), step


def _flipped(layout: Layout, dims: Any) -> Layout:
    for dim in {dim % len(layout.axes) for dim in dims}:
        layout = layout.flip(dim)
    return layout


def output_layout(node: Node) -> Layout | None:
    """The layout of a node's value in which the rearrangement of it that follows, [B,H,M,E] -> [B,M,H*E] for instance, is dense.

    None where nothing rearranges it, where more than that uses it, and where it would lose its contiguous last dimension.
    """
    shape = ir.shape(node)
    if math.prod(shape) == 0:
        return None
    layout: Layout | None = Layout.dense(shape)
    found = layout
    while layout is not None and len(node.users) == 1:
        node = next(iter(node.users))
        if node.op != "call_function" or node.target not in (*RESHAPES, *REORDERINGS, aten.clone.default):
            break
        layout = layout if node.target is aten.clone.default else change(node)(layout)
        found = layout or found
    assert found is not None
    return None if found.is_dense else _inverse(found, shape)


def _inverse(layout: Layout, shape: tuple[int, ...]) -> Layout | None:
    """Where the elements of a dense tensor lie once `layout`, a rearrangement of all of them, is made dense instead."""
    atoms = [atom for axis in layout.axes for atom in axis]
    placed: list[tuple[int, Atom]] = []
    step = math.prod(shape)
    for extent, stride in atoms:
        step //= extent
        placed.append((stride, (extent, step)))
    ordered = Layout(tuple((atom,) for _, atom in sorted(placed, reverse=True)))
    wanted = ordered.reshape(shape)
    return wanted if wanted is not None and wanted.axes[-1] in ((), ((shape[-1], 1),)) else None
