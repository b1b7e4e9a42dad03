"""Lets a 3x3 convolution pool its own results."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape
from amdc.ir.ops.convolution_pooled import convolution_pooled
from amdc.ir.ops.packed import convolution_packed
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user

aten = torch.ops.aten


@dataclass(frozen=True)
class FuseConvolutionPool(Pass):
    """One operator for a 3x3 convolution and the 2x2 max pooling behind it, as in VGG.

    before: r = relu(convolution_packed(x, w, b, 3x3)); y = max_pool2d_with_indices(r, 2)[0]
    after:  p = convolution_pooled(x, w, b, N); y = relu(p)
    The largest of four is the same before and behind a ReLU. A quarter of the results is written, none is read again, and a
    launch is saved: a tile of Winograd's F(2x2) is one window, one of F(4x4) four. Only fp32, planes of even sides, constant
    weights and `min_channels`, which these kernels want, and only where nothing else uses what is pooled.
    """

    min_channels: int = 32

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fused = 0
        for node in list(graph.graph.nodes):
            pooled: Any = _pooled(node)
            relu = pooled if is_op(pooled, aten.relu.default) else None
            convolved: Any = pooled if relu is None else relu.args[0]
            if not self.takes(convolved) or only_user(convolved) is not (relu or node.args[0]):
                continue
            x, weight, bias = convolved.args[:3]
            made = add_call(graph, node, convolution_pooled, (x, weight, bias, convolved.args[8]), like=node)
            last = made if relu is None else add_call(graph, node, aten.relu.default, (made,), like=node)
            between: Any = node.args[0]
            replace(node, last, between, *(() if relu is None else (relu,)), convolved)
            fused += 1
        return PassResult(fused > 0, (f"fused {fused} poolings into the convolutions before them",) if fused else ())

    def takes(self, node: Any) -> bool:
        """Whether a node is a 3x3 convolution of the kind that the kernels take."""
        if not is_op(node, convolution_packed) or len(shape(node)) != 4:
            return False
        kernel, stride, pads, dilation, groups = node.args[3:8]
        plain = {*kernel} == {3} and {*stride} == {*dilation} == {*pads} == {1} and groups == 1
        even = not any(side % 2 for side in shape(node)[2:]) and min(shape(node)[1], shape(node.args[0])[1]) >= self.min_channels
        constant = all(operand is None or operand.op == "get_attr" for operand in node.args[1:3])
        return plain and even and constant and all(dtype(held) == torch.float32 for held in (node, *node.all_input_nodes))


def _pooled(node: Node) -> Node | None:
    """What a max pooling by 2x2 reads alone, where the node is that pooling's values; None for any other node."""
    if node.target is not operator.getitem or node.args[1] != 0:
        return None
    pooling: Any = node.args[0]
    if not is_op(pooling, aten.max_pool2d_with_indices.default) or only_user(pooling) is not node:
        return None
    given: Any = [*pooling.args[1:], *([], 0, 1, False)[len(pooling.args) - 2 :]]
    kernel, stride, padding, dilation = (set(part) if isinstance(part, (list, tuple)) else {part} for part in given[:4])
    plain = kernel == {2} and stride in (set(), {2}) and padding == {0} and dilation == {1} and not given[4]
    read: Any = pooling.args[0]
    return read if plain and only_user(read) is pooling else None
