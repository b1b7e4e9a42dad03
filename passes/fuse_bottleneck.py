"""Lets one kernel compute a dense layer: a 1x1 convolution to a bottleneck, and a 3x3 convolution to a few filters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, dtype, is_op, replace, shape
from amdc.ir.ops.bottleneck import bottleneck
from amdc.ir.ops.packed import convolution_packed
from amdc.ir.pointwise import is_pointwise
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import channel_vector, only_user

aten = torch.ops.aten
CHANNELS = 1  # the dimension


@dataclass(frozen=True)
class Affine:
    """relu(x * scale + shift) before a convolution: what it starts from, its numbers a channel, and its nodes, the last first."""

    x: Node
    scale: torch.Tensor
    shift: torch.Tensor
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class FuseBottleneck(Pass):
    """One operator for a dense layer, as in DenseNet.

    before: a = relu(x * scale + shift); m = relu(convolution_packed(a, w1, b1, 1x1)); y = convolution_packed(m, w2, b2, 3x3)
    after:  y = bottleneck(x, scale, shift, w1, b1, C, w2, b2, N)
    The inner planes are neither written nor read, and a launch is saved. Only fp32, and only where nothing else uses what lies
    between. Each 8 inner planes read all of x again, and the rows between two work-groups are computed twice: that pays on small
    planes alone (`max_positions`, of all images), and for few filters, whose sums of 8 inner planes each pass through memory.
    """

    max_positions: int = 256
    max_filters: int = 32
    channel_step: int = 8

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fused = 0
        for node in list(graph.graph.nodes):
            chain = self._chain(node)
            if chain is None:
                continue
            relu, inner = chain
            before = _affine(graph, inner)
            x: Any = inner.args[0]
            if before is None and is_pointwise(x) and only_user(x) is inner:
                continue  # it would become a kernel of its own, which now is computed by the 1x1
            weight, bias, *_, filters = node.args[1:]
            args = (*_operands(graph, node, inner, before), *inner.args[1:3], inner.args[8], weight, bias, filters)
            nodes = (relu, inner, *(before.nodes if before else ()))
            replace(node, add_call(graph, node, bottleneck, args, like=node), *nodes)
            fused += 1
        return PassResult(fused > 0, (f"fused {fused} dense layers",) if fused else ())

    def _chain(self, node: Node) -> tuple[Any, Any] | None:
        """The ReLU and the 1x1 convolution that a 3x3 one alone reads; None for any other node."""
        relu: Any = node.args[0] if self.is_spreading(node) else None
        inner: Any = relu.args[0] if is_op(relu, aten.relu.default) and only_user(relu) is node else None
        return (relu, inner) if self.is_squeezing(inner) and only_user(inner) is relu else None

    def is_spreading(self, node: Node) -> bool:
        """Whether a node is a 3x3 convolution that keeps the plane's size, of as few positions and filters as pay."""
        if not _is_convolution(node, 3, 1):
            return False
        batch, filters, *plane = shape(node)
        return batch * math.prod(plane) <= self.max_positions and filters <= self.max_filters

    def is_squeezing(self, node: Any) -> bool:
        """Whether a node is a 1x1 convolution whose channels, before and behind, the kernel takes."""
        if not _is_convolution(node, 1, 0):
            return False
        return not any(shape(held)[CHANNELS] % self.channel_step for held in (node, node.args[0]))


def _is_convolution(node: Any, side: int, pad: int) -> bool:
    """Whether a node is a packed convolution of side x side in fp32, stride 1, one group, padded by `pad` zeros on each side."""
    if not is_op(node, convolution_packed) or len(shape(node)) != 4:
        return False
    kernel, stride, pads, dilation, groups = node.args[3:8]
    plain = {*kernel} == {side} and {*stride} == {*dilation} == {1} and {*pads} == {pad} and groups == 1
    return plain and all(dtype(held) == torch.float32 for held in (node, *node.all_input_nodes))


def _affine(graph: Graph, convolution: Node) -> Affine | None:
    """The scale, shift and ReLU that a convolution alone reads; None where something else stands there."""
    relu: Any = convolution.args[0]
    if not is_op(relu, aten.relu.default) or only_user(relu) is not convolution:
        return None
    nodes, numbers = [relu], {}
    for op, default in ((aten.add.Tensor, 0.0), (aten.mul.Tensor, 1.0)):
        node: Any = nodes[-1].args[0]
        vector = None
        if is_op(node, op) and only_user(node) is nodes[-1] and not node.kwargs and shape(node.args[0]) == shape(relu):
            vector = channel_vector(graph, node.args[1], shape(relu), CHANNELS)
        if vector is not None:
            nodes.append(node)
        numbers[op] = torch.full((shape(relu)[CHANNELS],), default, dtype=torch.float64) if vector is None else vector
    x: Any = nodes[-1].args[0]
    return Affine(x, numbers[aten.mul.Tensor], numbers[aten.add.Tensor], tuple(nodes)) if len(nodes) > 1 else None


def _operands(graph: Graph, at: Node, inner: Node, before: Affine | None) -> tuple[Any, Any, Any]:
    """What is scaled, and the scale and shift as constants; None and None where nothing is."""
    if before is None:
        return inner.args[0], None, None
    vectors = {"scale": before.scale, "shift": before.shift}
    held = (add_constant(graph, at, f"{at.name}_{name}", vector.float().contiguous()) for name, vector in vectors.items())
    return before.x, *held  # type: ignore[return-value]
