"""Views, copies and diagonals: in a functional graph of dense tensors most of them say less than they seem to."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from amdc.frontends.torch.errors import NotSupported
from amdc.frontends.torch.operators.registry import Emit, rewrites
from amdc.ir.graph import dtype, shape

aten = torch.ops.aten


@rewrites(aten.alias.default, aten.detach.default, aten.lift_fresh_copy.default)
def same_tensor(emit: Emit, x: Node) -> Node:
    """In a functional graph a second name for a tensor is the tensor."""
    return x


@rewrites(aten.clone.default)
def clone(emit: Emit, x: Node, memory_format: Any = None) -> Node:
    """A copy is needed only where it changes the strides, which views in the exported graph rely on."""
    if memory_format is not torch.contiguous_format or x.meta["val"].is_contiguous():
        return x
    return emit(aten.clone.default, x, memory_format=memory_format)


@rewrites(aten.view.default, aten._unsafe_view.default, aten.reshape.default)
def view(emit: Emit, x: Node, size: Any) -> Node:
    """Strides differ from those at export where a constant was stored densely: then a copy comes first."""
    try:
        return emit(aten.view.default, x, list(size))
    except (RuntimeError, ValueError):
        return emit(aten.view.default, emit(aten.clone.default, x, memory_format=torch.contiguous_format), list(size))


@rewrites(aten._to_copy.default)
def to_copy(emit: Emit, x: Node, *, dtype: torch.dtype | None = None, **_: Any) -> Node:
    """Only a change of dtype is kept: a Graph knows neither devices nor layouts."""
    return x if dtype in (None, x.meta["val"].dtype) else emit(aten._to_copy.default, x, dtype=dtype)


@rewrites(aten.copy.default)
def copy(emit: Emit, x: Node, source: Node | Tensor, non_blocking: bool = False) -> Node:
    """The source in the shape and dtype of x."""
    made = emit(aten.expand.default, source, list(shape(x)))
    return to_copy(emit, made, dtype=dtype(x))


@rewrites(aten.full_like.default)
def full_like(emit: Emit, x: Node, fill: Any, *, dtype: torch.dtype | None = None, **_: Any) -> Node:
    return emit(aten.full_like.default, x, fill, **({"dtype": dtype} if dtype else {}))


@rewrites(aten.cat.default)
def cat(emit: Emit, tensors: list[Node], dim: int = 0) -> Node:
    """PyTorch lets an empty vector stand among operands of any rank, and means nothing by it (key-value caches start so)."""
    parts = [x for x in tensors if shape(x) != (0,)] or tensors[:1]
    return parts[0] if len(parts) == 1 else emit(aten.cat.default, parts, dim)


@rewrites(aten.diagonal.default)
def diagonal(emit: Emit, x: Node, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Node:
    """The two dimensions flattened; the elements of a diagonal lie a row and one element apart."""
    rank = len(shape(x))
    first, second = dim1 % rank, dim2 % rank
    rest = [axis for axis in range(rank) if axis not in (first, second)]
    rows, columns = shape(x)[first], shape(x)[second]
    count = max(0, min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns))
    start = offset if offset >= 0 else -offset * columns
    moved = emit(aten.permute.default, x, [*rest, first, second])
    flat = view(emit, moved, [*(shape(x)[axis] for axis in rest), rows * columns])
    return emit(aten.slice.Tensor, flat, -1, start, start + count * (columns + 1) - columns if count else start, columns + 1)


@rewrites(aten.as_strided.default)
def as_strided(emit: Emit, x: Node, size: list[int], stride: list[int], storage_offset: int | None = None) -> Node:
    """A gather at positions computed now; of a dense operand, whose memory is what the positions mean."""
    if not x.meta["val"].is_contiguous() or (storage_offset is None and x.meta["val"].storage_offset()):
        raise NotSupported("as_strided of a tensor that is not contiguous")
    positions = torch.full((), storage_offset or 0, dtype=torch.int64)
    for axis, (extent, step) in enumerate(zip(size, stride, strict=True)):
        positions = positions + (torch.arange(extent) * step).reshape([-1] + [1] * (len(size) - axis - 1))
    flat = view(emit, x, [math.prod(shape(x))])
    return view(emit, emit(aten.index_select.default, flat, 0, positions.reshape(-1)), list(size))


@rewrites(aten.masked_scatter.default)
def masked_scatter(emit: Emit, x: Node, mask: Node | Tensor, source: Node | Tensor) -> Node:
    """The k-th True of the mask takes the k-th element of the source: the mask's running total says which."""
    wide = emit(aten.expand.default, mask, list(shape(x)))
    flat = view(emit, wide, [math.prod(shape(x))])
    counted = emit(aten.cumsum.default, flat, 0)
    index = emit(aten.clamp.default, emit(aten.sub.Tensor, counted, 1), 0, None)
    supply = view(emit, emit(aten.clone.default, source), [-1])
    taken = view(emit, emit(aten.index_select.default, supply, 0, index), list(shape(x)))
    return emit(aten.where.self, wide, taken, x)
