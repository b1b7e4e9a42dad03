"""A convolution's geometry and operands, whatever operator states it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from torch.fx import Node

from amdc.codegen.builder import Operand
from amdc.ir import graph as ir


@dataclass(frozen=True)
class Window:
    """Per spatial dimension: sizes of the input and the output, kernel, stride, pad before the first element, dilation.
    `in_channels` and `out_channels` are those of one group."""

    batch: int
    groups: int
    in_channels: int
    out_channels: int
    size: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]
    transposed: bool = False
    pooled: bool = False  # results are the largest of each 2x2 outputs

    def to_rank(self, rank: int) -> Window:
        """With leading dimensions of extent 1."""
        ones, zeros = (1,) * (rank - len(self.size)), (0,) * (rank - len(self.size))
        wide = {name: ones + getattr(self, name) for name in ("size", "out", "kernel", "stride", "dilation")}
        return replace(self, pad=zeros + self.pad, **wide)

    @property
    def plane(self) -> int:
        """Output positions of one image."""
        return math.prod(self.out)

    @property
    def taps(self) -> int:
        return math.prod(self.kernel)

    @property
    def multiply_adds(self) -> int:
        """A transposed convolution spends one on each input position and tap, another on each output position and tap."""
        positions = math.prod(self.size) if self.transposed else self.plane
        return self.batch * self.groups * self.out_channels * self.in_channels * self.taps * positions

    @property
    def is_pointwise(self) -> bool:
        """1x1, stride 1, no padding: a matrix product with the input as it lies."""
        return self.taps == 1 and set(self.stride) == {1} and not any(self.pad) and self.size == self.out

    @property
    def pads(self) -> tuple[int, ...]:
        """The pads as unsigned kernel arguments; negative ones (cropping) wrap."""
        return tuple(pad % (1 << 32) for pad in self.pad)


@dataclass(frozen=True)
class Weights:
    """Strides in elements between groups, output channels of a group, input channels of a group, taps."""

    group: int
    out: int
    channel: int
    tap: int


@dataclass(frozen=True)
class Operands:
    """What a convolution reads. `packed` weights lie as `amdc::convolution_packed` says, others as [O,I/groups,*kernel]
    (transposed convolutions: [I,O/groups,*kernel])."""

    x: Node
    weight: Node
    bias: Node | None
    packed: bool = False

    @property
    def bias_argument(self) -> tuple[Node, ...]:
        return () if self.bias is None else (self.bias,)

    def tensors(self, y: Node) -> tuple[Operand, ...]:
        """The first arguments of every convolution kernel."""
        return self.x, self.weight, y

    def strides(self, window: Window) -> Weights:
        channels, outs, taps = window.in_channels, window.out_channels, window.taps
        if self.packed:
            ld = ir.shape(self.weight)[1]
            return Weights(channels * taps * ld, 1, taps * ld, ld)
        if window.transposed:
            return Weights(channels * outs * taps, taps, outs * taps, 1)
        return Weights(channels * outs * taps, channels * taps, taps, 1)
