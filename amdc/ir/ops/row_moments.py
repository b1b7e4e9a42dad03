"""What a layer norm is made of, for products that compute the norm of their rows and leave its mean and scale for later uses."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.register import amdc_op


@amdc_op("row_moments(Tensor x, float epsilon) -> (Tensor, Tensor)")
def row_moments(x: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    """Of x [M, K]: the mean of each row and 1 / sqrt(variance + epsilon), both [M, 1] and at least fp32."""
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    return wide.mean(1, True), torch.rsqrt(wide.var(1, unbiased=False, keepdim=True) + epsilon)


@amdc_op("add_normalized(Tensor y, Tensor x, Tensor mean, Tensor scale, Tensor gain, Tensor shift) -> Tensor")
def add_normalized(y: Tensor, x: Tensor, mean: Tensor, scale: Tensor, gain: Tensor, shift: Tensor) -> Tensor:
    """y + layer_norm(x), point-wise: with the moments [M, 1] of x [M, K], gain and shift [K]."""
    return y + ((x - mean) * scale * gain + shift)
