"""Scaled dot-product attention becomes amdc::attention, with operands of rank 4."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.fx import Node

from amdc.frontends.torch.errors import NotSupported
from amdc.frontends.torch.operators.movement import view
from amdc.frontends.torch.operators.registry import Emit, rewrites
from amdc.ir.graph import shape

aten = torch.ops.aten
Mask = Node | Tensor | None


@rewrites(aten.scaled_dot_product_attention.default, whole=True)
def scaled_dot_product_attention(
    emit: Emit,
    q: Node,
    k: Node,
    v: Node,
    attn_mask: Mask = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Node:
    """Operands of other ranks become rank 4, batch dimensions of size 1 are expanded, and so is the mask."""
    if dropout_p:
        raise NotSupported("dropout_p above 0: amdc compiles inference")
    rows, columns, width = shape(q)[-2], shape(k)[-2], shape(q)[-1]
    if is_causal and rows != columns:
        raise NotSupported(f"is_causal with {rows} queries and {columns} keys, where PyTorch starts top left: pass a mask")
    batch = tuple(torch.broadcast_shapes(*(_batch(x) for x in (q, k, v))))
    operands = [_rank4(emit, x, batch) for x in (q, k, v)]
    mask = None if attn_mask is None else _mask(emit, attn_mask, batch)
    factor = 1 / math.sqrt(width) if scale is None else float(scale)
    made = emit(torch.ops.amdc.attention.default, *operands, mask, factor, is_causal)
    wanted = [*shape(q)[:-1], shape(v)[-1]] if len(shape(q)) < 4 else [*batch, *shape(q)[-3:-1], shape(v)[-1]]
    return made if list(shape(made)) == wanted else view(emit, made, wanted)


def _batch(x: Node) -> tuple[int, ...]:
    """The dimensions before heads, rows and columns."""
    return shape(x)[:-3]


def _rank4(emit: Emit, x: Node, batch: tuple[int, ...]) -> Node:
    """[*batch, heads, rows, columns] as [prod(batch), heads, rows, columns]; a missing dimension of heads is 1."""
    inner = shape(x)[-3:] if len(shape(x)) > 2 else (1, *shape(x))
    if len(shape(x)) > 2 and _batch(x) != batch:
        x = emit(aten.expand.default, x, [*batch, *inner])
    wanted = [math.prod(batch), *inner]
    return x if list(shape(x)) == wanted else view(emit, x, wanted)


def _mask(emit: Emit, mask: Node | Tensor, batch: tuple[int, ...]) -> Node | Tensor:
    """The mask in rank 2 to 4, with its batch dimensions merged where there are several."""
    extents = shape(mask) if isinstance(mask, Node) else tuple(mask.shape)
    if len(extents) < 2:
        return emit(aten.expand.default, mask, [1] * (2 - len(extents)) + list(extents))
    if len(extents) <= 4 and len(batch) <= 1:
        return mask
    inner = list(extents[-3:]) if len(extents) > 2 else [1, *extents]
    return view(emit, emit(aten.expand.default, mask, [*batch, *inner]), [math.prod(batch), *inner])


@rewrites(aten._scaled_dot_product_flash_attention_for_cpu.default)
def flash_attention_for_cpu(
    emit: Emit,
    q: Node,
    k: Node,
    v: Node,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Mask = None,
    scale: float | None = None,
) -> tuple[Node, None]:
    """What the same becomes under torch.compile on a CPU; nothing in inference reads its second result."""
    return scaled_dot_product_attention(emit, q, k, v, attn_mask, dropout_p, is_causal, scale=scale), None
