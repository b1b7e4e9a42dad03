"""Quantised operators: what ONNX Runtime's quantiser writes beside the standard ones, and weights of few bits."""

from __future__ import annotations

import torch
from onnx import TensorProto
from torch import Tensor

from amdc.frontends.onnx.operators.integer import float_of, matmul_integer, requantize
from amdc.frontends.onnx.operators.microsoft.domain import microsoft_op
from amdc.frontends.onnx.operators.pooling import average_pool
from amdc.frontends.onnx.operators.quantization import dequantize_linear, dynamic_quantize_linear, quantize_linear
from amdc.frontends.onnx.registry import NotSupported

microsoft_op("QuantizeLinear")(quantize_linear)
microsoft_op("DequantizeLinear")(dequantize_linear)


def _levels(x: Tensor, scale: Tensor, zero: Tensor | None, element: int) -> Tensor:
    """Numbers as 8-bit levels of an ONNX element type."""
    return quantize_linear(x, scale, zero, elements=(TensorProto.FLOAT, TensorProto.FLOAT, element))


@microsoft_op("QLinearAdd")
def qlinear_add(
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor | None,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor | None,
    y_scale: Tensor,
    y_zero: Tensor | None = None,
    /,
    *,
    elements: tuple[int, ...] = (),
) -> Tensor:
    return _levels(float_of(a, a_scale, a_zero) + float_of(b, b_scale, b_zero), y_scale, y_zero, elements[0])


@microsoft_op("QLinearMul")
def qlinear_mul(
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor | None,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor | None,
    y_scale: Tensor,
    y_zero: Tensor | None = None,
    /,
    *,
    elements: tuple[int, ...] = (),
) -> Tensor:
    levels = float_of(a, torch.ones(()), a_zero) * float_of(b, torch.ones(()), b_zero)  # exact: ties round as in integers
    return requantize(levels, a_scale * b_scale / y_scale, y_zero, elements[0])


@microsoft_op("QLinearSigmoid")
def qlinear_sigmoid(
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor | None,
    y_scale: Tensor,
    y_zero: Tensor | None = None,
    /,
    *,
    elements: tuple[int, ...] = (),
) -> Tensor:
    return _levels(torch.sigmoid(float_of(x, x_scale, x_zero)), y_scale, y_zero, elements[0])


@microsoft_op("QLinearLeakyRelu")
def qlinear_leaky_relu(
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor | None,
    y_scale: Tensor,
    y_zero: Tensor | None = None,
    /,
    *,
    alpha: float = 0.01,
    elements: tuple[int, ...] = (),
) -> Tensor:
    return _levels(torch.nn.functional.leaky_relu(float_of(x, x_scale, x_zero), alpha), y_scale, y_zero, elements[0])


@microsoft_op("QLinearSoftmax")
def qlinear_softmax(
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor | None,
    y_scale: Tensor,
    y_zero: Tensor | None = None,
    /,
    *,
    axis: int = -1,
    opset: int = 13,
    elements: tuple[int, ...] = (),
) -> Tensor:
    """Before opset 13 all dimensions from `axis` on are one."""
    numbers = float_of(x, x_scale, x_zero)
    if opset < 13:
        rows = numbers.flatten(axis % x.dim())
        return _levels(torch.softmax(rows, -1).reshape(x.shape), y_scale, y_zero, elements[0])
    return _levels(torch.softmax(numbers, axis), y_scale, y_zero, elements[0])


@microsoft_op("QLinearConcat")
def qlinear_concat(y_scale: Tensor, y_zero: Tensor, /, *parts: Tensor, axis: int, elements: tuple[int, ...] = ()) -> Tensor:
    """Each part is a tensor, its scale and its zero point."""
    numbers = [float_of(*parts[i : i + 3]) for i in range(0, len(parts), 3)]
    return _levels(torch.cat(numbers, axis), y_scale, y_zero, elements[1])


@microsoft_op("QLinearGlobalAveragePool")
def qlinear_global_average_pool(
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor,
    y_scale: Tensor,
    y_zero: Tensor,
    /,
    *,
    channels_last: int = 0,
    elements: tuple[int, ...] = (),
) -> Tensor:
    dims = list(range(1, x.dim() - 1)) if channels_last else list(range(2, x.dim()))
    return _levels(torch.mean(float_of(x, x_scale, x_zero), dims, keepdim=True), y_scale, y_zero, elements[0])


