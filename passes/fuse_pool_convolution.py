"""Lets a 1x1 convolution pool what it reads."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape
from amdc.ir.ops.packed import convolution_packed
from amdc.ir.ops.pool_convolution import pool_convolution
from amdc.pass_manager import Pass, PassContext, PassResult

aten = torch.ops.aten


@dataclass(frozen=True)
class FusePoolConvolution(Pass):
    """One operator for a max pooling and the 1x1 convolution behind it.

    before: p = max_pool2d_with_indices(x, 3, 2)[0]; y = convolution_packed(p, w, b, 1x1)
    after:  y = pool_convolution(x, w, b, 3, 2)
    What is pooled is neither written nor read, and a launch is saved. Only fp32, and only where nothing else uses what is pooled.
    The kernel holds all channels of some pixels at once, so there may be `max_channels`, in multiples of `channel_step`; more
    filters than `max_filters` are computed faster by a kernel of their own.
    """

    max_channels: int = 512
    max_filters: int = 64
    channel_step: int = 32
    max_taps: int = 9

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fused = 0
        for node in list(graph.graph.nodes):
            pooling = _pooling(node)
            if pooling is None or shape(node)[1] > self.max_filters or not self.takes(pooling):
                continue
            args = (pooling.args[0], *node.args[1:3], *_window(pooling)[:3], _window(pooling)[4], node.args[8])
            replace(node, add_call(graph, node, pool_convolution, args, like=node), pooling)
            fused += 1
        return PassResult(fused > 0, (f"fused {fused} poolings with the convolutions behind them",) if fused else ())

    def takes(self, pooling: Node) -> bool:
        """Whether the kernel takes the channels and the window of a pooling."""
        x: Any = pooling.args[0]
        channels, taps = shape(x)[1], math.prod(_window(pooling)[0])
        return channels <= self.max_channels and channels % self.channel_step == 0 and 1 < taps <= self.max_taps


def _pooling(node: Node) -> Node | None:
    """The max pooling that a 1x1 convolution alone reads; None for any other node."""
    if not is_op(node, convolution_packed):
        return None
    kernel, stride, pads, _, groups = node.args[3:8]
    values: Any = node.args[0]
    read = values.target is operator.getitem and values.args[1] == 0 and len(values.users) == 1
    if {*kernel, *stride} != {1} or any(pads) or groups != 1 or len(kernel) != 2 or not read:  # type: ignore[misc, arg-type]
        return None
    pooling: Any = values.args[0]
    alone = is_op(pooling, aten.max_pool2d_with_indices.default) and len(pooling.users) == 1 and len(shape(values)) == 4
    floats = all(dtype(held) == torch.float32 for held in (node, *node.all_input_nodes))
    return pooling if alone and floats and set(_window(pooling)[3]) == {1} else None


def _window(pooling: Node) -> tuple[list[int], list[int], list[int], list[int], bool]:
    """Kernel, stride, padding and dilation of a pooling, two numbers each, and whether sizes are rounded up."""
    given: Any = [*pooling.args[1:], *([], 0, 1, False)[len(pooling.args) - 2 :]]
    parts = [list(part) if isinstance(part, (list, tuple)) else [part] for part in given[:4]]
    kernel, stride, padding, dilation = ((part or parts[0]) * (2 // len(part or parts[0])) for part in parts)
    return kernel, stride, padding, dilation, bool(given[4])
