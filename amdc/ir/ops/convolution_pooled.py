"""A 3x3 convolution and the 2x2 max pooling behind it, as in VGG (Simonyan and Zisserman 2015), as one operator."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.packed import convolution_packed
from amdc.ir.ops.register import amdc_op


@amdc_op("convolution_pooled(Tensor x, Tensor weight, Tensor? bias, int out_channels) -> Tensor")
def convolution_pooled(x: Tensor, weight: Tensor, bias: Tensor | None, out_channels: int) -> Tensor:
    """max_pool2d(convolution_packed(x, weight, bias, 3x3, padding 1), 2) for x [N,C,H,W] with H and W even, `weight` [C * 9, at
    least out_channels]: [N,out_channels,H/2,W/2]."""
    wide = convolution_packed(x, weight, bias, [3, 3], [1, 1], [1] * 4, [1, 1], 1, out_channels)
    return torch.nn.functional.max_pool2d(wide, 2)
