"""Convolution and transposed convolution."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.frontends.onnx.operators.window import Window, kernel_of, pad_explicitly, spatial, transposed_pads
from amdc.frontends.onnx.registry import onnx_op


@onnx_op("Conv")
def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    /,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """x: N, C, spatial...; weight: M, C / group, kernel...; asymmetric padding becomes a constant_pad_nd of its own."""
    kernel = kernel_of(weight, kernel_shape)
    window = Window.of(x, kernel, strides, pads, dilations, auto_pad)
    padding = window.begin
    if window.begin != window.end:
        x, padding = pad_explicitly(x, window, 0.0), [0] * len(kernel)
    return torch.convolution(x, weight, bias, window.strides, padding, window.dilations, False, [0] * len(kernel), group)


@onnx_op("ConvTranspose")
def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    /,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    output_padding: list[int] | None = None,
    output_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """weight: C, M / group, kernel...; what aten cannot pad by itself is cropped from, or added to, the unpadded result."""
    kernel = kernel_of(weight, kernel_shape)
    rank = spatial(x)
    strides, dilations, extra = strides or [1] * rank, dilations or [1] * rank, output_padding or [0] * rank
    begin, end = transposed_pads(x, kernel, strides, dilations, extra, pads, auto_pad, output_shape)
    direct = begin == end and min(begin) >= 0 and all(e < max(s, d) for e, s, d in zip(extra, strides, dilations, strict=True))
    zeros = [0] * rank
    if direct:
        return torch.convolution(x, weight, bias, strides, begin, dilations, True, extra, group)
    # aten pads both sides alike: on the end side, less padding is more output padding
    y = torch.convolution(x, weight, None, strides, zeros, dilations, True, zeros, group)
    crop = [amount for b, e, o in reversed(list(zip(begin, end, extra, strict=True))) for amount in (-b, o - e)]
    y = torch.constant_pad_nd(y, crop, 0.0)
    return y if bias is None else y + bias.reshape([-1] + [1] * rank)
