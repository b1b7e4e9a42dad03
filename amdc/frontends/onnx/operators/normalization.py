"""Normalisation: batch, instance, group, layer, RMS, LRN, Lp."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.onnx.registry import NotSupported, onnx_op


@onnx_op("BatchNormalization", since=7)
def batch_normalization(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    /,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    spatial: int = 1,
    training_mode: int = 0,
    output_count: int = 1,
) -> Tensor | tuple[Tensor, ...]:
    """Without training_mode (opset 14) the running statistics are used as they are."""
    if not spatial:
        raise NotSupported("statistics for each element (spatial=0, up to opset 8) are not supported")
    if training_mode:
        return _batch_statistics(x, scale, bias, mean, variance, epsilon, momentum)[:output_count]
    if output_count > 1:
        raise NotSupported("batch normalisation in training mode is not supported; export the model in evaluation mode")
    return torch.ops.aten._native_batch_norm_legit_no_training.default(x, scale, bias, mean, variance, 1 - momentum, epsilon)[0]


def _batch_statistics(
    x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, epsilon: float, momentum: float
) -> tuple[Tensor, ...]:
    """Normalised by the batch's own mean and variance; then the running ones, each moved towards them."""
    dims, shape = [d for d in range(x.dim()) if d != 1], [-1] + [1] * (x.dim() - 2)
    wide = x.to(mean.dtype)
    here = torch.mean(wide, dims)
    centred = wide - here.reshape(shape)
    spread = torch.mean(centred * centred, dims)
    normal = centred * torch.rsqrt(spread + epsilon).reshape(shape)
    result = (normal * scale.reshape(shape) + bias.reshape(shape)).to(x.dtype)
    moved = (before * momentum + now * (1 - momentum) for before, now in ((mean, here), (variance, spread)))
    return result, *moved


@onnx_op("LRN")
def lrn(x: Tensor, /, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Tensor:
    return torch.ops.amdc.lrn.default(x, size, alpha, beta, bias)


@onnx_op("InstanceNormalization", since=6)
def instance_normalization(x: Tensor, scale: Tensor, bias: Tensor, /, *, epsilon: float = 1e-5) -> Tensor:
    batch, channels, plane = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    return torch.ops.aten.native_group_norm.default(x, scale, bias, batch, channels, plane, channels, epsilon)[0]


@onnx_op("GroupNormalization", since=21)
def group_normalization(
    x: Tensor, scale: Tensor, bias: Tensor, /, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """Opset 18's form, with a scale for each group, was withdrawn from the standard."""
    batch, channels, plane = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    return torch.ops.aten.native_group_norm.default(x, scale, bias, batch, channels, plane, num_groups, epsilon)[0]


@onnx_op("LayerNormalization", since=17)
def layer_normalization(
    x: Tensor, scale: Tensor, bias: Tensor | None = None, /, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """Normalised values, mean, and reciprocal of the standard deviation over the dimensions from `axis` on."""
    shape = list(x.shape[axis:])
    return torch.ops.aten.native_layer_norm.default(
        x, shape, scale.expand(shape), None if bias is None else bias.expand(shape), epsilon
    )


@onnx_op("RMSNormalization", since=23)
def rms_normalization(x: Tensor, scale: Tensor, /, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1) -> Tensor:
    dims = list(range(axis % x.dim(), x.dim()))
    return x * torch.rsqrt(torch.mean(x * x, dims, keepdim=True) + epsilon) * scale


@onnx_op("MeanVarianceNormalization", since=9)
def mean_variance_normalization(x: Tensor, /, *, axes: list[int] | None = None) -> Tensor:
    """(x - mean) / (deviation + 1e-9), the constant of the operator's definition."""
    dims = [0, 2, 3] if axes is None else axes
    centred = x - torch.mean(x, dims, keepdim=True)
    deviation = torch.sqrt(torch.mean(x * x, dims, keepdim=True) - torch.mean(x, dims, keepdim=True) ** 2)
    return centred / (deviation + 1e-9)


@onnx_op("LpNormalization")
def lp_normalization(x: Tensor, /, *, axis: int = -1, p: int = 2) -> Tensor:
    norm = torch.sum(torch.abs(x), axis, True) if p == 1 else torch.sqrt(torch.sum(x * x, axis, True))
    return torch.where(norm == 0, torch.zeros_like(x), x / norm)
