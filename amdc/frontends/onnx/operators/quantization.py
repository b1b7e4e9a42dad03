"""Linear quantisation, written out as arithmetic."""

from __future__ import annotations

import torch
from onnx import TensorProto
from torch import Tensor

from amdc.frontends.onnx.elements import held_dtype, integer_range
from amdc.frontends.onnx.operators.casting import to_element
from amdc.frontends.onnx.registry import onnx_op
from amdc.frontends.onnx.tensors import torch_dtype


def along(parameter: Tensor, x: Tensor, axis: int, block_size: int = 0) -> Tensor:
    """A scale or zero point in the shape that broadcasts to x: for all, one for each slice of `axis`, or one for each block."""
    if parameter.numel() == 1:
        return parameter.reshape(())
    if block_size:
        blocks = torch.arange(x.shape[axis]) // block_size
        return torch.index_select(parameter, axis, blocks)
    return parameter.reshape([-1 if d == axis % x.dim() else 1 for d in range(x.dim())])


@onnx_op("QuantizeLinear", since=10)
def quantize_linear(
    x: Tensor,
    scale: Tensor,
    zero_point: Tensor | None = None,
    /,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    precision: int = 0,
    saturate: int = 1,
    elements: tuple[int, ...] = (0, 0, 0),
) -> Tensor:
    """round(x / scale) + zero point, kept in the range of the integer type (half to even); narrow floats have no zero point."""
    element = output_dtype or (elements[2] if zero_point is not None else TensorProto.UINT8)
    ratio = x / along(scale, x, axis, block_size).to(x.dtype)
    limits = integer_range(element)
    if limits is None:
        return to_element(ratio, element, bool(saturate))
    levels = torch.round(ratio)
    if zero_point is not None:
        levels = levels + along(zero_point, x, axis, block_size).to(x.dtype)
    return torch.clamp(levels, *limits).to(held_dtype(element, "its output"))


@onnx_op("DequantizeLinear", since=10)
def dequantize_linear(
    x: Tensor, scale: Tensor, zero_point: Tensor | None = None, /, *, axis: int = 1, block_size: int = 0, output_dtype: int = 0
) -> Tensor:
    """(x - zero point) * scale"""
    levels = x.to(scale.dtype)
    if zero_point is not None:
        levels = levels - along(zero_point, x, axis, block_size).to(scale.dtype)
    result = levels * along(scale, x, axis, block_size)
    return result.to(torch_dtype(output_dtype, "its output")) if output_dtype else result


@onnx_op("DynamicQuantizeLinear", since=11)
def dynamic_quantize_linear(x: Tensor, /) -> tuple[Tensor, Tensor, Tensor]:
    """uint8 levels, scale and zero point that cover the range of x, zero included."""
    low, high = torch.clamp(torch.amin(x), max=0.0), torch.clamp(torch.amax(x), min=0.0)
    scale = (high - low) / 255
    scale = torch.where(scale == 0, 1.0, scale)
    zero_point = torch.clamp(torch.round(-low / scale), 0, 255)
    levels = torch.clamp(torch.round(x / scale) + zero_point, 0, 255).to(torch.uint8)
    return levels, scale, zero_point.to(torch.uint8)
