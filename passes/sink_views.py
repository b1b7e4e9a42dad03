"""Moves changes of shape behind the operators that do not mind them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.ir.graph import Graph, add_call, is_op, replace, shape, source
from amdc.ir.pointwise import is_pointwise
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.anchors import comes_from_anchor

aten, amdc_ops = torch.ops.aten, torch.ops.amdc
VIEW = aten.view.default


@dataclass(frozen=True)
class SinkViews(Pass):
    """Let point-wise operators and normalisations work on the shape that a matrix product gave its result.

    before: y = gelu(view(x @ w, [B, S, N]) + b) + skip                 (x @ w: [B*S, N]; b: [N]; skip: [B, S, N])
    after:  y = view(gelu(x @ w + b) + view(skip, [B*S, N]), [B, S, N])
    Nothing moves, as all tensors are dense; but an epilogue is fused only where shapes agree, and the views that meet another
    view (of the next product's operand) vanish. Views sink through softmax and norms of the innermost dimension too.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        sunk = 0
        for node in list(graph.graph.nodes):
            rule = _rule(node)
            sunk += bool(rule and rule(graph, node))
        return PassResult(sunk > 0, (f"moved {sunk} views behind their users",) if sunk else ())


def _rule(node: Node) -> Callable[[Graph, Node], bool] | None:
    if is_pointwise(node):
        return _through_pointwise
    return _ROWWISE.get(node.target) if node.op == "call_function" else None


def viewed(value: Any) -> Node | None:
    """What a view shows, or None where the value is no view of a dense tensor."""
    if not is_op(value, VIEW):
        return None
    inner = value.args[0]
    return inner if inner.meta["val"].is_contiguous() else None


def _through_pointwise(graph: Graph, node: Node) -> bool:
    """f(view(x), y) -> view(f(x, view(y))) where x comes from an anchor, or is point-wise for f alone, and y can be seen in x's
    shape."""
    inner = _wanted_shape_giver(node)
    if inner is None:
        return False
    wanted = shape(inner)
    if any(not _fits(operand, wanted, shape(node)) for operand in node.all_input_nodes):
        return False
    seen = {operand: _seen_as(graph, node, operand, wanted) for operand in node.all_input_nodes}
    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), seen.__getitem__)
    _finish(graph, node, add_call(graph, node, node.target, args, kwargs))
    return True


def _wanted_shape_giver(node: Node) -> Node | None:
    """The operand behind a view whose shape the node should take on: one that an anchor's kernel computes. The tiled anchors,
    whose epilogues are fused first, come before those that read rows; last comes what is computed point-wise for the node alone:
    one kernel then computes both."""
    full = [operand for operand in node.all_input_nodes if shape(operand) == shape(node)]
    inner = [x for x in map(viewed, full) if x is not None and shape(x) != shape(node)]
    for rows in (False, True):
        if any(viewed(operand) is None and comes_from_anchor(operand, rows) for operand in full):
            return None
        found = next((x for x in inner if comes_from_anchor(x, rows)), None)
        if found is not None:
            return found
    alone = [x for x in inner if is_pointwise(x) and len(x.users) == 1 and all(len(user.users) == 1 for user in x.users)]
    return alone[0] if alone else None


def _fits(operand: Node, wanted: tuple[int, ...], output: tuple[int, ...]) -> bool:
    """Whether an operand can be seen so that it broadcasts to `wanted` as it did to `output`: all elements, one, or a last axis,
    and densely: PyTorch has no view of others."""
    extents = shape(operand)
    if not operand.meta["val"].is_contiguous():
        return False
    if extents == output or math.prod(extents) == 1:
        return True
    return bool(wanted) and wanted[-1] == output[-1] == extents[-1] == math.prod(extents)


def _seen_as(graph: Graph, at: Node, operand: Node, wanted: tuple[int, ...]) -> Node:
    extents = shape(operand)
    target = wanted if math.prod(extents) == math.prod(wanted) else extents[-1:]
    inner = viewed(operand)
    origin = operand if inner is None else inner
    return origin if shape(origin) == target else add_call(graph, at, VIEW, (origin, list(target)))


def _finish(graph: Graph, node: Node, new: Node) -> None:
    """Put `new`, viewed in the shape of `node`, in the place of `node`."""
    new.meta["source"] = source(node)
    replace(node, add_call(graph, node, VIEW, (new, list(shape(node)))))


def _row_operand(node: Node, axes: int) -> Node | None:
    """The operand behind a view of a node that works on the last `axes` axes, which the view must leave as they are."""
    inner = viewed(node.args[0])
    if inner is None or axes == 0 or shape(inner)[-axes:] != shape(node.args[0])[-axes:]:  # type: ignore[arg-type]
        return None
    return inner


def _through_softmax(graph: Graph, node: Node) -> bool:
    rank = len(shape(node))
    inner = _row_operand(node, 1) if node.args[1] in (-1, rank - 1) else None
    if inner is None:
        return False
    _finish(graph, node, add_call(graph, node, node.target, (inner, -1, *node.args[2:]), dict(node.kwargs)))
    return True


def _through_norm(graph: Graph, node: Node) -> bool:
    normalized: Any = node.args[1]
    inner = _row_operand(node, len(normalized))
    if inner is None:
        return False
    _finish(graph, node, add_call(graph, node, node.target, (inner, *node.args[1:])))
    return True


_ROWWISE: dict[Any, Callable[[Graph, Node], bool]] = {
    aten._softmax.default: _through_softmax,
    aten._log_softmax.default: _through_softmax,
    amdc_ops.layer_norm.default: _through_norm,
    amdc_ops.rms_norm.default: _through_norm,
}
