"""Lets a convolution compute the point-wise operators before it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.fx import Node

from amdc.cost import kernel_work, microseconds
from amdc.cost.operations import operations
from amdc.ir.graph import Graph, dtype, is_op, region, shape
from amdc.ir.ops.packed import convolution, convolution_packed
from amdc.ir.pointwise import is_pointwise
from amdc.ir.regions import anchor, is_region, make_region
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.anchors import FLOATS
from amdc.passes.constants import elements, is_constant, only_user, per_channel
from amdc.target import Target

aten = torch.ops.aten
CONVOLUTIONS = (aten.convolution.default, convolution, convolution_packed)
TILE_CHANNELS = 64  # output channels that one value read serves, in the tiles that most convolutions get


@dataclass(frozen=True)
class FusePrologue(Pass):
    """Fuse what stands before a convolution into its region: a pre-activation (batch norm and ReLU, as in DenseNet), a gate.

    before: a = relu(x * scale + shift); y = conv(a, w, b)
    after:  y = region(x, scale, shift, w, b), one kernel, where scale and shift are per channel or one number
    The convolution's zero padding stays zero: it is applied behind the prologue. Only what no other node uses is fused, and only
    where that costs less (amdc.cost): a value is computed anew for each filter tap and each tile of output channels.
    """

    max_nodes: int = 4

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        made, notes = 0, []
        for node in list(graph.graph.nodes):
            convolved = _convolution(graph, node)
            data = _data_operand(node, convolved) if convolved else None
            if convolved is None or data is None:
                continue
            chain: list[Node] = []
            while len(chain) < self.max_nodes and (before := _link(chain[0] if chain else node, data)) is not None:
                if not _pays(data, chain, convolved, context.target):
                    notes.append(f"{node} does not compute {data}: it is cheaper to compute it once, in a kernel of its own")
                    break
                chain.insert(0, data)
                data = before
            if chain:
                make_region(graph, [*chain, node], "convolution")
                notes.append(f"{node} computes {', '.join(map(str, chain))}")
                made += 1
        return PassResult(made > 0, tuple(notes))


def _convolution(graph: Graph, node: Node) -> Node | None:
    """The convolution that a node is, bare or as the anchor of a region."""
    found = anchor(region(graph, node)) if is_region(node) else node
    return found if is_op(found, *CONVOLUTIONS) else None


def _data_operand(node: Node, convolved: Node) -> Node | None:
    """The node that a convolution reads as its data, and nowhere else; None where its region has a prologue already."""
    inner = convolved.args[0]
    assert isinstance(inner, Node)
    if convolved is node:
        return inner if inner not in node.args[1:] else None
    if inner.op != "placeholder" or only_user(inner) is not convolved:
        return None
    outer = node.args[int(inner.name.removeprefix("arg"))]
    return outer if isinstance(outer, Node) and node.args.count(outer) == 1 else None


def _pays(node: Node, chain: list[Node], convolved: Node, target: Target) -> bool:
    """Whether the convolution had better compute a node too, before what it computes already."""
    args: Any = convolved.args
    x, weight = args[:2]
    packed = is_op(convolved, convolution_packed)
    groups = args[{convolution: 6, convolution_packed: 7}.get(convolved.target, 8)]
    taps = math.prod(args[3] if packed else shape(weight)[2:])
    batch, channels, *space = shape(convolved)
    gathered = batch * math.prod(space) * shape(x)[1] * taps
    reads = gathered * -(-(channels // groups) // TILE_CHANNELS)
    own = kernel_work([convolved], [convolved], 0)

    def time(nodes: list[Node]) -> float:
        return microseconds(replace(own, flops=2 * gathered * channels // groups + reads * sum(map(operations, nodes))), target)

    return time([node, *chain]) - time(chain) <= microseconds(kernel_work([node], [node], elements(node)), target)


def _link(user: Node, node: Node) -> Node | None:
    """The data operand of a node that can become part of the prologue of its only user, or None."""
    if not is_pointwise(node) or only_user(node) is not user or dtype(node) not in FLOATS:
        return None
    full = [o for o in node.all_input_nodes if shape(o) == shape(node) and dtype(o) == dtype(node) and not is_constant(o)]
    if len(full) != 1:
        return None
    others = [o for o in node.all_input_nodes if o is not full[0]]
    fits = all(per_channel(shape(o), shape(node), 1) and elements(o) < elements(node) for o in others)
    return full[0] if fits else None
