"""Operators that a Graph spells differently than PyTorch does.

Each function takes `emit(target, *args, **kwargs)`, which records a call and gives its node, and the operator's own arguments, in
which at least one is a node. It gives the node that stands for the operator (a tuple of nodes for one with several results).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Node

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.torch.errors import NotSupported
from amdc.ir.graph import shape

aten = torch.ops.aten
Emit = Callable[..., Node]
Rewrite = Callable[..., Any]
REWRITES: dict[Any, Rewrite] = {}


def rewrites(*targets: Any) -> Callable[[Rewrite], Rewrite]:
    def register(function: Rewrite) -> Rewrite:
        REWRITES.update(dict.fromkeys(targets, function))
        return function

    return register


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


@rewrites(aten.full_like.default)
def full_like(emit: Emit, x: Node, fill: Any, *, dtype: torch.dtype | None = None, **_: Any) -> Node:
    return emit(aten.full_like.default, x, fill, **({"dtype": dtype} if dtype else {}))


@rewrites(aten.cat.default)
def cat(emit: Emit, tensors: list[Node], dim: int = 0) -> Node:
    """PyTorch lets an empty vector stand among operands of any rank, and means nothing by it (key-value caches start so)."""
    parts = [x for x in tensors if shape(x) != (0,)] or tensors[:1]
    return parts[0] if len(parts) == 1 else emit(aten.cat.default, parts, dim)


def _attention(emit: Emit, q: Node, k: Node, v: Node, mask: Node | None, scale: float | None, causal: bool) -> Node:
    """amdc::attention on operands of rank 4; SDPA's causal mask starts at the top left corner."""
    rows, columns, width = shape(q)[-2], shape(k)[-2], shape(q)[-1]
    if causal and rows != columns:
        raise NotSupported(f"is_causal with {rows} queries and {columns} keys: pass an explicit mask")
    if mask is not None and len(shape(mask)) < 2:
        mask = emit(aten.view.default, mask, [1] * (2 - len(shape(mask))) + list(shape(mask)))
    factor = 1 / math.sqrt(width) if scale is None else float(scale)
    return emit(torch.ops.amdc.attention.default, q, k, v, mask, factor, causal)


@rewrites(aten.scaled_dot_product_attention.default)
def scaled_dot_product_attention(
    emit: Emit,
    q: Node,
    k: Node,
    v: Node,
    attn_mask: Node | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Node:
    """Operands of other ranks become rank 4; batch dimensions of size 1 are expanded."""
    if dropout_p:
        raise NotSupported("dropout_p above 0: amdc compiles inference")
    batch = torch.broadcast_shapes(*(shape(x)[:-3] for x in (q, k, v)))
    count = math.prod(batch)

    def four(x: Node) -> Node:
        rest = shape(x)[-3:] if len(shape(x)) > 2 else (1, *shape(x))
        if shape(x)[:-3] != batch and len(shape(x)) > 2:
            x = emit(aten.expand.default, x, [*batch, *rest])
        return x if len(shape(x)) == 4 else view(emit, x, [count, *rest])

    if attn_mask is not None and len(shape(attn_mask)) > 4:
        attn_mask = view(
            emit, emit(aten.expand.default, attn_mask, [*batch, *shape(attn_mask)[-3:]]), [count, *shape(attn_mask)[-3:]]
        )
    elif attn_mask is not None and len(shape(attn_mask)) == 3 and len(shape(q)) == 3:
        attn_mask = emit(aten.unsqueeze.default, attn_mask, 0)
    made = _attention(emit, four(q), four(k), four(v), attn_mask, scale, is_causal)
    wanted = [*batch, *shape(q)[-3:-1], shape(v)[-1]] if len(shape(q)) > 2 else [shape(q)[-2], shape(v)[-1]]
    return made if list(shape(made)) == wanted else view(emit, made, wanted)


@rewrites(aten._scaled_dot_product_flash_attention_for_cpu.default)
def flash_attention_for_cpu(
    emit: Emit,
    q: Node,
    k: Node,
    v: Node,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Node | None = None,
    scale: float | None = None,
) -> tuple[Node, None]:
    """What scaled_dot_product_attention becomes under torch.compile on a CPU; nothing in inference reads its second result."""
    if dropout_p:
        raise NotSupported("dropout_p above 0: amdc compiles inference")
    return _attention(emit, q, k, v, attn_mask, scale, is_causal), None


@rewrites(aten.native_dropout.default)
def native_dropout(emit: Emit, x: Node, p: float, train: bool | None = None) -> tuple[Node, None]:
    """Dropout outside of training is the identity."""
    if train is None or train:
        raise NotSupported("dropout in training: call model.eval() first")
    return x, None
