"""Operators that sort, rank and select; some results have as many elements as the values decide."""

from __future__ import annotations

import torch
from torch import Tensor

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.onnx.operators.wide import HIGHEST, turned, unsigned_dtype
from amdc.frontends.onnx.registry import onnx_op


@onnx_op("TopK", since=1)
def topk_attribute(x: Tensor, /, *, k: int, axis: int = -1) -> tuple[Tensor, Tensor]:
    return topk(x, [k], axis=axis)


@onnx_op("TopK", since=10, static=("k",))
def topk(x: Tensor, k: int | list[int], /, *, axis: int = -1, largest: int = 1, sorted: int = 1) -> tuple[Tensor, Tensor]:
    """Of equal elements the one with the lower index comes first."""
    count = k[0] if isinstance(k, list) else k
    dtype = unsigned_dtype(x)
    source = x if dtype is None else turned(x, dtype)
    values, indices = torch.ops.amdc.topk.default(source, count, axis % x.dim(), bool(largest))
    if dtype is not None:
        values = (values + HIGHEST if dtype == torch.uint64 else values).to(dtype)
    return values, indices


@onnx_op("CumProd", since=26, static=("axis",))
def cumprod(x: Tensor, axis: int | list[int], /, *, exclusive: int = 0, reverse: int = 0) -> Tensor:
    dim = (axis if isinstance(axis, int) else axis[0]) % x.dim()
    return torch.ops.amdc.cumprod.default(x, dim, bool(exclusive), bool(reverse))


@onnx_op("NonMaxSuppression", since=10, static=("max_output", "iou_threshold", "score_threshold"))
def non_max_suppression(
    boxes: Tensor,
    scores: Tensor,
    max_output: int | list[int] | None = None,
    iou_threshold: float | list[float] | None = None,
    score_threshold: float | list[float] | None = None,
    /,
    *,
    center_point_box: int = 0,
) -> Tensor:
    """[selected, 3] of batch, class, box. Without a number of boxes none is chosen; without a score threshold all take part."""
    most, overlap, least = (_number(value) for value in (max_output, iou_threshold, score_threshold))
    lowest = float("-inf") if least is None else float(least)
    return torch.ops.amdc.nms.default(boxes, scores, int(most or 0), float(overlap or 0.0), lowest, bool(center_point_box))


def _number(value: float | list[int] | list[float] | None) -> float | None:
    return value[0] if isinstance(value, list) else value


@onnx_op("Unique", since=11)
def unique(x: Tensor, /, *, axis: int | None = None, sorted: int = 1) -> tuple[Tensor, ...]:
    """Distinct elements (slices), where each first stands, which one each element is, and how often each occurs."""
    return torch.ops.amdc.unique.default(x, None if axis is None else axis % x.dim(), bool(sorted))


@onnx_op("NonZero", since=9)
def non_zero(x: Tensor, /) -> Tensor:
    """[rank, count]: the places of the elements that are not zero."""
    return torch.nonzero(x).t()


@onnx_op("Compress", since=9, static=("condition",))
def compress(x: Tensor, condition: list[bool], /, *, axis: int | None = None) -> Tensor:
    """The slices along the axis (or the elements) whose condition is true; a short condition leaves out the rest."""
    chosen = torch.tensor([i for i, keep in enumerate(condition) if keep], dtype=torch.int64)
    return torch.index_select(x.reshape(-1), 0, chosen) if axis is None else torch.index_select(x, axis, chosen)
