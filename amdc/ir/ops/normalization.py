"""Normalisations with one result: layer, root-mean-square, group, and local response normalisation.

amdc::layer_norm(x, normalized_shape, weight, bias, epsilon)    Ba et al. 2016
    (x - mean) / sqrt(variance + epsilon) * weight + bias over the innermost dimensions, which are `normalized_shape`; weight and
    bias have that shape. As aten.native_layer_norm, without the statistics: so it can stand in a region.
amdc::rms_norm(x, normalized_shape, weight, epsilon)            Zhang and Sennrich 2019
    x / sqrt(mean(x ** 2) + epsilon) * weight
amdc::group_norm(x, weight, bias, groups, epsilon)              Wu and He 2018
    x [N,C,*S]; layer_norm over each group of C / groups channels; weight and bias [C]. Instance norm where groups is C.
amdc::add_layer_norm, amdc::add_rms_norm(x, y, normalized_shape, weight, [bias,] epsilon) -> (x + y, its norm)
    x and y of one shape and dtype: a residual connection and the norm behind it.
Statistics are computed in fp32 (fp64 for fp64); weight and bias may be None; results have x's dtype.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from amdc.ir.ops.register import amdc_op

AFFINE = "Tensor? weight, Tensor? bias"


def _widened(*values: Tensor | None) -> tuple[Tensor | None, ...]:
    """Tensors in the type that a norm is computed in."""
    given = [value.dtype for value in values if value is not None]
    wide = torch.float64 if torch.float64 in given else torch.float32
    return tuple(None if value is None else value.to(wide) for value in values)


def _same_shape(x: Tensor, *_: object) -> torch.Size:
    return x.shape


def _two(x: Tensor, *_: object) -> tuple[Tensor, Tensor]:
    return torch.empty_like(x), torch.empty_like(x)


@amdc_op(f"layer_norm(Tensor x, int[] normalized_shape, {AFFINE}, float epsilon) -> Tensor", shape=_same_shape)
def layer_norm(x: Tensor, normalized_shape: list[int], weight: Tensor | None, bias: Tensor | None, epsilon: float) -> Tensor:
    wide, gain, shift = _widened(x, weight, bias)
    assert wide is not None
    return F.layer_norm(wide, normalized_shape, gain, shift, epsilon).to(x.dtype)


@amdc_op("rms_norm(Tensor x, int[] normalized_shape, Tensor? weight, float epsilon) -> Tensor", shape=_same_shape)
def rms_norm(x: Tensor, normalized_shape: list[int], weight: Tensor | None, epsilon: float) -> Tensor:
    wide, gain = _widened(x, weight)
    assert wide is not None
    axes = list(range(-len(normalized_shape), 0))
    normal = wide * torch.rsqrt((wide * wide).mean(axes, True) + epsilon)
    return (normal if gain is None else normal * gain).to(x.dtype)


@amdc_op(f"group_norm(Tensor x, {AFFINE}, int groups, float epsilon) -> Tensor", shape=_same_shape)
def group_norm(x: Tensor, weight: Tensor | None, bias: Tensor | None, groups: int, epsilon: float) -> Tensor:
    wide, gain, shift = _widened(x, weight, bias)
    assert wide is not None
    return F.group_norm(wide, groups, gain, shift, epsilon).to(x.dtype)


@amdc_op(f"add_layer_norm(Tensor x, Tensor y, int[] normalized_shape, {AFFINE}, float epsilon) -> (Tensor, Tensor)", fake=_two)
def add_layer_norm(
    x: Tensor, y: Tensor, normalized_shape: list[int], weight: Tensor | None, bias: Tensor | None, epsilon: float
) -> tuple[Tensor, Tensor]:
    total = x + y
    return total, torch.ops.amdc.layer_norm(total, normalized_shape, weight, bias, epsilon)


@amdc_op("add_rms_norm(Tensor x, Tensor y, int[] normalized_shape, Tensor? weight, float epsilon) -> (Tensor, Tensor)", fake=_two)
def add_rms_norm(
    x: Tensor, y: Tensor, normalized_shape: list[int], weight: Tensor | None, epsilon: float
) -> tuple[Tensor, Tensor]:
    total = x + y
    return total, torch.ops.amdc.rms_norm(total, normalized_shape, weight, epsilon)


@amdc_op("lrn(Tensor x, int size, float alpha, float beta, float bias) -> Tensor", shape=_same_shape)
def lrn(x: Tensor, size: int, alpha: float, beta: float, bias: float) -> Tensor:
    """x / (bias + alpha / size * s) ** beta, where s sums the squares over `size` channels around each one.

    (size - 1) // 2 of them stand before it, the rest behind, as in ONNX. x: N, C, ... (Krizhevsky et al. 2012, section 3.3).
    """
    before = (size - 1) // 2
    squares = F.pad((x * x).movedim(1, -1), (before, size - 1 - before))
    sums = squares.unfold(-1, size, 1).sum(-1).movedim(-1, 1)
    return x * torch.pow(bias + alpha / size * sums, -beta)
