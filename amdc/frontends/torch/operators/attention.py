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
HIDDEN = -1e30  # beside any score that is not hidden, exp of it is 0


@rewrites(aten.scaled_dot_product_attention.default, whole=True, known=True)
def scaled_dot_product_attention(
    emit: Emit,
    q: Node | Tensor,
    k: Node | Tensor,
    v: Node | Tensor,
    attn_mask: Mask = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Node:
    """Operands of other ranks become rank 4, batch dimensions of size 1 are expanded, and so is the mask. A known mask that
    says no more than causality is replaced by it."""
    if dropout_p:
        raise NotSupported("dropout_p above 0: amdc compiles inference")
    nodes = [x if isinstance(x, Node) else emit(aten.alias.default, x) for x in (q, k, v)]
    queries, values = shape(nodes[0]), shape(nodes[2])
    rows, columns = queries[-2], shape(nodes[1])[-2]
    if is_causal and rows != columns:
        raise NotSupported(f"is_causal with {rows} queries and {columns} keys, where PyTorch starts top left: pass a mask")
    if isinstance(attn_mask, Tensor) and _hides_the_future_alone(attn_mask, rows, columns):
        attn_mask, is_causal = None, True
    batch = tuple(torch.broadcast_shapes(*(_batch(x) for x in nodes)))
    operands = [_rank4(emit, x, batch) for x in nodes]
    mask = None if attn_mask is None else _mask(emit, attn_mask, batch)
    factor = 1 / math.sqrt(queries[-1]) if scale is None else float(scale)
    made = emit(torch.ops.amdc.attention.default, *operands, mask, factor, is_causal)
    wanted = [*queries[:-1], values[-1]] if len(queries) < 4 else [*batch, *queries[-3:-1], values[-1]]
    return made if list(shape(made)) == wanted else view(emit, made, wanted)


def _hides_the_future_alone(mask: Tensor, rows: int, columns: int) -> bool:
    """Whether row m of every matrix of a mask sees exactly the columns up to m + columns - rows, and each row sees one.

    What is added to hidden scores may be -inf or the lowest number of a wide float: nothing is left of them after a softmax.
    """
    if rows > columns or tuple(mask.shape[-2:]) != (rows, columns):
        return False
    seen = torch.ones(rows, columns, dtype=torch.bool).tril(columns - rows)
    if mask.dtype == torch.bool:
        return bool((mask == seen).all())
    return bool(torch.where(seen, mask == 0, mask <= HIDDEN).all())


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


@rewrites(aten._scaled_dot_product_flash_attention_for_cpu.default, known=True)
def flash_attention_for_cpu(
    emit: Emit,
    q: Node | Tensor,
    k: Node | Tensor,
    v: Node | Tensor,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    attn_mask: Mask = None,
    scale: float | None = None,
) -> tuple[Node, None]:
    """What the same becomes under torch.compile on a CPU; nothing in inference reads its second result."""
    return scaled_dot_product_attention(emit, q, k, v, attn_mask, dropout_p, is_causal, scale=scale), None
