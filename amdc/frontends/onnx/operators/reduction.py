"""Reductions over given dimensions, and the positions of extremes."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import onnx_op

Reduction = Callable[[Tensor, list[int], bool], Tensor]


def _sum(x: Tensor, dims: list[int], keep: bool) -> Tensor:
    return torch.sum(x, dims, keep, dtype=x.dtype) if dims else x


def _mean(x: Tensor, dims: list[int], keep: bool) -> Tensor:
    return torch.mean(x, dims, keep) if dims else x


def _product(x: Tensor, dims: list[int], keep: bool) -> Tensor:
    """One dimension at a time, from the last, so that the others keep their numbers."""
    return reduce(lambda part, dim: torch.prod(part, dim, keep, dtype=x.dtype), sorted(dims, reverse=True), x)


def _extreme_value(find: Reduction, x: Tensor, dims: list[int], keep: bool, largest: bool) -> Tensor:
    """Of nothing, the largest is the lowest value of the dtype, and the smallest the highest."""
    if not dims:
        return x
    if all(x.shape[dim] for dim in dims):
        return find(x, dims, keep)
    shape = [1 if d in dims else extent for d, extent in enumerate(x.shape) if keep or d not in dims]
    if x.dtype == torch.bool:
        return torch.full(shape, not largest)
    limits = (-math.inf, math.inf) if x.is_floating_point() else (torch.iinfo(x.dtype).min, torch.iinfo(x.dtype).max)
    return torch.full(shape, limits[0] if largest else limits[1], dtype=x.dtype)


REDUCTIONS: dict[str, Reduction] = {
    "ReduceSum": _sum,
    "ReduceMean": _mean,
    "ReduceProd": _product,
    "ReduceMax": lambda x, dims, keep: _extreme_value(torch.amax, x, dims, keep, largest=True),
    "ReduceMin": lambda x, dims, keep: _extreme_value(torch.amin, x, dims, keep, largest=False),
    "ReduceL1": lambda x, dims, keep: _sum(torch.abs(x), dims, keep),
    "ReduceL2": lambda x, dims, keep: torch.sqrt(_sum(x * x, dims, keep)),
    "ReduceSumSquare": lambda x, dims, keep: _sum(x * x, dims, keep),
    "ReduceLogSum": lambda x, dims, keep: torch.log(_sum(x, dims, keep)),
    "ReduceLogSumExp": lambda x, dims, keep: torch.logsumexp(x, dims, keep) if dims else x,
}


def _register(name: str, function: Reduction) -> None:
    """Axes are an attribute first, an input from opset 18 on (ReduceSum: 13)."""

    @onnx_op(name)
    def with_attribute(x: Tensor, /, *, axes: list[int] | None = None, keepdims: int = 1) -> Tensor:
        return function(x, _dims(x, axes), bool(keepdims))

    @onnx_op(name, since=13 if name == "ReduceSum" else 18, static=("axes",))
    def with_input(x: Tensor, axes: list[int] | None = None, /, *, keepdims: int = 1, noop_with_empty_axes: int = 0) -> Tensor:
        dims = [] if noop_with_empty_axes and not axes else _dims(x, axes)
        return function(x, dims, bool(keepdims))


def _dims(x: Tensor, axes: list[int] | int | None) -> list[int]:
    """The dimensions meant; none given means all."""
    given = [axes] if isinstance(axes, int) else axes
    return [axis % x.dim() for axis in given] if given else list(range(x.dim()))


for _name, _function in REDUCTIONS.items():
    _register(_name, _function)


def _extreme(find: Callable[[Tensor, int, bool], Tensor], x: Tensor, axis: int, keepdims: int, select_last_index: int) -> Tensor:
    """The first position of the extreme; the last one is the first in the reversed tensor."""
    if not select_last_index:
        return find(x, axis, bool(keepdims))
    return x.shape[axis] - 1 - find(torch.flip(x, [axis % x.dim()]), axis, bool(keepdims))


@onnx_op("ArgMax")
def argmax(x: Tensor, /, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    return _extreme(torch.argmax, x, axis, keepdims, select_last_index)


@onnx_op("ArgMin")
def argmin(x: Tensor, /, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    return _extreme(torch.argmin, x, axis, keepdims, select_last_index)


@onnx_op("CumSum", since=11, static=("axis",))
def cumsum(x: Tensor, axis: int | list[int], /, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    """Running sums along the axis; exclusive ones leave the element itself out, reverse ones run from the end."""
    dim = (axis if isinstance(axis, int) else axis[0]) % x.dim()
    source = torch.flip(x, [dim]) if reverse else x
    total = torch.cumsum(source, dim, dtype=x.dtype)
    total = total - source if exclusive else total
    return torch.flip(total, [dim]) if reverse else total
