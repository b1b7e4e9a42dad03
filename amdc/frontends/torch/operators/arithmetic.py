"""Arithmetic, distances, and dropout outside of training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch.fx import Node

from amdc.frontends.torch.errors import NotSupported
from amdc.frontends.torch.operators.movement import view
from amdc.frontends.torch.operators.registry import Emit, rewrites
from amdc.ir.graph import dtype, shape

aten = torch.ops.aten
BITWISE = {
    aten.bitwise_and.Scalar: aten.bitwise_and.Tensor,
    aten.bitwise_or.Scalar: aten.bitwise_or.Tensor,
    aten.bitwise_xor.Scalar: aten.bitwise_xor.Tensor,
}


def _bitwise(target: Any) -> Any:
    def with_number(emit: Emit, x: Node, number: int) -> Node:
        """The number as a constant without dimensions."""
        return emit(target, x, torch.tensor(number, dtype=torch.result_type(x.meta["val"], number)))

    return with_number


for _scalar, _tensor in BITWISE.items():
    rewrites(_scalar)(_bitwise(_tensor))


@rewrites(aten.log2.default)
def log2(emit: Emit, x: Node) -> Node:
    return emit(aten.mul.Tensor, emit(aten.log.default, x), 1 / math.log(2))


@rewrites(aten.log10.default)
def log10(emit: Emit, x: Node) -> Node:
    return emit(aten.mul.Tensor, emit(aten.log.default, x), 1 / math.log(10))


@rewrites(aten.native_dropout.default)
def native_dropout(emit: Emit, x: Node, p: float, train: bool | None = None) -> tuple[Node, torch.Tensor]:
    """Dropout outside of training is the identity, and its mask keeps everything."""
    if train is None or train:
        raise NotSupported("dropout in training: call model.eval() first")
    return x, torch.ones((), dtype=torch.bool).expand(shape(x))


def _norm(emit: Emit, x: Node, p: float, axes: Sequence[int] = (-1,), keepdim: bool = False) -> Node:
    """The p-norm over some dimensions; of order 0 the number of elements that are not 0."""
    if p == 0:
        nonzero = emit(aten._to_copy.default, emit(aten.ne.Scalar, x, 0), dtype=dtype(x))
        return emit(aten.sum.dim_IntList, nonzero, list(axes), keepdim)
    if p == 2:
        return emit(aten.sqrt.default, emit(aten.sum.dim_IntList, emit(aten.mul.Tensor, x, x), list(axes), keepdim))
    size = emit(aten.abs.default, x)
    if math.isinf(p):
        return emit(aten.amax.default if p > 0 else aten.amin.default, size, list(axes), keepdim)
    if p == 1:
        return emit(aten.sum.dim_IntList, size, list(axes), keepdim)
    total = emit(aten.sum.dim_IntList, emit(aten.pow.Tensor_Scalar, size, p), list(axes), keepdim)
    return emit(aten.pow.Tensor_Scalar, total, 1 / p)


@rewrites(aten.linalg_vector_norm.default)
def vector_norm(
    emit: Emit,
    x: Node,
    order: float = 2,
    dim: list[int] | None = None,
    keepdim: bool = False,
    *,
    dtype: torch.dtype | None = None,
) -> Node:
    source = x if dtype is None else emit(aten._to_copy.default, x, dtype=dtype)
    return _norm(emit, source, float(order), dim or range(len(shape(x))), keepdim)


@rewrites(aten._trilinear.default)
def trilinear(
    emit: Emit,
    first: Node,
    second: Node,
    third: Node,
    expand1: list[int],
    expand2: list[int],
    expand3: list[int],
    sumdim: list[int],
    unroll_dim: int = 1,
) -> Node:
    """What nn.Bilinear is made of: the product of three tensors, each with dimensions put in, summed over `sumdim`."""
    spread = []
    for x, axes in ((first, expand1), (second, expand2), (third, expand3)):
        made = x
        for axis in sorted(axes):
            made = emit(aten.unsqueeze.default, made, axis)
        spread.append(made)
    product = emit(aten.mul.Tensor, emit(aten.mul.Tensor, spread[0], spread[2]), spread[1])
    return emit(aten.sum.dim_IntList, product, list(sumdim))


@rewrites(aten._cdist_forward.default)
def cdist(emit: Emit, x: Node, y: Node, p: float, compute_mode: int | None = None) -> Node:
    """[..., M, D] and [..., N, D] give [..., M, N]: the p-norms of all differences."""
    return _norm(emit, emit(aten.sub.Tensor, emit(aten.unsqueeze.default, x, -2), emit(aten.unsqueeze.default, y, -3)), p)


@rewrites(aten._pdist_forward.default)
def pdist(emit: Emit, x: Node, p: float = 2.0) -> Node:
    """[N, D] gives the distances of the pairs i < j, in order."""
    first, second = torch.triu_indices(shape(x)[0], shape(x)[0], 1)
    rows = [emit(aten.index_select.default, x, 0, index.contiguous()) for index in (first, second)]
    return _norm(emit, emit(aten.sub.Tensor, *rows), p)


@rewrites(aten._embedding_bag.default, known=True)
def embedding_bag(
    emit: Emit,
    weight: Node,
    indices: Any,
    offsets: Any,
    scale_grad_by_freq: bool = False,
    mode: int = 0,
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int = -1,
) -> tuple[Node, None, None, None]:
    """Bags of equal sizes, known at import (as from indices of two dimensions): sum, mean or maximum of each bag's rows."""
    extents = tuple(indices.meta["val"].shape) if isinstance(indices, Node) else tuple(indices.shape)
    if isinstance(offsets, Node) or padding_idx >= 0:
        raise NotSupported("bags whose sizes depend on values: pass indices of two dimensions")
    starts = offsets.tolist()[: -1 if include_last_offset else None]
    size = extents[0] // max(1, len(starts))
    if not size or starts != list(range(0, extents[0], size)):
        raise NotSupported("bags of different sizes: pass indices of two dimensions")
    rows = emit(aten.embedding.default, weight, indices)
    if per_sample_weights is not None:
        rows = emit(aten.mul.Tensor, rows, emit(aten.unsqueeze.default, per_sample_weights, -1))
    bags = view(emit, rows, [len(starts), size, shape(weight)[1]])
    if mode == 2:
        return emit(aten.amax.default, bags, [1]), None, None, None
    return emit((aten.sum.dim_IntList, aten.mean.dim)[mode], bags, [1]), None, None, None
