"""Lets a convolution compute the point-wise operators before it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, dtype, is_op, region, shape
from amdc.ir.ops.packed import convolution, convolution_packed
from amdc.ir.regions import anchor, is_region, make_region
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.anchors import FLOATS
from amdc.passes.constants import elements, is_constant, only_user, per_channel

aten = torch.ops.aten
CONVOLUTIONS = (aten.convolution.default, convolution, convolution_packed)
# A value is computed anew for each filter tap and each tile of output channels, so only what takes an instruction or two.
CHEAP = (
    aten.add.Tensor,
    aten.add.Scalar,
    aten.mul.Tensor,
    aten.mul.Scalar,
    aten.relu.default,
    aten.clamp.default,
    aten.leaky_relu.default,
)


@dataclass(frozen=True)
class FusePrologue(Pass):
    """Fuse what stands before a convolution into its region: a pre-activation (batch norm and ReLU, as in DenseNet), a gate.

    before: a = relu(x * scale + shift); y = conv(a, w, b)
    after:  y = region(x, scale, shift, w, b), one kernel, where scale and shift are per channel or one number
    The convolution's zero padding stays zero: it is applied behind the prologue. Only what no other node uses is fused.
    """

    max_nodes: int = 4

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        made, notes = 0, []
        for node in list(graph.graph.nodes):
            data = _data_operand(graph, node)
            if data is None:
                continue
            chain: list[Node] = []
            while len(chain) < self.max_nodes and (before := _link(chain[0] if chain else node, data)) is not None:
                chain.insert(0, data)
                data = before
            if chain:
                make_region(graph, [*chain, node], "convolution")
                notes.append(f"{node} computes {', '.join(map(str, chain))}")
                made += 1
        return PassResult(made > 0, tuple(notes))


def _data_operand(graph: Graph, node: Node) -> Node | None:
    """The node that a convolution, bare or the anchor of a region without a prologue, reads as its data, and nowhere else."""
    if is_op(node, *CONVOLUTIONS):
        data = node.args[0]
        return data if isinstance(data, Node) and data not in node.args[1:] else None
    if not is_region(node):
        return None
    body = region(graph, node)
    convolved = anchor(body)
    if convolved is None or not is_op(convolved, *CONVOLUTIONS):
        return None
    inner = convolved.args[0]
    assert isinstance(inner, Node)
    if inner.op != "placeholder" or only_user(inner) is not convolved:
        return None
    outer = node.args[int(inner.name.removeprefix("arg"))]
    return outer if isinstance(outer, Node) and node.args.count(outer) == 1 else None


def _link(user: Node, node: Node) -> Node | None:
    """The data operand of a node that can become part of the prologue of its only user, or None."""
    if not is_op(node, *CHEAP) or node.kwargs or only_user(node) is not user or dtype(node) not in FLOATS:
        return None
    full = [o for o in node.all_input_nodes if shape(o) == shape(node) and dtype(o) == dtype(node) and not is_constant(o)]
    if len(full) != 1:
        return None
    others = [o for o in node.all_input_nodes if o is not full[0]]
    fits = all(per_channel(shape(o), shape(node), 1) and elements(o) < elements(node) for o in others)
    return full[0] if fits else None
