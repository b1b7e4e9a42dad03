"""Canonical forms of indexing by constants and of masks that hide nothing: what picks everything in order moves nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, dtype, is_op, shape
from amdc.passes.constants import elements, is_constant

aten = torch.ops.aten
MAX_INSPECTED = 1 << 16  # elements of constants that are looked at


def _held(graph: Graph, value: Any) -> torch.Tensor | None:
    """A constant tensor that is small enough to be looked at."""
    if not isinstance(value, Node) or not is_constant(value):
        return None
    tensor = constant(graph, value)
    return tensor if 0 < tensor.numel() <= MAX_INSPECTED else None


def _as_view(graph: Graph, node: Node, x: Node) -> Node | None:
    if elements(node) != elements(x) or not x.meta["val"].is_contiguous():
        return None
    return x if shape(node) == shape(x) else add_call(graph, node, aten.view.default, (x, list(shape(node))))


def index_the_only(graph: Graph, node: Node) -> Node | None:
    """x[:, index] along an axis of extent 1, for an index of one element -> view: no other index than that element's is valid"""
    x: Any = node.args[0]
    indices: Any = node.args[1]
    used = [(axis, index) for axis, index in enumerate(indices) if index is not None]
    if len(used) != 1 or shape(x)[used[0][0]] != 1 or dtype(used[0][1]) in (torch.bool, torch.uint8):
        return None
    return _as_view(graph, node, x)


def index_in_order(graph: Graph, node: Node) -> Node | None:
    """x[rows, columns] with constants that pick every element in its order -> view"""
    x: Any = node.args[0]
    indices: Any = node.args[1]
    if not 0 < elements(x) <= MAX_INSPECTED or elements(node) != elements(x):
        return None
    held = [None if index is None else _held(graph, index) for index in indices]
    if any(index is not None and tensor is None for index, tensor in zip(indices, held, strict=True)):
        return None
    places = torch.arange(elements(x)).reshape(shape(x))
    picked = aten.index.Tensor(places, held)
    return _as_view(graph, node, x) if torch.equal(picked.reshape(-1), places.reshape(-1)) else None


def embedding_of_one(graph: Graph, node: Node) -> Node | None:
    """embedding(table, a constant that holds one number) -> expand(a row of the table)"""
    table, index = node.args[:2]
    held = _held(graph, index)
    if not isinstance(table, Node) or not is_constant(table) or held is None or not bool((held == held.reshape(-1)[0]).all()):
        return None
    row = constant(graph, table)[int(held.reshape(-1)[0])].clone()
    picked = add_constant(graph, node, str(table.target), row)
    return add_call(graph, node, aten.expand.default, (picked, list(shape(node))))


def select_from_the_end(graph: Graph, node: Node) -> Node | None:
    """index_select(x, d, where(i < 0, i + n, i)) -> x[:, i], which counts negative indices from the end by itself"""
    x: Any = node.args[0]
    dim: Any = node.args[1]
    wrapped: Any = node.args[2]
    while is_op(wrapped, aten.view.default):
        wrapped = wrapped.args[0]
    if not is_op(wrapped, aten.where.self):
        return None
    test, moved, index = wrapped.args
    extent = shape(x)[dim]
    negative = is_op(test, aten.lt.Scalar) and test.args == (index, 0)
    added = is_op(moved, aten.add.Tensor) and moved.args == (index, extent) and not moved.kwargs
    if not (negative and added and isinstance(index, Node)) or elements(index) != elements(node.args[2]):  # type: ignore[arg-type]
        return None
    row = add_call(graph, node, aten.view.default, (index, [elements(index)]))
    return add_call(graph, node, aten.index.Tensor, (x, [None] * (dim % len(shape(x))) + [row]))


def mask_of_all(graph: Graph, node: Node) -> Node | None:
    """mask & true -> mask, repeated where the constant is larger"""
    for x, other in (node.args[:2], node.args[1::-1]):
        held = _held(graph, other)
        if not isinstance(x, Node) or dtype(x) != torch.bool or held is None or held.dtype != torch.bool or not bool(held.all()):
            continue
        if shape(x) == shape(node):
            return x
        return add_call(graph, node, aten.expand.default, (x, list(shape(node))))
    return None


INDEXING_RULES: dict[Any, tuple[Any, ...]] = {
    aten.index.Tensor: (index_the_only, index_in_order),
    aten.embedding.default: (embedding_of_one,),
    aten.index_select.default: (select_from_the_end,),
    aten.bitwise_and.Tensor: (mask_of_all,),
    aten.logical_and.default: (mask_of_all,),
}
