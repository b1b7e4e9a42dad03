"""What one lowering function is given: an operator of the graph, with its fused neighbours if it is a region's anchor."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.codegen.dtypes import FLOATS
from amdc.codegen.expression import FusedExpression, dtype_name
from amdc.codegen.side_stores import SideStore
from amdc.errors import InternalError, ModelError
from amdc.ir import graph as ir
from amdc.ir.pointwise import is_pointwise


@dataclass(frozen=True)
class Item:
    """One kernel's worth of a graph. `node` is the outer node, whose value is to be computed; `anchor` the operator to compute:
    the node itself, or the one operator of the region's body that is not point-wise (None where all are). `args` and `kwargs` are
    the anchor's, with the body's placeholders replaced by outer nodes; a prologue's result is replaced by what it starts from."""

    graph: ir.Graph
    node: Node
    anchor: Node | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outer: dict[Node, Node]  # the body's placeholders -> nodes of the graph; empty for a node that is no region
    before: tuple[Node, ...] = ()  # point-wise nodes of the body before the anchor, in order
    after: tuple[Node, ...] = ()  # and after it (of an all point-wise region: all)
    used: frozenset[int] = frozenset()  # of an operator with several results, those that something needs
    stores: tuple[SideStore, ...] = ()  # parts of the result that the epilogue also stores into states

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the anchor's (first) output."""
        value = (self.anchor or self.node).meta["val"]
        value = value[0] if isinstance(value, (tuple, list)) else value
        return tuple(int(extent) for extent in value.shape)

    @property
    def user_name(self) -> str:
        """The user's name of the (first) node that this item computes."""
        return (self.node.meta.get("source") or (self.node.name,))[0]

    def require_floats(self, *values: Node | None) -> None:
        """Raises `ModelError` where an operand, or what the item computes, is of a dtype that no model computes in."""
        last = self.after[-1] if self.after else self.node
        held = last.meta["val"][0] if isinstance(last.meta["val"], (tuple, list)) else last.meta["val"]
        for dtype in (held.dtype, *(ir.dtype(value) for value in values if value is not None)):
            if str(dtype).removeprefix("torch.") not in FLOATS:
                operator_name = self.anchor.target if self.anchor is not None else "a fused region"
                raise ModelError(
                    f"'{self.user_name}' computes {operator_name} in {str(dtype).removeprefix('torch.')}; its kernel is made for "
                    f"{', '.join(FLOATS)}: cast to one of them before"
                )

    @property
    def data_dtype(self) -> str:
        """The dtype of the anchor's first operand: behind the prologue, which may cast it."""
        return dtype_name(self.before[-1] if self.before else self.args[0])

    def epilogue(self, channel_dim: int | None = 1) -> FusedExpression:
        """The expression after the anchor; `channel_dim` is the output's dimension that the template passes as `channel`."""
        return FusedExpression.make("epilogue", self.after, self.anchor, self.shape, self.outer, channel_dim, self.stores)

    def prologue(self, channel_dim: int = 1) -> FusedExpression:
        """The expression before the anchor, on each element of its first operand; `channel_dim` is that operand's dimension."""
        if not self.before:
            return FusedExpression.make("prologue", (), None, (), self.outer, channel_dim)
        start = main_operand(self.before)
        return FusedExpression.make("prologue", self.before, start, ir.shape(start), self.outer, channel_dim)

    def row_prologue(self, channel_dim: int | None = -1) -> FusedExpression:
        """The expression before an anchor that reads rows: as a prologue, with operands of any shape that broadcasts."""
        start = main_operand(self.before) if self.before else None
        return FusedExpression.make("row", self.before, start, ir.shape(start) if start else (), self.outer, channel_dim)


def main_operand(before: tuple[Node, ...]) -> Node:
    """The placeholder that a prologue works on: the first one of the shape of the prologue's result. (The expression refuses
    another one of that shape, unless the channels are its only extent: then it counts as one value a channel.)"""
    last = before[-1]
    for node in _placeholders(before):
        if ir.shape(node) == ir.shape(last):
            return node
    raise InternalError(f"the prologue that ends at '{last.name}' has no operand of its result's shape {ir.shape(last)}")


def _placeholders(nodes: tuple[Node, ...]) -> Iterator[Node]:
    return (operand for node in nodes for operand in node.all_input_nodes if operand.op == "placeholder")


def make_item(graph: ir.Graph, node: Node, live: Collection[Node]) -> Item:
    """The item of a call_function or call_module node; `live` are the nodes that an output of the model needs."""
    if node.op == "call_function":
        results = [user.args[1] for user in node.users if user.target is operator.getitem and user in live]
        used = frozenset(index for index in results if isinstance(index, int))
        return Item(graph, node, node, tuple(node.args), dict(node.kwargs), {}, used=used)
    body = ir.region(graph, node)
    calls = [inner for inner in body.graph.nodes if inner.op == "call_function" and inner.target is not operator.getitem]
    outer = dict(zip(ir.placeholders(body), _operands(node), strict=True))
    anchors = [inner for inner in calls if not is_pointwise(inner)]
    if not anchors:
        return Item(graph, node, None, (), {}, outer, after=tuple(calls))
    if len(anchors) > 1:
        raise InternalError(f"the region '{node.name}' has {len(anchors)} anchors: {', '.join(n.name for n in anchors)}")
    anchor = anchors[0]
    before = tuple(inner for inner in calls[: calls.index(anchor)] if _feeds(inner, anchor))
    after = tuple(inner for inner in calls if inner is not anchor and inner not in before)
    replaced = dict(outer)
    if before:
        replaced[before[-1]] = outer[main_operand(before)]
    args, kwargs = torch.fx.map_arg((anchor.args, anchor.kwargs), lambda n: replaced[n])
    return Item(graph, node, anchor, tuple(args), dict(kwargs), outer, before, after)


def _operands(node: Node) -> list[Node]:
    """The arguments of a region's node, which are nodes; one may stand there more than once."""
    return [argument for argument in node.args if isinstance(argument, Node)]


def _feeds(node: Node, anchor: Node) -> bool:
    """Whether the anchor uses the node's value, directly or through others."""
    todo, seen = list(anchor.all_input_nodes), set()
    while todo:
        current = todo.pop()
        if current is node:
            return True
        if current not in seen:
            seen.add(current)
            todo.extend(current.all_input_nodes)
    return False
