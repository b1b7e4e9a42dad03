"""Canonical forms of data movement: what moves nothing is dropped, and a change of shape alone is always spelled `view`."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, dtype, is_op, shape
from amdc.ir.pointwise import is_pointwise
from amdc.passes.constants import elements

aten = torch.ops.aten
MAX_INSPECTED = 1 << 16  # elements of a constant that are compared


def _data(node: Node) -> Node:
    operand = node.args[0]
    assert isinstance(operand, Node)
    return operand


def _is_dense(node: Node) -> bool:
    return node.meta["val"].is_contiguous()


def drop_same_shape(graph: Graph, node: Node) -> Node | None:
    """A view, expand or slice that keeps the shape moves nothing."""
    return _data(node) if shape(node) == shape(_data(node)) else None


def drop_empty_padding(graph: Graph, node: Node) -> Node | None:
    """Padding by nothing -> x. Not where amounts cancel: [1, -1] keeps the shape and shifts the values."""
    return _data(node) if not any(node.args[1]) else None  # type: ignore[arg-type]


def view_of_view(graph: Graph, node: Node) -> Node | None:
    """x.view(a).view(b) -> x.view(b)"""
    inner = _data(node)
    if not is_op(inner, aten.view.default) or not _is_dense(_data(inner)):
        return None
    return add_call(graph, node, aten.view.default, (_data(inner), list(shape(node))))


def spelled_view(graph: Graph, node: Node) -> Node | None:
    """squeeze and unsqueeze -> view"""
    return add_call(graph, node, aten.view.default, (_data(node), list(shape(node))))


def select_the_only(graph: Graph, node: Node) -> Node | None:
    """select along an axis of extent 1 -> view"""
    if elements(node) != elements(_data(node)) or not _is_dense(_data(node)):
        return None
    return add_call(graph, node, aten.view.default, (_data(node), list(shape(node))))


def _axes(node: Node) -> list[int]:
    rank = len(shape(node))
    return [int(axis) % rank for axis in node.args[1]]  # type: ignore[union-attr, arg-type]


def drop_identity_permute(graph: Graph, node: Node) -> Node | None:
    """permute(x, [0, 1, 2]) -> x"""
    return _data(node) if _axes(node) == list(range(len(shape(node)))) else None


def permute_of_permute(graph: Graph, node: Node) -> Node | None:
    """permute(permute(x, p), q) -> permute(x, p[q])"""
    inner = _data(node)
    if not is_op(inner, aten.permute.default):
        return None
    first = _axes(inner)
    return add_call(graph, node, aten.permute.default, (_data(inner), [first[axis] for axis in _axes(node)]))


def permute_of_ones(graph: Graph, node: Node) -> Node | None:
    """A permute that moves only axes of extent 1 -> view"""
    inner = _data(node)
    moved = [axis for axis in _axes(node) if shape(inner)[axis] != 1]
    if moved != sorted(moved) or not _is_dense(inner):
        return None
    return add_call(graph, node, aten.view.default, (inner, list(shape(node))))


def drop_moves_that_cancel(graph: Graph, node: Node) -> Node | None:
    """permute(view(permute(view(x)))) -> x where every element is back in its place"""
    chain, origin = [node], _data(node)
    while is_op(origin, aten.view.default, aten.permute.default):
        chain.append(origin)
        origin = _data(origin)
        if shape(origin) == shape(node) and _is_dense(origin):
            return origin if _cancel(shape(origin), chain) else None
    return None


def _cancel(extents: tuple[int, ...], chain: list[Node]) -> bool:
    """Whether views and permutations, the last first, leave a dense tensor's elements where they were: as its strides tell."""
    start = torch.empty(extents, device="meta")
    end = start
    for move in reversed(chain):
        assert callable(move.target)
        try:
            end = move.target(end, *move.args[1:])
        except RuntimeError:  # no view: elements move in memory
            return False
    pairs = zip(extents, start.stride(), end.stride(), strict=True)
    return all(before == behind for extent, before, behind in pairs if extent != 1)


def drop_copy(graph: Graph, node: Node) -> Node | None:
    """clone(x), alias(x), a cast to the same dtype -> x (values are never written to; a clone that densifies stays)"""
    inner = _data(node)
    if dtype(inner) != dtype(node) or node.meta["val"].stride() != inner.meta["val"].stride():
        return None
    return inner


def cast_of_cast(graph: Graph, node: Node) -> Node | None:
    """A cast of what a widening cast made -> a cast of the narrower tensor, or that itself: widening changes no number"""
    inner = _data(node)
    if not is_op(inner, aten._to_copy.default) or not (_casts_only(node) and _casts_only(inner)):
        return None
    narrow, wide = dtype(_data(inner)), dtype(inner)
    same_kind = narrow.is_floating_point == wide.is_floating_point and torch.bool not in (narrow, wide)
    if not same_kind or not _holds_all(wide, narrow):
        return None
    if narrow == dtype(node):
        return _data(inner) if _data(inner).meta["val"].stride() == node.meta["val"].stride() else None
    return add_call(graph, node, aten._to_copy.default, (_data(inner),), dict(node.kwargs))