@microsoft_op("QLinearAveragePool")
def qlinear_average_pool(
    x: Tensor,
    x_scale: Tensor,
    x_zero: Tensor | None,
    y_scale: Tensor,
    y_zero: Tensor | None = None,
    /,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    channels_last: int = 0,
    count_include_pad: int = 0,
    kernel_shape: list[int],
    pads: list[int] | None = None,
    strides: list[int] | None = None,
    elements: tuple[int, ...] = (),
) -> Tensor:
    numbers = float_of(x, x_scale, x_zero)
    numbers = numbers.movedim(-1, 1) if channels_last else numbers
    pooled = average_pool(
        numbers,
        kernel_shape=kernel_shape,
        auto_pad=auto_pad,
        ceil_mode=ceil_mode,
        count_include_pad=count_include_pad,
        pads=pads,
        strides=strides,
    )
    return _levels(pooled.movedim(1, -1) if channels_last else pooled, y_scale, y_zero, elements[0])


@microsoft_op("QGemm")
def qgemm(
    a: Tensor,
    a_scale: Tensor,
    a_zero: Tensor,
    b: Tensor,
    b_scale: Tensor,
    b_zero: Tensor,
    c: Tensor | None = None,
    y_scale: Tensor | None = None,
    y_zero: Tensor | None = None,
    /,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    elements: tuple[int, ...] = (),
) -> Tensor:
    """c is int32 in units of alpha a_scale b_scale; float32 comes out where there is no scale for the result."""
    sums = matmul_integer(a.t() if transA else a, b.t() if transB else b, a_zero, b_zero)
    sums = sums if c is None else sums + c
    ratio = alpha * a_scale * b_scale
    if y_scale is None:
        return sums.to(torch.float32) * ratio
    return requantize(sums, ratio / y_scale, y_zero, elements[8] if y_zero is not None else elements[0])


@microsoft_op("MatMulIntegerToFloat")
def matmul_integer_to_float(
    a: Tensor,
    b: Tensor,
    a_scale: Tensor,
    b_scale: Tensor,
    a_zero: Tensor | None = None,
    b_zero: Tensor | None = None,
    bias: Tensor | None = None,
    /,
) -> Tensor:
    """Scales and zero points of b: one, or one for each column."""
    product = matmul_integer(a, b, a_zero, b_zero).to(a_scale.dtype) * (a_scale * b_scale)
    return product if bias is None else product + bias


@microsoft_op("DynamicQuantizeMatMul")
def dynamic_quantize_matmul(
    a: Tensor, b: Tensor, b_scale: Tensor, b_zero: Tensor | None = None, bias: Tensor | None = None, /
) -> Tensor:
    """a is quantised to uint8 by its own range."""
    levels, scale, zero = dynamic_quantize_linear(a)
    return matmul_integer_to_float(levels, b, scale, b_scale, zero, b_zero, bias)


@microsoft_op("MatMulNBits")
def matmul_n_bits(
    a: Tensor,
    packed: Tensor,
    scales: Tensor,
    zero_points: Tensor | None = None,
    g_idx: Tensor | None = None,
    bias: Tensor | None = None,
    /,
    *,
    K: int,
    N: int,
    bits: int = 4,
    block_size: int,
    accuracy_level: int = 0,
    weight_prepacked: int = 0,
) -> Tensor:
    """a [...,K] times a weight [K,N] of `bits` bits with a scale and a zero point for each block of rows of a column.

    packed: uint8 [N, blocks, bytes], lower bits first; without zero points the middle of the range is zero.
    """
    if bits not in (2, 4, 8) or g_idx is not None or weight_prepacked:
        raise NotSupported("only 2, 4 or 8 bits without g_idx and without prepacking are supported")
    blocks = -(-K // block_size)
    levels = _unpacked(packed.reshape(N, -1), bits)[:, : blocks * block_size].reshape(N, blocks, block_size)
    zero: Tensor | float = float(2 ** (bits - 1))
    if zero_points is not None:
        narrow = zero_points.dtype == torch.uint8
        zero = (
            (_unpacked(zero_points.reshape(N, -1), bits)[:, :blocks] if narrow else zero_points).reshape(N, blocks, 1).to(a.dtype)
        )
    weight = (levels.to(a.dtype) - zero) * scales.reshape(N, blocks, 1)
    product = torch.matmul(a, weight.reshape(N, blocks * block_size)[:, :K].t())
    return product if bias is None else product + bias


def _unpacked(packed: Tensor, bits: int) -> Tensor:
    """[rows, bytes] of uint8 as [rows, bytes * 8 / bits] numbers, lower bits first."""
    if bits == 8:
        return packed
    wide, most = packed.to(torch.int32), 2**bits - 1
    parts = [torch.bitwise_and(torch.div(wide, 2**shift, rounding_mode="floor"), most) for shift in range(0, 8, bits)]
    return torch.stack(parts, 2).reshape(packed.shape[0], -1)
