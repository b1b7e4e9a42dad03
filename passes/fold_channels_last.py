"""Lets a convolution read channels-last images, as cameras and TensorFlow give them, where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, is_op, replace, shape
from amdc.ir.ops.packed import convolution
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user

aten = torch.ops.aten


@dataclass(frozen=True)
class FoldChannelsLast(Pass):
    """A convolution of a few channels that lie last, as one of a single channel whose rows are as many times as wide.

    before: y = convolution(permute(x [N,H,W,C], [0,3,1,2]), w [O,C,KH,KW], b, [SH,SW], [PH,PW])
    after:  y = convolution(view(x, [N,1,H,W*C]), w' [O,1,KH,KW*C], b, [SH,SW*C], [PH,PW*C])
    The same products are summed; the copy, a launch, goes away. The kernels then read neighbouring positions SW * C values apart:
    only up to `max_channels`, as in images. Filters of more than `max_taps`, or columns, would not be walked through tap by tap.
    """

    max_channels: int = 4
    max_taps: int = 512
    max_columns: int = 128

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        folded = 0
        for node in list(graph.graph.nodes):
            image = self._image(node)
            if image is None:
                continue
            permute: Any = node.args[0]
            batch, height, width, channels = shape(image)
            x = add_call(graph, node, aten.view.default, (image, [batch, 1, height, width * channels]))
            weight: Any = node.args[1]
            made = constant(graph, weight).permute(0, 2, 3, 1).flatten(2).unsqueeze(1).contiguous()
            args = (x, add_constant(graph, node, f"{weight.target}_channels_last", made), *_widened(node, channels))
            replace(node, add_call(graph, node, node.target, args, like=node), permute)
            folded += 1
        return PassResult(folded > 0, (f"folded {folded} permutations of images",) if folded else ())

    def _image(self, node: Node) -> Node | None:
        """What a convolution reads through a permutation that nothing else needs; None for any other node."""
        if not is_op(node, aten.convolution.default, convolution):
            return None
        permute: Any = node.args[0]
        if not is_op(permute, aten.permute.default) or only_user(permute) is not node or [*permute.args[1]] != [0, 3, 1, 2]:
            return None
        args: Any = node.args
        with_pads = is_op(node, convolution)
        groups, transposed = (args[6], False) if with_pads else (args[8], args[6])
        channels = shape(permute)[1]
        if groups != 1 or transposed or {*args[5]} != {1} or args[1].op != "get_attr" or not 1 < channels <= self.max_channels:
            return None
        _, _, rows, columns = shape(args[1])
        fits = channels * rows * columns <= self.max_taps and channels * columns <= self.max_columns
        return permute.args[0] if fits else None


def _widened(node: Node, channels: int) -> tuple[Any, ...]:
    """The arguments behind the weight, with `channels` times the steps and pads along a row."""
    bias, stride, pads, *rest = node.args[2:]

    def widened(numbers: Any) -> list[int]:
        wide = [*numbers] * (2 if len(numbers) == 1 else 1)
        return [number * (channels if place % 2 else 1) for place, number in enumerate(wide)]

    return bias, widened(stride), widened(pads), *rest
