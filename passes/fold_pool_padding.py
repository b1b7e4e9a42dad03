"""Lets a pooling pad its input itself."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, is_op, replace, shape
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.rules_spelling import AVERAGE_DEFAULTS

aten = torch.ops.aten
MAX, AVERAGE = aten.max_pool2d_with_indices.default, aten.avg_pool2d.default
NONNEGATIVE = tuple(
    getattr(aten, name).default for name in ("relu", "sigmoid", "exp", "abs", "hardsigmoid", "softplus", "sqrt", "_softmax")
)
KEEPS_SIGN = (aten.view.default, aten.permute.default, aten.slice.Tensor, aten.expand.default, aten.clone.default, AVERAGE)
MAX_DEFAULTS: tuple[Any, ...] = ([], [0, 0], [1, 1], False)  # stride, padding, dilation, ceil_mode


@dataclass(frozen=True)
class FoldPoolPadding(Pass):
    """Fold padding into the pooling behind it, where that computes the same.

    before: p = constant_pad_nd(x, [1, 1, 1, 1], -inf); y = max_pool2d(p, 3, 2, padding=0)
    after:  y = max_pool2d(x, 3, 2, padding=1)
    A maximum ignores its own padding: so what is folded is -inf, or any number up to 0 around an x that is never negative
    (behind a ReLU). An average that counts its padding takes zeros. Sides must agree, and reach at most half a window.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        folded, notes = 0, []
        for node in list(graph.graph.nodes):
            if not is_op(node, MAX, AVERAGE) or not node.users or not is_op(node.args[0], aten.constant_pad_nd.default):
                continue
            reason = _fold(graph, node, node.args[0])
            folded += not reason
            notes += [f"{node} keeps the padding before it: {reason}"] if reason else []
        return PassResult(folded > 0, (*([f"folded {folded} paddings"] if folded else []), *notes))


def _fold(graph: Graph, node: Node, padded: Any) -> str:
    """Let the pooling pad, or say why not."""
    x, sides, value = (*padded.args, 0)[:3]
    defaults: tuple[Any, ...] = MAX_DEFAULTS if is_op(node, MAX) else AVERAGE_DEFAULTS
    given: list[Any] = [*node.args[1:], *defaults[len(node.args) - 2 :]]
    kernel, stride, padding = (_pair(part) for part in given[:3])
    if min(sides) < 0 or any(sides[4:]) or sides[0] != sides[1] or sides[2:3] != sides[3:4]:
        return "its sides differ, or it crops, or pads another axis"
    total = [padding[0] + (sides[2] if len(sides) > 2 else 0), padding[1] + sides[0]]
    if any(2 * extent > window for extent, window in zip(total, kernel, strict=True)):
        return f"a pooling pads at most half of its window {kernel}"
    reason = _maximum_differs(node, x, value, given) if is_op(node, MAX) else _average_differs(value, padding, given)
    if reason:
        return reason
    rest = [given[3], True, given[5]] if is_op(node, AVERAGE) else given[3:]
    new = add_call(graph, node, node.target, (x, kernel, stride or kernel, total, *rest))
    if is_op(node, AVERAGE):
        assert shape(new) == shape(node)
        replace(node, new, padded)
        return ""
    for result in [user for user in node.users if user.users]:
        replace(result, add_call(graph, result, operator.getitem, (new, 0)), node, padded)
    return ""


def _pair(value: Any) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value) * (2 if len(value) == 1 else 1)


def _maximum_differs(node: Node, x: Node, value: float, given: list[Any]) -> str:
    """Why a maximum over padding of this value is not one that ignores it; empty where it is."""
    if any(user.users and (user.target is not operator.getitem or user.args[1] != 0) for user in node.users):
        return "the places of the maxima are used"
    if given[4]:
        return "it rounds its extent up"
    if value == -math.inf or (value <= 0 and is_nonnegative(x)):
        return ""
    return f"it pads by {value}, and {x} may be smaller"


def _average_differs(value: float, padding: list[int], given: list[Any]) -> str:
    """Why an average over padding of this value is not one that counts zeros; empty where it is."""
    if value != 0:
        return f"it pads by {value}"
    if given[3]:
        return "it rounds its extent up"
    return "" if given[4] or not any(padding) else "the average does not count its own padding"


def is_nonnegative(node: Node) -> bool:
    """Whether no element of a node's value can be below 0 (a NaN is not)."""
    while is_op(node, *KEEPS_SIGN, operator.getitem, MAX):
        node = node.args[0]  # type: ignore[assignment]
    if is_op(node, aten.clamp.default):
        low = node.args[1] if len(node.args) > 1 else None
        return isinstance(low, (int, float)) and low >= 0
    return is_op(node, *NONNEGATIVE)
