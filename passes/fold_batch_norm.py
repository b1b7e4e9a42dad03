"""Moves per-channel multiplications and additions behind a convolution or matrix product into its weights and bias."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, dtype, is_op, replace, shape
from amdc.ir.ops.packed import convolution
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import channel_vector, constant_operand, is_constant

aten = torch.ops.aten
CONVOLUTIONS = (aten.convolution.default, convolution)
MULTIPLY = (aten.mul.Tensor, aten.mul.Scalar)
ADD = (aten.add.Tensor, aten.add.Scalar)


@dataclass(frozen=True)
class FoldBatchNorm(Pass):
    """Fold an inference batch norm (canonical form: mul and add of per-channel constants) into what comes before it.

    before: y = conv(x, w, b) * scale + shift        before: y = (x @ w) * scale
    after:  y = conv(x, w * scale, b * scale + shift)   after:  y = x @ (w * scale)
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        folded, notes = 0, []
        for node in list(graph.graph.nodes):
            pair = constant_operand(node) if is_op(node, *MULTIPLY, *ADD) and "alpha" not in node.kwargs else None
            if pair is None or not is_op(pair[0], *CONVOLUTIONS, aten.mm.default) or len(pair[0].args) < 2:
                continue
            before, operand = pair
            fold = _folder(before, node)
            if fold is None or shape(node) != shape(before) or dtype(node) != dtype(before):
                continue
            if len(before.users) > 1:
                notes.append(f"{before} has {len(before.users)} users, so {node} stays")
                continue
            vector = channel_vector(graph, operand, shape(before), 1)
            if vector is not None:
                replace(node, fold(graph, node, before, vector), before)
                graph.graph.erase_node(node)
                graph.graph.erase_node(before)
                folded += 1
        return PassResult(folded > 0, (*([f"folded {folded} operators"] if folded else []), *notes))


Folder = Callable[[Graph, Node, Node, torch.Tensor], Node]


def _folder(before: Node, node: Node) -> Folder | None:
    """What folds `node` into `before`; None where the weights are not constant, or where there is no bias to add to."""
    if not is_constant(before.args[1]):
        return None
    if is_op(before, aten.mm.default):
        return _scale_linear if is_op(node, *MULTIPLY) else None
    bias: Any = before.args[2]
    if bias is not None and not is_constant(bias):
        return None
    return _scale_convolution if is_op(node, *MULTIPLY) else _shift_convolution


def _rounded(graph: Graph, at: Node, like: Node, tensor: torch.Tensor) -> Node:
    """A new constant of the type of `like`, named after it."""
    return add_constant(graph, at, str(like.target), tensor.to(dtype(like)))


def _is_transposed(before: Node) -> bool:
    return is_op(before, aten.convolution.default) and bool(before.args[6])


def _scale_convolution(graph: Graph, at: Node, before: Node, scale: torch.Tensor) -> Node:
    x, weight_node, bias, *rest = before.args
    assert isinstance(weight_node, Node)
    weight, factor = constant(graph, weight_node), scale.to(dtype(weight_node))
    if _is_transposed(before):  # [I, O/groups, *kernel], inputs of one group together
        groups = int(rest[-1])  # type: ignore[arg-type]
        grouped = weight.reshape(groups, -1, *weight.shape[1:])
        scaled = (grouped * factor.reshape(groups, 1, -1, *[1] * (weight.dim() - 2))).reshape(weight.shape)
    else:
        scaled = weight * factor.reshape(-1, *[1] * (weight.dim() - 1))
    if isinstance(bias, Node):
        bias = _rounded(graph, at, bias, constant(graph, bias).double() * scale)
    return add_call(graph, at, before.target, (x, _rounded(graph, at, weight_node, scaled), bias, *rest), like=before)


def _shift_convolution(graph: Graph, at: Node, before: Node, shift: torch.Tensor) -> Node:
    x, weight, bias, *rest = before.args
    assert isinstance(weight, Node)
    if isinstance(bias, Node):
        shifted = _rounded(graph, at, bias, constant(graph, bias).double() + shift)
    else:
        shifted = add_constant(graph, at, f"{weight.target}_bias", shift.to(dtype(weight)))
    return add_call(graph, at, before.target, (x, weight, shifted, *rest), like=before)


def _scale_linear(graph: Graph, at: Node, before: Node, scale: torch.Tensor) -> Node:
    x, weight = before.args
    assert isinstance(weight, Node)
    return add_call(
        graph, at, aten.mm.default, (x, _rounded(graph, at, weight, constant(graph, weight) * scale.to(dtype(weight))))
    )
