"""Lets one kernel expand channels by a 1x1 convolution and filter each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape
from amdc.ir.ops.expand_depthwise import ACTIVATIONS, expand_depthwise
from amdc.ir.ops.packed import convolution, convolution_packed
from amdc.pass_manager import Pass, PassContext, PassResult

aten = torch.ops.aten


@dataclass(frozen=True)
class FuseExpandDepthwise(Pass):
    """One operator for the head of an inverted residual block.

    before: e = convolution_packed(x, w1, b1, 1x1); a = clamp(e, 0, 6); y = convolution(a, w2, b2, ..., groups=C)
    after:  y = expand_depthwise(x, w1, b1, "clamp", 0, 6, w2, b2, ...)
    The expanded planes are four to six times the block's input, and are then neither written nor read; a launch is saved as well.
    Only fp32, and only where nothing else uses the expanded planes. Lowering decides by cost whether one
    kernel or two compute it.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fused = 0
        for node in list(graph.graph.nodes):
            window = _depthwise(node)
            chain = _expansion(node.args[0]) if window is not None else None
            if window is None or chain is None:
                continue
            expand, activation, between = chain
            weight, bias = node.args[1:3]
            args = (expand.args[0], *expand.args[1:3], *activation, weight, bias, *window)
            replace(node, add_call(graph, node, expand_depthwise, args, like=node), expand, *between)
            fused += 1
        return PassResult(fused > 0, (f"fused {fused} expansions with their depthwise convolutions",) if fused else ())


def _depthwise(node: Node) -> tuple[list[int], list[int]] | None:
    """Stride and pads (before, then behind) of a depthwise convolution that the kernel takes; None for any other node."""
    args: Any = node.args
    if is_op(node, convolution):
        stride, pads, dilation, groups = args[3:7]
    elif is_op(node, aten.convolution.default) and not args[6]:
        stride, pads, dilation, groups = args[3], [*args[4], *args[4]], args[5], args[8]
    else:
        return None
    weight = shape(args[1])
    one_each = len(weight) == 4 and weight[:2] == (shape(args[0])[1], 1) and groups == weight[0]
    plain = one_each and {*dilation} == {1} and len({*stride}) == 1 and min(pads) >= 0
    floats = all(dtype(held) == torch.float32 for held in (node, *node.all_input_nodes))
    return (list(stride) * (2 // len(stride)), list(pads)) if plain and floats else None


def _expansion(node: Any) -> tuple[Node, tuple[str, float | None, float | None], tuple[Node, ...]] | None:
    """The 1x1 convolution that a value comes from, the activation between, and its node; None where others use them too."""
    activation = _activation(node)
    expand: Any = node if activation is None else node.args[0]
    if not is_op(expand, convolution_packed) or any(len(part.users) != 1 for part in {node, expand}):
        return None
    kernel, stride, pads, _, groups = expand.args[3:8]
    pointwise = {*kernel, *stride} == {1} and not any(pads) and groups == 1
    if not pointwise or any(dtype(operand) != torch.float32 for operand in expand.all_input_nodes):
        return None
    return expand, activation or ("clamp", None, None), () if activation is None else (node,)


def _activation(node: Any) -> tuple[str, float | None, float | None] | None:
    """How `expand_depthwise` calls an activation; None for one that it does not know."""
    if is_op(node, aten.relu.default):
        return "clamp", 0.0, None
    if is_op(node, aten.clamp.default, aten.hardtanh.default):
        default = (-1.0, 1.0) if is_op(node, aten.hardtanh.default) else (None, None)
        given = tuple(None if bound is None else float(bound) for bound in node.args[1:3])
        low, high = given + default[len(given) :]
        return "clamp", low, high
    known = next((name for name, op in ACTIVATIONS.items() if name != "clamp" and is_op(node, op)), None)
    return None if known is None else (known, None, None)
