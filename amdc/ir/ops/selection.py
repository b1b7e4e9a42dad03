"""Sorting and selecting: the order of equal elements is part of the meaning."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.register import amdc_op


def _topk_fake(x: Tensor, k: int, dim: int, largest: bool) -> tuple[Tensor, Tensor]:
    shape = list(x.shape)
    shape[dim] = k
    return x.new_empty(shape), x.new_empty(shape, dtype=torch.int64)


@amdc_op("topk(Tensor x, int k, int dim, bool largest) -> (Tensor, Tensor)", fake=_topk_fake)
def topk(x: Tensor, k: int, dim: int, largest: bool) -> tuple[Tensor, Tensor]:
    """The k largest (smallest) elements along dim in order, and their int64 indices; of equal ones, lower indices come first."""
    indices = torch.sort(x, dim=dim, descending=largest, stable=True).indices.narrow(dim, 0, k)
    return torch.gather(x, dim, indices), indices


@amdc_op("cumprod(Tensor x, int dim, bool exclusive, bool reverse) -> Tensor", shape=lambda x, *_: x.shape)
def cumprod(x: Tensor, dim: int, exclusive: bool, reverse: bool) -> Tensor:
    """Running products along dim in x's dtype; exclusive ones leave the element itself out, reverse ones run from the end."""
    source = torch.flip(x, [dim]) if reverse else x
    if exclusive:
        source = torch.cat([torch.ones_like(source.narrow(dim, 0, 1)), source.narrow(dim, 0, x.shape[dim] - 1)], dim)
    total = torch.cumprod(source, dim, dtype=x.dtype)
    return torch.flip(total, [dim]) if reverse else total


def _nms_fake(boxes: Tensor, *_: object) -> Tensor:
    return boxes.new_empty((torch.library.get_ctx().new_dynamic_size(), 3), dtype=torch.int64)


@amdc_op(
    "nms(Tensor boxes, Tensor scores, int max_output, float iou_threshold, float score_threshold, bool center) -> Tensor",
    fake=_nms_fake,
)
def nms(boxes: Tensor, scores: Tensor, max_output: int, iou_threshold: float, score_threshold: float, center: bool) -> Tensor:
    """Greedy non-maximum suppression: [selected, 3] of batch, class, box; each class of each image by falling score.

    boxes [N,S,4]: two opposite corners y1, x1, y2, x2, or with `center` x, y, width, height. scores [N,C,S]: those above
    `score_threshold` take part; a box that overlaps a chosen one by more than `iou_threshold` falls out. At most `max_output`
    boxes a class.
    """
    corners = _corners(boxes, center)
    rows = []
    for image in range(scores.shape[0]):
        for label in range(scores.shape[1]):
            chosen = _greedy(corners[image], scores[image, label], max_output, iou_threshold, score_threshold)
            rows += [[image, label, box] for box in chosen]
    return torch.tensor(rows, dtype=torch.int64).reshape(-1, 3)


def _corners(boxes: Tensor, center: bool) -> Tensor:
    """[..., 4] as top, left, bottom, right."""
    a, b = boxes[..., :2], boxes[..., 2:]
    if center:
        middle, half = a.flip(-1), b.flip(-1) / 2
        return torch.cat([middle - half, middle + half], -1)
    return torch.cat([torch.minimum(a, b), torch.maximum(a, b)], -1)


def _greedy(boxes: Tensor, scores: Tensor, most: int, iou_threshold: float, score_threshold: float) -> list[int]:
    order = torch.sort(scores, descending=True, stable=True).indices
    alive = order[scores[order] > score_threshold]
    chosen: list[int] = []
    while alive.numel() and len(chosen) < most:
        best = alive[0]
        chosen.append(int(best))
        alive = alive[1:][_overlap(boxes[best], boxes[alive[1:]]) <= iou_threshold]
    return chosen


def _overlap(box: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of one box with each of the others; 0 where a box is empty."""
    sides = torch.clamp(torch.minimum(box[2:], others[:, 2:]) - torch.maximum(box[:2], others[:, :2]), min=0)
    shared = sides.prod(1)
    union = (box[2:] - box[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - shared
    return torch.where(shared > 0, shared / union, 0.0)


def _unique_fake(x: Tensor, dim: int | None, sorted: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    count = torch.library.get_ctx().new_dynamic_size()
    shape = [count] if dim is None else [*x.shape[:dim], count, *x.shape[dim + 1 :]]
    length = x.numel() if dim is None else x.shape[dim]
    indices = [x.new_empty((n,), dtype=torch.int64) for n in (count, length, count)]
    return x.new_empty(shape), indices[0], indices[1], indices[2]


@amdc_op("unique(Tensor x, int? dim, bool sorted) -> (Tensor, Tensor, Tensor, Tensor)", fake=_unique_fake)
def unique(x: Tensor, dim: int | None, sorted: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Distinct elements (slices of dim), and int64: where each first stands, which one each element is, how often each occurs.

    Sorted by value, or else in the order in which they first stand.
    """
    if dim is None:
        x, dim = x.reshape(-1), 0
    _, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True, dim=dim)
    places = torch.arange(inverse.numel())
    first = torch.full_like(counts, inverse.numel()).scatter_reduce(0, inverse, places, "amin")
    if not sorted:
        order = torch.argsort(first)
        first, counts, inverse = first[order], counts[order], torch.argsort(order)[inverse]
    return torch.index_select(x, dim, first), first, inverse, counts
