"""The head of an inverted residual block (Sandler et al. 2018, "MobileNetV2") as one operator: 1x1 convolution, activation,
depthwise convolution."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from amdc.ir.ops.packed import convolution, convolution_packed
from amdc.ir.ops.register import amdc_op

aten = torch.ops.aten
ACTIVATIONS: dict[str, Any] = {  # "clamp" alone takes bounds; rectifiers are clamps
    "clamp": aten.clamp.default,
    "silu": aten.silu.default,
    "hardswish": aten.hardswish.default,
}
SCHEMA = (
    "expand_depthwise(Tensor x, Tensor expand, Tensor? expand_bias, str activation, float? low, float? high, Tensor weight, "
    "Tensor? bias, int[] stride, int[] pads) -> Tensor"
)


@amdc_op(SCHEMA)
def expand_depthwise(
    x: Tensor,
    expand: Tensor,
    expand_bias: Tensor | None,
    activation: str,
    low: float | None,
    high: float | None,
    weight: Tensor,
    bias: Tensor | None,
    stride: list[int],
    pads: list[int],
) -> Tensor:
    """convolution(activation(convolution_packed(x, expand, expand_bias)), weight, bias) for x [N,K,H,W] and `expand`
    [K, at least C], `weight` [C,1,KH,KW]: [N,C,OH,OW]. `activation` is one of `ACTIVATIONS`; a clamp without bounds is none."""
    channels = weight.shape[0]
    wide = convolution_packed(x, expand, expand_bias, [1, 1], [1, 1], [0] * 4, [1, 1], 1, channels)
    if activation != "clamp":
        wide = ACTIVATIONS[activation](wide)
    elif low is not None or high is not None:
        wide = aten.clamp.default(wide, low, high)
    return convolution(wide, weight, bias, stride, pads, [1, 1], channels)
