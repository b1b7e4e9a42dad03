"""Canonical spellings of whole operators: batch norm as mul and add, addmm as mm and add, pooling over all of a map as a mean."""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, dtype, is_op, shape, source
from amdc.passes.constants import tensor_of

aten = torch.ops.aten
AVERAGE_DEFAULTS: tuple[Any, ...] = (
    [],
    [0, 0],
    False,
    True,
    None,
)  # avg_pool2d's stride, padding, ceil_mode, count_include_pad, divisor_override
BATCH_NORM = aten._native_batch_norm_legit_no_training.default


def batch_norm_as_affine(graph: Graph, node: Node) -> Node | None:
    """batch_norm(x, weight, bias, mean, variance, eps) -> x * scale + shift, with constants of shape [C,1,1]"""
    norm = node.args[0]
    if node.args[1] != 0 or not is_op(norm, BATCH_NORM):
        return None
    assert isinstance(norm, Node)
    x, weight, bias, mean, variance, _, eps = norm.args
    assert isinstance(x, Node) and isinstance(mean, Node)
    gain, offset = tensor_of(graph, 1.0 if weight is None else weight), tensor_of(graph, 0.0 if bias is None else bias)
    center, spread = tensor_of(graph, mean), tensor_of(graph, variance)
    if gain is None or offset is None or center is None or spread is None:
        return None
    scale = gain * torch.rsqrt(spread + float(eps))  # type: ignore[arg-type]
    shift = offset - center * scale
    extents = (-1, *[1] * (len(shape(x)) - 2))
    name = str(mean.target)
    scale_node = add_constant(graph, node, f"{name}_scale", scale.reshape(extents).to(dtype(x)))
    shift_node = add_constant(graph, node, f"{name}_shift", shift.reshape(extents).to(dtype(x)))
    scaled = add_call(graph, node, aten.mul.Tensor, (x, scale_node), like=x)
    scaled.meta["source"] = source(node)
    return add_call(graph, node, aten.add.Tensor, (scaled, shift_node), like=node)


def addmm_as_mm(graph: Graph, node: Node) -> Node | None:
    """addmm(bias, a, b, beta, alpha) -> alpha * (a @ b) + beta * bias"""
    bias, first, second = node.args[:3]
    made = add_call(graph, node, aten.mm.default, (first, second))
    made.meta["source"] = source(node)
    alpha, beta = node.kwargs.get("alpha", 1), node.kwargs.get("beta", 1)
    if alpha != 1:
        made = add_call(graph, node, aten.mul.Tensor, (made, alpha))
    if beta == 0:
        return made
    if beta != 1:
        bias = add_call(graph, node, aten.mul.Tensor, (bias, beta))
    return add_call(graph, node, aten.add.Tensor, (made, bias))


def average_as_mean(graph: Graph, node: Node) -> Node | None:
    """avg_pool2d over the whole map, without padding -> mean over both axes"""
    given: list[Any] = [*node.args, *AVERAGE_DEFAULTS[len(node.args) - 2 :]]
    x, kernel, _, padding, _, _, divisor = given
    if node.kwargs or list(kernel) != list(shape(x)[-2:]) or any(padding) or divisor is not None or shape(node)[-2:] != (1, 1):
        return None
    return add_call(graph, node, aten.mean.dim, (x, [-2, -1], True))


SPELLING_RULES: dict[Any, tuple[Any, ...]] = {
    operator.getitem: (batch_norm_as_affine,),
    aten.addmm.default: (addmm_as_mm,),
    aten.avg_pool2d.default: (average_as_mean,),
}
