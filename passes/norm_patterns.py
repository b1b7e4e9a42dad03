"""Recognises a normalisation that is spelled out: the deviation from the mean, over the root of the mean of its squares.

The spellings are those that exporters write: squares as d * d or d ** 2; a mean as `mean`, with or without the reduced axes kept,
or as a sum times 1/n; the variance from deviations, from `var`, or as mean(x * x) - mean(x) ** 2; the root as a divisor, its
reciprocal, or rsqrt; and TensorFlow's y = x * inverse + (shift - mean * inverse), where inverse holds the scale.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import dtype, is_op, shape
from amdc.passes.constants import Number

aten = torch.ops.aten
ROUNDING = 1e-6  # of 1/n as exporters write it, in fp32


@dataclass(frozen=True)
class Statistics:
    """1 / sqrt(variance of x over `axes` + epsilon), or where not `centred`, of the mean square."""

    x: Node
    axes: tuple[int, ...]
    epsilon: float
    centred: bool


def pairs(node: Any, *targets: Any) -> Iterator[tuple[Any, Any]]:
    """Both orders of the operands of a commutative operator without further arguments."""
    if is_op(node, *targets) and not node.kwargs and len(node.args) == 2:
        yield node.args[0], node.args[1]
        yield node.args[1], node.args[0]


def without_upcast(value: Any) -> Any:
    """What a cast to a wider floating-point type converts: the same numbers."""
    while is_op(value, aten._to_copy.default) and dtype(value.args[0]).is_floating_point:
        if dtype(value.args[0]).itemsize >= dtype(value).itemsize:
            break
        value = value.args[0]
    return value


def same(first: Any, second: Any) -> bool:
    return first is second or (isinstance(first, Node) and without_upcast(first) is without_upcast(second))


def square_of(value: Any) -> Node | None:
    """The x of x * x or x ** 2."""
    if is_op(value, aten.mul.Tensor) and same(*value.args[:2]):
        return value.args[0]
    return value.args[0] if is_op(value, aten.pow.Tensor_Scalar) and value.args[1] == 2 else None


def mean_of(value: Any) -> tuple[Node, tuple[int, ...]] | None:
    """The x and the axes of a mean that broadcasts against x: with the axes kept, or put back by a view."""
    if is_op(value, aten.view.default):
        inner = value.args[0]
        found = _reduced(inner, aten.mean.dim) or _scaled_sum(inner)
    else:
        found = _reduced(value, aten.mean.dim) or _scaled_sum(value)
    if found is None:
        return None
    x, axes = found
    kept = tuple(1 if axis in axes else extent for axis, extent in enumerate(shape(x)))
    return found if shape(value) == kept else None


def _reduced(value: Any, target: Any) -> tuple[Node, tuple[int, ...]] | None:
    if not is_op(value, target) or value.kwargs.get("dtype") not in (None, dtype(value.args[0])):
        return None
    return value.args[0], _axes(value)


def _axes(node: Any) -> tuple[int, ...]:
    rank = len(shape(node.args[0]))
    given = node.args[1] if len(node.args) > 1 and node.args[1] else range(rank)
    return tuple(sorted(int(axis) % rank for axis in given))


def _scaled_sum(value: Any) -> tuple[Node, tuple[int, ...]] | None:
    """sum(x, axes) * (1 / n), where n counts the elements summed."""
    for total, factor in pairs(value, aten.mul.Tensor):
        found = _reduced(total, aten.sum.dim_IntList)
        if found and isinstance(factor, Number):
            count = math.prod(shape(found[0])[axis] for axis in found[1])
            return found if math.isclose(factor * count, 1.0, rel_tol=ROUNDING) else None
    return None


def centred_of(value: Any) -> tuple[Node, tuple[int, ...]] | None:
    """The x and the axes of x - mean(x)."""
    if not is_op(value, aten.sub.Tensor) or value.kwargs:
        return None
    found = mean_of(value.args[1])
    return (value.args[0], found[1]) if found and same(found[0], value.args[0]) else None


def variance_of(value: Any) -> tuple[Node, tuple[int, ...]] | None:
    """The x and the axes of a variance (divided by n) with the axes kept."""
    if is_op(value, aten.var.correction):
        x, keeps = value.args[0], len(shape(value)) == len(shape(value.args[0]))
        return (x, _axes(value)) if value.kwargs.get("correction") == 0 and keeps else None
    found = mean_of(value)
    squared = square_of(found[0]) if found else None
    if found and squared is not None:
        centred = centred_of(without_upcast(squared))
        return centred if centred and centred[1] == found[1] else None
    return _difference_of_squares(value)


def _difference_of_squares(value: Any) -> tuple[Node, tuple[int, ...]] | None:
    """mean(x * x) - mean(x) ** 2"""
    if not is_op(value, aten.sub.Tensor) or value.kwargs:
        return None
    whole, mean = mean_of(value.args[0]), mean_of(square_of(value.args[1]))
    return mean if whole and mean and whole[1] == mean[1] and same(square_of(whole[0]), mean[0]) else None


def inverse_deviation(value: Any) -> Statistics | None:
    """The statistics of rsqrt(variance + epsilon), or 1 / sqrt of it."""
    if is_op(value, aten.rsqrt.default):
        return _under_root(value.args[0])
    if is_op(value, aten.reciprocal.default):
        return deviation(value.args[0])
    return None


def deviation(value: Any) -> Statistics | None:
    """The statistics of sqrt(variance + epsilon)."""
    return _under_root(value.args[0]) if is_op(value, aten.sqrt.default) else None


def _under_root(total: Any) -> Statistics | None:
    if not is_op(total, aten.add.Tensor, aten.add.Scalar) or total.kwargs or not isinstance(total.args[1], Number):
        return None
    epsilon = float(total.args[1])
    found = variance_of(total.args[0])
    if found:
        return Statistics(*found, epsilon, True)
    mean = mean_of(total.args[0])
    squared = square_of(mean[0]) if mean else None
    return Statistics(squared, mean[1], epsilon, False) if mean and squared is not None else None


@dataclass(frozen=True)
class Normalised:
    """`statistics` applied: x or its deviation over the root, times `scale` and plus `shift` where the spelling holds them."""

    statistics: Statistics
    scale: Node | None = None
    shift: Node | None = None


def normalised(node: Node) -> Normalised | None:
    """What a node that is the end of a normalisation computes."""
    if is_op(node, aten.div.Tensor) and not node.kwargs:
        found = deviation(node.args[1])
        return Normalised(found) if found and _applies(found, node.args[0]) else None
    for value, factor in pairs(node, aten.mul.Tensor):
        found = inverse_deviation(factor)
        if found and _applies(found, value):
            return Normalised(found)
    return _with_affine_inside(node)


def _applies(found: Statistics, value: Any) -> bool:
    """Whether a value is what the statistics are to divide."""
    if not found.centred:
        return same(value, found.x)
    centred = centred_of(without_upcast(value))
    return centred is not None and same(centred[0], found.x) and centred[1] == found.axes


def _with_affine_inside(node: Node) -> Normalised | None:
    """x * (inverse * scale) + (shift - mean * (inverse * scale)), as TensorFlow writes it."""
    for product, rest in pairs(node, aten.add.Tensor):
        if not is_op(rest, aten.sub.Tensor) or rest.kwargs:
            continue
        for x, gain in pairs(product, aten.mul.Tensor):
            for mean, other in pairs(rest.args[1], aten.mul.Tensor):
                found = _scaled_inverse(gain) if other is gain else None
                center = mean_of(mean)
                if found and center and found[0].centred and _of(found[0], x, center):
                    return Normalised(found[0], found[1], rest.args[0])
    return None


def _of(found: Statistics, x: Any, mean: tuple[Node, tuple[int, ...]]) -> bool:
    return same(x, found.x) and same(mean[0], x) and mean[1] == found.axes


def _scaled_inverse(value: Any) -> tuple[Statistics, Node | None] | None:
    """An inverse deviation, alone or times a scale."""
    found = inverse_deviation(value)
    if found:
        return found, None
    for inverse, scale in pairs(value, aten.mul.Tensor):
        found = inverse_deviation(inverse)
        if found and isinstance(scale, Node):
            return found, scale
    return None