def _holds_all(wide: torch.dtype, narrow: torch.dtype) -> bool:
    """Whether every number of one dtype is one of the other, both of a kind (PyTorch promotes neither uint16.. nor float8)."""
    if not wide.is_floating_point:
        big, small = torch.iinfo(wide), torch.iinfo(narrow)
        return big.min <= small.min and big.max >= small.max
    large, little = torch.finfo(wide), torch.finfo(narrow)
    return large.eps <= little.eps and large.max >= little.max and large.smallest_normal <= little.smallest_normal


def _casts_only(node: Node) -> bool:
    return {key for key, value in node.kwargs.items() if value is not None} == {"dtype"}


def shrink_constant(graph: Graph, node: Node) -> Node | None:
    """f(x, constant) where the constant repeats along axes -> f(x, its first entries), which broadcast"""
    if not is_pointwise(node):
        return None
    for operand in node.all_input_nodes:
        if operand.op != "get_attr" or not 1 < constant(graph, operand).numel() <= MAX_INSPECTED:
            continue
        held = constant(graph, operand)
        small = held
        for axis, extent in enumerate(held.shape):
            first = small.narrow(axis, 0, 1)
            small = first if extent > 1 and torch.equal(first.expand_as(small), small) else small
        shapes = [tuple(small.shape) if o is operand else shape(o) for o in node.all_input_nodes]
        if small.numel() < held.numel() and tuple(torch.broadcast_shapes(*shapes)) == shape(node):
            made = add_call(graph, node, node.target, node.args, dict(node.kwargs))
            made.replace_input_with(operand, add_constant(graph, made, str(operand.target), small.clone()))
            return made
    return None


def drop_single_cat(graph: Graph, node: Node) -> Node | None:
    """cat([x]) -> x"""
    parts: Any = node.args[0]
    return parts[0] if len(parts) == 1 else None


def implicit_broadcast(graph: Graph, node: Node) -> Node | None:
    """f(expand(x), y) -> f(x, y) for point-wise f, which broadcasts by itself"""
    expanded = [o for o in node.all_input_nodes if is_op(o, aten.expand.default)]
    if not is_pointwise(node) or not expanded:
        return None
    for operand in expanded:
        shapes = [shape(_data(o)) if o is operand else shape(o) for o in node.all_input_nodes]
        if len(shapes) > 1 and tuple(torch.broadcast_shapes(*shapes)) == shape(node):
            made = add_call(graph, node, node.target, node.args, dict(node.kwargs))
            made.replace_input_with(operand, _data(operand))
            return made
    return None


def expand_behind(graph: Graph, node: Node) -> Node | None:
    """f(expand(x), numbers) -> expand(f(x, numbers)) for point-wise f: each value is computed once"""
    data = [operand for operand in node.all_input_nodes if elements(operand) > 1]
    if not is_pointwise(node) or len(data) != 1 or not is_op(data[0], aten.expand.default) or shape(data[0]) != shape(node):
        return None
    small = _data(data[0])
    if len(shape(small)) != len(shape(node)) or elements(small) == elements(node):
        return None
    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), lambda n: small if n is data[0] else n)
    made = add_call(graph, node, node.target, args, dict(kwargs))
    made.meta["source"] = tuple(node.meta.get("source", ()))
    return add_call(graph, node, aten.expand.default, (made, list(shape(node)))) if shape(made) == shape(small) else None


def _broadcasting() -> dict[Any, tuple[Any, ...]]:
    names = ("add", "sub", "mul", "div", "eq", "ne", "lt", "le", "gt", "ge")
    targets = [getattr(aten, name).Tensor for name in names]
    targets += [aten.where.self, aten.maximum.default, aten.minimum.default, aten.pow.Tensor_Tensor]
    return dict.fromkeys(targets, (implicit_broadcast, shrink_constant, expand_behind))


SHAPE_RULES: dict[Any, tuple[Any, ...]] = {
    aten.view.default: (drop_same_shape, view_of_view),
    aten.expand.default: (drop_same_shape,),
    aten.slice.Tensor: (drop_same_shape,),
    aten.select.int: (select_the_only,),
    aten.constant_pad_nd.default: (drop_empty_padding,),
    aten.squeeze.dims: (spelled_view,),
    aten.squeeze.dim: (spelled_view,),
    aten.unsqueeze.default: (spelled_view,),
    aten.permute.default: (drop_identity_permute, permute_of_permute, permute_of_ones, drop_moves_that_cancel),
    aten.clone.default: (drop_copy,),
    aten.alias.default: (drop_copy,),
    aten._to_copy.default: (drop_copy, cast_of_cast),
    aten.cat.default: (drop_single_cat,),
    **_broadcasting(),
}
