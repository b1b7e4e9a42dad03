"""Canonical forms of arithmetic: constants stand second and as numbers, sums and products replace differences and quotients."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, dtype, shape
from amdc.passes.constants import Number, elements, is_constant, tensor_of

aten = torch.ops.aten
MAX_INSPECTED = 1 << 16  # elements of a constant that are looked at to see whether all are 0 or 1


def _same_type(node: Node, operand: Node) -> bool:
    return shape(node) == shape(operand) and dtype(node) == dtype(operand)


def _filled_with(graph: Graph, value: Any, number: float) -> bool:
    if isinstance(value, Number):
        return value == number
    if not is_constant(value) or constant(graph, value).numel() > MAX_INSPECTED:
        return False
    return bool((constant(graph, value) == number).all())


def drop_neutral_operand(graph: Graph, node: Node) -> Node | None:
    """x + 0, x - 0, x * 1, x / 1, x ** 1 -> x, or a view of it where the constant adds axes of extent 1"""
    neutral = 0.0 if node.target in (aten.add.Tensor, aten.add.Scalar, aten.sub.Tensor, aten.sub.Scalar) else 1.0
    first, second = node.args[0], node.args[1]
    if not isinstance(first, Node) or dtype(node) != dtype(first) or elements(node) != elements(first):
        return None
    if not _filled_with(graph, second, neutral):
        return None
    if shape(node) == shape(first):
        return first
    return add_call(graph, node, aten.view.default, (first, list(shape(node)))) if first.meta["val"].is_contiguous() else None


def constant_second(graph: Graph, node: Node) -> Node | None:
    """constant + x -> x + constant, and so for products, minima and maxima"""
    first, second = node.args[:2]
    if "alpha" in node.kwargs or not is_constant(first) or is_constant(second):
        return None
    return add_call(graph, node, node.target, (second, first))


def number_operand(graph: Graph, node: Node) -> Node | None:
    """x + tensor of one element -> x + number"""
    first, second = node.args[:2]
    if not isinstance(first, Node) or not isinstance(second, Node) or not is_constant(second):
        return None
    held = constant(graph, second)
    if held.numel() != 1 or held.dim() > len(shape(first)) or held.dtype != dtype(first):
        return None
    return add_call(graph, node, SCALAR_FORMS[node.target], (first, held.item()), dict(node.kwargs))


def fold_alpha(graph: Graph, node: Node) -> Node | None:
    """add(x, constant, alpha=a) -> x + a * constant"""
    alpha = node.kwargs.get("alpha", 1)
    if alpha == 1:
        return add_call(graph, node, node.target, node.args[:2]) if "alpha" in node.kwargs else None
    scaled = _scaled(graph, node, node.args[1], alpha)  # type: ignore[arg-type]
    return None if scaled is None else add_call(graph, node, node.target, (node.args[0], scaled))


def _scaled(graph: Graph, at: Node, value: Any, factor: float) -> Any:
    """factor * constant, as a number or a new constant; None where it is neither a number nor of floating-point type."""
    if isinstance(value, Number):
        return value * factor
    tensor = tensor_of(graph, value)
    return None if tensor is None else add_constant(graph, at, str(value.target), (tensor * factor).to(dtype(value)))


def add_negated(graph: Graph, node: Node) -> Node | None:
    """x - constant -> x + (-constant)"""
    if "alpha" in node.kwargs or not dtype(node).is_floating_point:
        return None
    negated = _scaled(graph, node, node.args[1], -1.0)
    return None if negated is None else add_call(graph, node, aten.add.Tensor, (node.args[0], negated))


def multiply_reciprocal(graph: Graph, node: Node) -> Node | None:
    """x / constant -> x * (1 / constant): a division is some ten instructions. The quotient may differ by one rounding."""
    tensor = tensor_of(graph, node.args[1])
    if tensor is None or not dtype(node).is_floating_point:
        return None
    inverse = tensor.reciprocal()
    if not bool(inverse.to(dtype(node)).isfinite().all()) or bool((inverse.abs() < torch.finfo(dtype(node)).tiny).any()):
        return None
    if tensor.dim() == 0 and not isinstance(node.args[1], Node):
        return add_call(graph, node, aten.mul.Tensor, (node.args[0], inverse.item()))
    operand = node.args[1]
    assert isinstance(operand, Node)
    inverse_node = add_constant(graph, node, str(operand.target), inverse.to(dtype(operand)))
    return add_call(graph, node, aten.mul.Tensor, (node.args[0], inverse_node))


def simple_power(graph: Graph, node: Node) -> Node | None:
    """x ** 2 -> x * x; x ** 0.5 -> sqrt(x); x ** -0.5 -> rsqrt(x); x ** -1 -> 1 / x"""
    x, exponent = node.args[:2]
    if not isinstance(x, Node) or not isinstance(exponent, Number) or not dtype(x).is_floating_point:
        return None
    if exponent == 2:
        return add_call(graph, node, aten.mul.Tensor, (x, x))
    forms = {0.5: aten.sqrt.default, -0.5: aten.rsqrt.default, -1: aten.reciprocal.default}
    return add_call(graph, node, forms[exponent], (x,)) if exponent in forms else None


def clamp_by_number(graph: Graph, node: Node) -> Node | None:
    """maximum(x, number) -> clamp(x, number, None); minimum(x, number) -> clamp(x, None, number)"""
    first, second = node.args[:2]
    if not isinstance(first, Node) or not isinstance(second, Node) or not is_constant(second):
        return None
    held = constant(graph, second)
    if held.numel() != 1 or not _same_type(node, first) or held.dtype != dtype(first):
        return None
    limits = (held.item(), None) if node.target is aten.maximum.default else (None, held.item())
    return add_call(graph, node, aten.clamp.default, (first, *limits))


def one_clamp(graph: Graph, node: Node) -> Node | None:
    """clamp by one-element constants -> clamp by numbers; hardtanh(x, a, b) -> clamp(x, a, b); clamp(x, 0, inf) -> relu(x)"""
    default = (-1.0, 1.0) if node.target is aten.hardtanh.default else (None, None)
    x, low, high = (*node.args, *default[len(node.args) - 1 :])[:3]
    low, high = node.kwargs.get("min", low), node.kwargs.get("max", high)
    limits = [_number(graph, limit, dtype(node)) for limit in (low, high)]
    if any(limit is None and given is not None for limit, given in zip(limits, (low, high), strict=True)):
        return None
    limits = [None if limit is not None and math.isinf(limit) else limit for limit in limits]
    if limits == [None, None]:
        return x
    if limits == [0, None]:
        return add_call(graph, node, aten.relu.default, (x,))
    if node.target is aten.clamp.default and [low, high] == limits and len(node.args) == 3:
        return None
    return add_call(graph, node, aten.clamp.default, (x, *limits))


def _number(graph: Graph, value: Any, kind: torch.dtype) -> float | None:
    """The number that an argument is, or that its constant of one element and type `kind` holds; None for any other."""
    if isinstance(value, Node) and is_constant(value):
        held = constant(graph, value)
        return held.item() if held.numel() == 1 and held.dtype == kind else None
    return value if isinstance(value, Number) else None


# The overload that takes a number second; those of arithmetic take one in the place of their tensor.
SCALAR_FORMS: dict[Any, Any] = {target: target for target in (aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.div.Tensor)}
SCALAR_FORMS |= {getattr(aten, name).Tensor: getattr(aten, name).Scalar for name in ("eq", "ne", "lt", "le", "gt", "ge")}
SCALAR_FORMS |= {aten.pow.Tensor_Tensor: aten.pow.Tensor_Scalar}

ARITHMETIC_RULES: dict[Any, tuple[Any, ...]] = dict.fromkeys(SCALAR_FORMS, (number_operand,))
for _target in (aten.add.Tensor, aten.mul.Tensor):
    ARITHMETIC_RULES[_target] = (constant_second, number_operand, drop_neutral_operand)
ARITHMETIC_RULES |= {
    aten.add.Scalar: (drop_neutral_operand,),
    aten.mul.Scalar: (drop_neutral_operand,),
    aten.sub.Tensor: (fold_alpha, number_operand, drop_neutral_operand, add_negated),
    aten.sub.Scalar: (fold_alpha, drop_neutral_operand, add_negated),
    aten.div.Tensor: (number_operand, drop_neutral_operand, multiply_reciprocal),
    aten.div.Scalar: (drop_neutral_operand, multiply_reciprocal),
    aten.pow.Tensor_Scalar: (drop_neutral_operand, simple_power),
    aten.maximum.default: (constant_second, clamp_by_number),
    aten.minimum.default: (constant_second, clamp_by_number),
    aten.hardtanh.default: (one_clamp,),
    aten.clamp.default: (one_clamp,),
    aten.clamp.Tensor: (one_clamp,),
}
ARITHMETIC_RULES[aten.add.Tensor] += (fold_alpha,)
ARITHMETIC_RULES[aten.add.Scalar] += (fold_alpha,)
