"""Lets a convolution pad its input itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, is_op, replace, shape
from amdc.ir.ops.packed import convolution
from amdc.pass_manager import Pass, PassContext, PassResult

aten = torch.ops.aten


@dataclass(frozen=True)
class FoldPadding(Pass):
    """Fold zero padding of the spatial axes into the convolution behind it.

    before: p = constant_pad_nd(x, [1, 1, 1, 1], 0); y = convolution(p, w, b, stride, [0, 0], ...)
    after:  y = convolution(x, w, b, stride, [1, 1], ...)
    Where the sides differ, the result is an `amdc::convolution`, which has a padding for each side.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        folded, notes = 0, []
        for node in list(graph.graph.nodes):
            window = _window(node)
            if window is None or not is_op(node.args[0], aten.constant_pad_nd.default):
                continue
            padded: Any = node.args[0]
            extra = _extra(padded, len(window[0]))
            if extra is None:
                notes.append(f"{node} keeps the padding {padded}: it pads by another value, or another axis, or crops")
                continue
            _fold(graph, node, padded, window, extra)
            folded += 1
        return PassResult(folded > 0, (*([f"folded {folded} paddings"] if folded else []), *notes))


def _window(node: Node) -> tuple[list[int], list[int], list[int], int] | None:
    """Stride, pads (before each axis, then behind each), dilation and groups of a convolution."""
    args: Any = node.args
    if is_op(node, convolution):
        return list(args[3]), list(args[4]), list(args[5]), args[6]
    if is_op(node, aten.convolution.default) and not args[6]:
        return list(args[3]), [*args[4], *args[4]], list(args[5]), args[8]
    return None


def _extra(padded: Node, rank: int) -> list[int] | None:
    """What a padding adds, in the order of `_window`; None where it is no zero padding of the last `rank` axes."""
    sides: Any = padded.args[1]
    value: Any = padded.args[2] if len(padded.args) > 2 else 0
    sides = [*sides, *[0] * (2 * rank - len(sides))]
    if value != 0 or min(sides) < 0 or any(sides[2 * rank :]):
        return None
    return [sides[2 * (rank - 1 - axis) + side] for side in (0, 1) for axis in range(rank)]


def _fold(graph: Graph, node: Node, padded: Node, window: tuple[list[int], list[int], list[int], int], extra: list[int]) -> None:
    stride, pads, dilation, groups = window
    pads = [own + added for own, added in zip(pads, extra, strict=True)]
    head = (padded.args[0], *node.args[1:3], stride)
    rank = len(stride)
    if pads[:rank] == pads[rank:]:
        new = add_call(graph, node, aten.convolution.default, (*head, pads[:rank], dilation, False, [0] * rank, groups))
    else:
        new = add_call(graph, node, convolution, (*head, pads, dilation, groups))
    assert shape(new) == shape(node)
    replace(node, new, padded)
