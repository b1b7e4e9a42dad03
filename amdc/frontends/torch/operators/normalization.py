"""Norms that a Graph holds as one operator, or makes of statistics."""

from __future__ import annotations

import math
import operator
from typing import Any

import torch
from torch.fx import Node

from amdc.frontends.torch.errors import NotSupported
from amdc.frontends.torch.operators.registry import Emit, rewrites
from amdc.ir.graph import dtype, shape

aten = torch.ops.aten


def _epsilon(x: Node, given: float | None) -> float:
    """PyTorch's default: the spacing of the dtype's numbers at 1."""
    return torch.finfo(dtype(x)).eps if given is None else float(given)


@rewrites(aten.rms_norm.default, whole=True)
def rms_norm(emit: Emit, x: Node, normalized_shape: list[int], weight: Any = None, eps: float | None = None) -> Node:
    return emit(torch.ops.amdc.rms_norm.default, x, list(normalized_shape), weight, _epsilon(x, eps))


@rewrites(aten._fused_rms_norm.default, whole=True)
def fused_rms_norm(emit: Emit, x: Node, normalized_shape: list[int], weight: Any, eps: float | None) -> tuple[Node, None]:
    """What the same becomes under torch.compile; nothing in inference reads its second result."""
    return rms_norm(emit, x, normalized_shape, weight, eps), None


@rewrites(aten._native_batch_norm_legit.no_stats)
def batch_statistics_norm(
    emit: Emit, x: Node, weight: Any, bias: Any, training: bool, momentum: float, eps: float
) -> tuple[Node, Node, Node]:
    """A batch norm by the statistics of its input, which instance norms are made of: x [N,C,*S], statistics over N and S."""
    axes = [axis for axis in range(len(shape(x))) if axis != 1]
    found = emit(aten.var.correction, x, axes, correction=0, keepdim=True)
    center = emit(aten.mean.dim, x, axes, True)
    spread = emit(aten.rsqrt.default, emit(aten.add.Tensor, found, eps))
    if shape(x)[0] == 1:
        normal = emit(torch.ops.amdc.group_norm.default, x, weight, bias, shape(x)[1], eps)
        return normal, _flat(emit, center), _flat(emit, spread)
    normal = emit(aten.mul.Tensor, emit(aten.sub.Tensor, x, center), spread)
    extents = [-1] + [1] * (len(shape(x)) - 2)
    if weight is not None:
        normal = emit(aten.mul.Tensor, normal, emit(aten.view.default, weight, extents))
    if bias is not None:
        normal = emit(aten.add.Tensor, normal, emit(aten.view.default, bias, extents))
    return normal, _flat(emit, center), _flat(emit, spread)


def _flat(emit: Emit, x: Node) -> Node:
    return emit(aten.view.default, x, [math.prod(shape(x))])


@rewrites(aten.instance_norm.default, whole=True)
def instance_norm(
    emit: Emit,
    x: Node,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Node:
    """By its own statistics it is a group norm with a group a channel, by given ones a batch norm."""
    if use_input_stats and running_mean is not None:
        raise NotSupported("running statistics that it updates: call model.eval() first")
    if use_input_stats:
        return emit(torch.ops.amdc.group_norm.default, x, weight, bias, shape(x)[1], eps)
    norm = aten._native_batch_norm_legit_no_training.default
    return emit(operator.getitem, emit(norm, x, weight, bias, running_mean, running_var, momentum, eps), 0)
