"""Lays constant weights out as the kernels read them.

Activations keep their layout (batch, channels, rows, columns), and there is no pass that chooses another. What others would bring
to the 1x1 convolutions, which are the ones that read planes as matrices, was timed on a simulated RX 580 (microseconds without
the launch, the fastest of the first tiles; predicted, not measured). Before: 7x7 gathered, 14x14 image by image.

    convolution, plane, batch       before   planes of 4n floats   images side by side (CNHW)   as they lie now
    2048->512 7x7 1                     73                    48                            -                51
    512->2048 7x7 1                     42                    36                            -                38
    256->1024 14x14 8                  218                     -                          176               177
    1024->256 14x14 8                  229                     -                          180               181
    512->2048 7x7 8                    233                     -                          207               216
    2048->512 7x7 8                    270                     -                          227               255

conv.hip gets most of that without a layout: a plane counts as a multiple of four columns, the last four of which begin before
its end, and a lane's columns start wherever its image lies; dwordx4 wants no more than whole dwords. What is left, by the uses in
ResNet-50: 10 us of its 4.5 ms at batch 1 and 80 us of its 13.5 ms of kernels at batch 8, 0.2 and 0.6 %. Against it stand two
copies, 26 us of launch each, wherever a neighbour does not know the layout. Channels last (NHWC) exchanges a 1x1 convolution's
operands (176 us for 256->1024 14x14 at batch 8, as now); it would make the loads of Winograd's windows contiguous, but those wait
for the multiply-adds (F(2x2)) or already for DRAM (F(4x4)), and depthwise windows then share nothing between a lane's outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, dtype, is_op, replace, shape
from amdc.ir.ops.packed import convolution, convolution_packed, linear_packed, pack_convolution_weight, pack_matrix
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.anchors import FLOATS

aten = torch.ops.aten


@dataclass(frozen=True)
class PackWeights(Pass):
    """Pack the constant weights of convolutions and linear layers as [K, M] matrices with a padded row stride.

    before: y = convolution(x, w [O,I,KH,KW], b, ...)     before: y = x @ w [K,M]
    after:  y = convolution_packed(x, w [I*KH*KW, ld], b, ...)   after:  y = linear_packed(x, w [K, ld], M)
    A GEMM whose operands both have their long axis contiguous reads rows at full width (SGEMM on an R9 Nano: transposed weights
    reach a median 0.83 of that). Depthwise convolutions keep their layout: there is no K to speak of.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        packed: dict[tuple[str, int], Node] = {}
        count = 0
        for node in list(graph.graph.nodes):
            new = None
            if is_op(node, aten.convolution.default, convolution):
                new = _convolution(graph, node, packed)
            elif is_op(node, aten.mm.default):
                new = _linear(graph, node, packed)
            if new is not None:
                replace(node, new)
                _drop(graph, node)
                count += 1
        return PassResult(count > 0, (f"packed the weights of {count} operators",) if count else ())


def _drop(graph: Graph, node: Node) -> None:
    """Erase a node that was replaced, and its weight with the last use: a large model's weights are not held twice."""
    weight = node.args[1]
    assert isinstance(weight, Node)
    graph.graph.erase_node(node)
    if not weight.users:
        graph.graph.erase_node(weight)
        if not any(other.op == "get_attr" and other.target == weight.target for other in graph.graph.nodes):
            delattr(graph, str(weight.target))


def _weight(node: Node) -> Node | None:
    weight = node.args[1]
    return weight if isinstance(weight, Node) and weight.op == "get_attr" and dtype(weight) in FLOATS else None


def _once(
    graph: Graph, at: Node, packed: dict[tuple[str, int], Node], weight: Node, groups: int, pack: Callable[[Any], Any]
) -> Node:
    """The packed weight, made before its first use and shared by all later ones."""
    key = (str(weight.target), groups)
    if key not in packed:
        packed[key] = add_constant(graph, at, f"{weight.target}_packed", pack(constant(graph, weight)))
        packed[key].meta["value"] = None
    return packed[key]


def _convolution(graph: Graph, node: Node, packed: dict[tuple[str, int], Node]) -> Node | None:
    """The packed form of a 2-d convolution; None for transposed and depthwise ones."""
    args: Any = node.args
    weight = _weight(node)
    if weight is None or len(shape(weight)) != 4:
        return None
    if is_op(node, convolution):
        stride, pads, dilation, groups = args[3:7]
    elif not args[6]:
        stride, pads, dilation, groups = args[3], [*args[4], *args[4]], args[5], args[8]
    else:
        return None
    out_channels, in_channels, *kernel = shape(weight)
    if groups > 1 and in_channels == 1:
        return None
    matrix = _once(graph, node, packed, weight, groups, lambda held: pack_convolution_weight(held, groups))
    window = (list(stride), list(pads), list(dilation), groups)
    return add_call(graph, node, convolution_packed, (args[0], matrix, args[2], kernel, *window, out_channels), like=node)


def _linear(graph: Graph, node: Node, packed: dict[tuple[str, int], Node]) -> Node | None:
    weight = _weight(node)
    if weight is None:
        return None
    matrix = _once(graph, node, packed, weight, 0, pack_matrix)
    return add_call(graph, node, linear_packed, (node.args[0], matrix, shape(weight)[1]), like=node)
