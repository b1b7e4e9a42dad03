"""Gather and scatter by index tensors; selections that a mask or a count describes."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import onnx_op

REDUCE = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def _positive(indices: Tensor, extent: int) -> Tensor:
    """Indices as int64, with those that count from the end made to count from the start."""
    wide = indices.to(torch.int64)
    return torch.where(wide < 0, wide + extent, wide)


@onnx_op("Gather")
def gather(x: Tensor, indices: Tensor, /, *, axis: int = 0) -> Tensor:
    """x with dimension `axis` replaced by the indices' dimensions."""
    axis %= x.dim()
    taken = torch.index_select(x, axis, _positive(indices, x.shape[axis]).reshape(-1))
    return taken.reshape([*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]])


@onnx_op("GatherElements", since=11)
def gather_elements(x: Tensor, indices: Tensor, /, *, axis: int = 0) -> Tensor:
    return torch.gather(x, axis, _positive(indices, x.shape[axis]))


@onnx_op("GatherND", since=11)
def gather_nd(x: Tensor, indices: Tensor, /, *, batch_dims: int = 0) -> Tensor:
    """The last dimension of the indices addresses the dimensions of x after the batch dimensions."""
    rank = indices.dim() - 1
    batch = [torch.arange(x.shape[d]).reshape([-1 if k == d else 1 for k in range(rank)]) for d in range(batch_dims)]
    places = [indices.select(-1, i).to(torch.int64) for i in range(indices.shape[-1])]
    return x[(*batch, *places)]


@onnx_op("Scatter", since=9)
@onnx_op("ScatterElements", since=11)
def scatter_elements(x: Tensor, indices: Tensor, updates: Tensor, /, *, axis: int = 0, reduction: str = "none") -> Tensor:
    places = _positive(indices, x.shape[axis])
    if reduction == "none":
        return torch.scatter(x, axis, places, updates)
    return torch.scatter_reduce(x, axis, places, updates, REDUCE[reduction], include_self=True)


@onnx_op("ScatterND", since=11)
def scatter_nd(x: Tensor, indices: Tensor, updates: Tensor, /, *, reduction: str = "none") -> Tensor:
    """The last dimension of the indices addresses slices of x, which the updates replace or combine with."""
    if reduction in ("none", "add"):
        places = tuple(indices.select(-1, i).to(torch.int64) for i in range(indices.shape[-1]))
        return torch.index_put(x, places, updates, accumulate=reduction == "add")
    depth = indices.shape[-1]
    slices = x.reshape(-1, *x.shape[depth:])
    row: Tensor | int = 0
    for i in range(depth):
        row = row * x.shape[i] + _positive(indices.select(-1, i), x.shape[i])
    assert isinstance(row, Tensor)
    flat = updates.reshape(-1, *x.shape[depth:])
    rows = row.reshape([-1] + [1] * (slices.dim() - 1)).expand(flat.shape)
    return torch.scatter_reduce(slices, 0, rows, flat, REDUCE[reduction], include_self=True).reshape(x.shape)


@onnx_op("OneHot", since=9, static=("depth",))
def one_hot(indices: Tensor, depth: int | list[int], values: Tensor, /, *, axis: int = -1) -> Tensor:
    """values[1] where the new dimension `axis` is at the index, else values[0]; an index out of range selects nothing."""
    count = int(depth if not isinstance(depth, list) else depth[0])
    place = axis % (indices.dim() + 1)
    positions = torch.arange(count).reshape([-1 if d == place else 1 for d in range(indices.dim() + 1)])
    hot = _positive(indices, count).unsqueeze(place) == positions
    return torch.where(hot, values[1], values[0])


@onnx_op("Trilu", since=14, static=("k",))
def trilu(x: Tensor, k: int | list[int] | None = None, /, *, upper: int = 1) -> Tensor:
    offset = k[0] if isinstance(k, list) else k or 0
    rows, columns = x.shape[-2:]
    distance = torch.arange(columns)[None, :] - torch.arange(rows)[:, None]
    return torch.where(distance >= offset if upper else distance <= offset, x, torch.zeros((), dtype=x.dtype))


@onnx_op("ReverseSequence", since=10, static=("lengths",))
def reverse_sequence(x: Tensor, lengths: list[int], /, *, batch_axis: int = 1, time_axis: int = 0) -> Tensor:
    """The first lengths[i] steps of batch element i run backwards."""
    steps = torch.arange(x.shape[time_axis])
    rows = torch.stack([torch.where(steps < n, n - 1 - steps, steps) for n in lengths])  # batch, time
    rows = rows if batch_axis < time_axis else rows.t()
    shape = [x.shape[d] if d in (batch_axis, time_axis) else 1 for d in range(x.dim())]
    return torch.gather(x, time_axis, rows.reshape(shape).expand(x.shape))
