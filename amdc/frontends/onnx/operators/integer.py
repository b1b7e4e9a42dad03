"""Products of quantised tensors, whose results stay integers or are quantised again."""

from __future__ import annotations

import torch
from onnx import TensorProto
from torch import Tensor

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.onnx.operators.quantization import along, quantize_linear
from amdc.frontends.onnx.operators.window import Window, kernel_of
from amdc.frontends.onnx.registry import onnx_op


def row_zero(zero: Tensor | None) -> Tensor | None:
    """A left operand's zero points so that they broadcast to it: for all, for each row, or already in its shape."""
    return zero.unsqueeze(-1) if zero is not None and zero.dim() == 1 and zero.numel() > 1 else zero


@onnx_op("MatMulInteger", since=10)
def matmul_integer(a: Tensor, b: Tensor, a_zero: Tensor | None = None, b_zero: Tensor | None = None, /) -> Tensor:
    """int32 products of 8-bit tensors, without their zero points; a vector is a row on the left, a column on the right."""
    left, right = a.unsqueeze(0) if a.dim() == 1 else a, b.unsqueeze(1) if b.dim() == 1 else b
    product = torch.ops.amdc.matmul_integer.default(left, right, row_zero(a_zero), b_zero)
    kept = [*product.shape[:-2], *([] if a.dim() == 1 else [product.shape[-2]]), *([] if b.dim() == 1 else [product.shape[-1]])]
    return product.reshape(kept)


def requantize(sums: Tensor, ratio: Tensor, zero: Tensor | None, element: int) -> Tensor:
    """int32 sums times a scale, as 8-bit levels."""
    one = torch.ones((), dtype=torch.float32)
    return quantize_linear(sums.to(torch.float32) * ratio, one, zero, elements=(TensorProto.FLOAT, TensorProto.FLOAT, element))


@onnx_op("QLinearMatMul", since=10)
def qlinear_matmul(
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
    /,
    *,
    elements: tuple[int, ...] = (),
) -> Tensor:
    """Scales and zero points are scalars, or hold one for each row of a and for each column of b."""
    rows = a_scale.unsqueeze(-1) if a_scale.dim() == 1 and a_scale.numel() > 1 else a_scale
    ratio = rows.to(torch.float32) * b_scale.to(torch.float32) / y_scale.to(torch.float32)
    return requantize(matmul_integer(a, b, a_zero, b_zero), ratio, y_zero, elements[7])


@onnx_op("ConvInteger", since=10)
def conv_integer(
    x: Tensor,
    weight: Tensor,
    x_zero: Tensor | None = None,
    weight_zero: Tensor | None = None,
    /,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """int32; zero points: one, and for the weight also one for each output channel."""
    kernel = kernel_of(weight, kernel_shape)
    window = Window.of(x, kernel, strides, pads, dilations, auto_pad)
    zero = None if weight_zero is None else along(weight_zero, weight, 0)
    edges = [*window.begin, *window.end]
    return torch.ops.amdc.convolution_integer.default(
        x, weight, None if x_zero is None else x_zero.reshape(()), zero, window.strides, edges, window.dilations, group
    )


@onnx_op("QLinearConv", since=10)
def qlinear_conv(
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    weight: Tensor,
    weight_scale: Tensor,
    weight_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
    bias: Tensor | None = None,
    /,
    *,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
    elements: tuple[int, ...] = (),
) -> Tensor:
    """The bias is int32, in units of x's scale times the weight's."""
    window = {"auto_pad": auto_pad, "dilations": dilations, "kernel_shape": kernel_shape, "pads": pads, "strides": strides}
    sums = conv_integer(x, weight, x_zero, weight_zero, group=group, **window)  # type: ignore[arg-type]
    if bias is not None:
        sums = sums + along(bias, sums, 1)
    ratio = along(x_scale, sums, 1) * along(weight_scale, sums, 1) / along(y_scale, sums, 1)
    return requantize(sums, ratio, y_zero, elements[7])


def float_of(x: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
    """The numbers that levels stand for, in float32."""
    levels = x.to(torch.float32)
    return (levels if zero is None else levels - zero.to(torch.float32)) * scale
