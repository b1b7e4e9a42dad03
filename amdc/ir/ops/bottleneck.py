"""A dense layer with a bottleneck (Huang et al. 2017, "DenseNet") as one operator: scale, shift, ReLU, 1x1, ReLU, 3x3."""

from __future__ import annotations

from torch import Tensor

from amdc.ir.ops.packed import convolution_packed
from amdc.ir.ops.register import amdc_op

SCHEMA = (
    "bottleneck(Tensor x, Tensor? scale, Tensor? shift, Tensor inner, Tensor? inner_bias, int channels, Tensor weight, "
    "Tensor? bias, int out_channels) -> Tensor"
)


@amdc_op(SCHEMA)
def bottleneck(
    x: Tensor,
    scale: Tensor | None,
    shift: Tensor | None,
    inner: Tensor,
    inner_bias: Tensor | None,
    channels: int,
    weight: Tensor,
    bias: Tensor | None,
    out_channels: int,
) -> Tensor:
    """conv3x3(relu(conv1x1(relu(x * scale + shift)))) for x [N,K,H,W], `scale` and `shift` [K] (both None: x as it is), `inner`
    [K, at least `channels`] and `weight` [channels * 9, at least `out_channels`] as packed: [N,out_channels,H,W]."""
    if scale is not None and shift is not None:
        x = (x * scale[:, None, None] + shift[:, None, None]).relu()
    wide = convolution_packed(x, inner, inner_bias, [1, 1], [1, 1], [0] * 4, [1, 1], 1, channels).relu()
    return convolution_packed(wide, weight, bias, [3, 3], [1, 1], [1] * 4, [1, 1], 1, out_channels)
