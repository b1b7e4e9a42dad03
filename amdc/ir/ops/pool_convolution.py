"""A max pooling with the 1x1 convolution behind it as one operator, as before a fire module or a residual stage."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.packed import convolution_packed
from amdc.ir.ops.register import amdc_op

SCHEMA = (
    "pool_convolution(Tensor x, Tensor weight, Tensor? bias, int[] kernel, int[] stride, int[] padding, bool ceil_mode, "
    "int out_channels) -> Tensor"
)


@amdc_op(SCHEMA)
def pool_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    kernel: list[int],
    stride: list[int],
    padding: list[int],
    ceil_mode: bool,
    out_channels: int,
) -> Tensor:
    """convolution_packed(max_pool2d(x, kernel, stride, padding), weight, bias, 1x1) for x [N,I,H,W] and `weight` [I, at least
    `out_channels`]: [N,out_channels,OH,OW]."""
    pooled = torch.nn.functional.max_pool2d(x, kernel, stride, padding, 1, ceil_mode)
    return convolution_packed(pooled, weight, bias, [1, 1], [1, 1], [0] * 4, [1, 1], 1, out_channels)
