"""Attention as ONNX Runtime's optimiser and its model builders write it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from amdc.frontends.onnx.operators.attention import (
    join_heads,
    merge_masks,
    positions,
    rotary_embedding,
    rotate,
    scaled_attention,
    split_heads,
)
from amdc.frontends.onnx.operators.microsoft.domain import microsoft_op
from amdc.frontends.onnx.registry import NotSupported


def _padding(mask: Tensor | None, batch: int, columns: int) -> Tensor | None:
    """Which columns a mask of padding keeps, broadcastable to [B,heads,S,columns].

    mask: [B] lengths, [2B] ends and then starts, [B,columns], [B,S,columns] or [B,1,S,columns] with 0 for what is hidden.
    """
    if mask is None:
        return None
    if mask.dim() == 1:
        if mask.numel() not in (batch, 2 * batch):
            raise NotSupported(f"a mask of {mask.numel()} numbers for a batch of {batch} is not supported")
        places = torch.arange(columns)
        kept = places < mask[:batch].reshape(-1, 1, 1, 1)
        return kept if mask.numel() == batch else torch.logical_and(kept, places >= mask[batch:].reshape(-1, 1, 1, 1))
    if mask.dim() == 2:
        return (mask != 0)[:, None, None, :]
    return (mask != 0).unsqueeze(1) if mask.dim() == 3 else mask != 0


def _attend(
    q: Tensor, k: Tensor, v: Tensor, kept: Tensor | None, bias: Tensor | None, causal: bool, scale: float | None
) -> Tensor:
    """[B,S,heads*E]; with `causal` the last row sees all columns."""
    mask = merge_masks(kept, bias)
    return join_heads(scaled_attention(q, k, v, mask, scale or 1 / math.sqrt(q.shape[3]), causal))


@microsoft_op("Attention")
def attention(
    x: Tensor,
    weights: Tensor,
    bias: Tensor | None = None,
    mask_index: Tensor | None = None,
    past: Tensor | None = None,
    attention_bias: Tensor | None = None,
    past_sequence_length: Tensor | None = None,
    /,
    *,
    do_rotary: int = 0,
    mask_filter_value: float = -10000.0,
    num_heads: int,
    past_present_share_buffer: int = 0,
    qkv_hidden_sizes: list[int] | None = None,
    rotary_embedding_dim: int = 0,
    scale: float | None = None,
    unidirectional: int = 0,
    output_count: int = 1,
) -> tuple[Tensor, ...]:
    """x [B,S,I] times weights [I, q + k + v] in heads; past and present are [2,B,heads,P,D]."""
    if do_rotary or past_present_share_buffer or past_sequence_length is not None:
        raise NotSupported("rotary embedding and shared past buffers are not supported here; GroupQueryAttention has them")
    sizes = qkv_hidden_sizes or [weights.shape[1] // 3] * 3
    product = torch.matmul(x, weights)
    parts = torch.split(product if bias is None else product + bias, sizes, -1)
    q, k, v = (split_heads(part, num_heads) for part in parts)
    if past is not None:
        k, v = torch.cat([past[0], k], 2), torch.cat([past[1], v], 2)
    kept = _padding(mask_index, x.shape[0], k.shape[2])
    result = _attend(q, k, v, kept, attention_bias, bool(unidirectional), scale)
    return (result,) if output_count == 1 else (result, torch.stack([k, v]))


@microsoft_op("MultiHeadAttention")
def multi_head_attention(
    query: Tensor,
    key: Tensor | None = None,
    value: Tensor | None = None,
    bias: Tensor | None = None,
    key_padding_mask: Tensor | None = None,
    attention_bias: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    past_sequence_length: Tensor | None = None,
    cache_indirection: Tensor | None = None,
    /,
    *,
    mask_filter_value: float = -10000.0,
    num_heads: int,
    scale: float | None = None,
    unidirectional: int = 0,
    output_count: int = 1,
) -> tuple[Tensor, ...]:
    """query [B,S,heads*D], or packed [B,S,heads,3,D]; key and value alike, packed [B,L,heads,2,D], or in heads [B,heads,L,D]."""
    if past_sequence_length is not None or cache_indirection is not None:
        raise NotSupported("beam search's past_sequence_length and cache_indirection are not supported")
    q, k, v = _heads(query, key, value, bias, num_heads)
    if past_key is not None and past_value is not None:
        k, v = torch.cat([past_key, k], 2), torch.cat([past_value, v], 2)
    kept = _padding(key_padding_mask, q.shape[0], k.shape[2])
    result = _attend(q, k, v, kept, attention_bias, bool(unidirectional), scale)
    return (result, k, v)[:output_count]


def _heads(
    query: Tensor, key: Tensor | None, value: Tensor | None, bias: Tensor | None, heads: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values as [B,heads,steps,D], each with its part of the bias."""
    if query.dim() == 5:
        parts = [query[:, :, :, i].flatten(2) for i in range(3)]
    elif key is not None and key.dim() == 5:
        parts = [query, *(key[:, :, :, i].flatten(2) for i in range(2))]
    elif key is not None and value is not None:
        parts = [query, key, value]
    else:
        raise NotSupported("it has neither keys and values nor packed ones")
    if bias is not None:
        widths = [part.shape[2] if part.dim() == 3 else 0 for part in parts]
        rest = bias.numel() - sum(widths)
        widths = [w or rest // 2 for w in widths]
        shares = torch.split(bias, widths)
        parts = [part + share if part.dim() == 3 else part for part, share in zip(parts, shares, strict=True)]
    q, k, v = (split_heads(part, heads) if part.dim() == 3 else part for part in parts)
    return q, k, v


@microsoft_op("RotaryEmbedding")
def rotary(
    x: Tensor,
    position_ids: Tensor,
    cos_cache: Tensor,
    sin_cache: Tensor,
    /,
    *,
    interleaved: int = 0,
    is_packed_batching: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
    scale: float = 1.0,
) -> Tensor:
    """As the standard operator; one position id is that of the first step of every batch element."""
    flat = x.dim() == 3
    steps = x.shape[1] if flat else x.shape[2]
    heads = num_heads or (x.shape[2] // (rotary_embedding_dim or 2 * cos_cache.shape[1]) if flat else 0)
    places = position_ids
    if position_ids.numel() == 1 and position_ids.dim() == 1:
        places = (position_ids + torch.arange(steps)).reshape(1, steps).expand(x.shape[0], steps)
    return rotary_embedding(
        x, cos_cache, sin_cache, places, interleaved=interleaved, num_heads=heads, rotary_embedding_dim=rotary_embedding_dim
    )


@microsoft_op("GroupQueryAttention", static=("total_sequence_length",))
def group_query_attention(
    query: Tensor,
    key: Tensor | None,
    value: Tensor | None,
    past_key: Tensor | None,
    past_value: Tensor | None,
    seqlens_k: Tensor,
    total_sequence_length: int | list[int],
    cos_cache: Tensor | None = None,
    sin_cache: Tensor | None = None,
    position_ids: Tensor | None = None,
    attention_bias: Tensor | None = None,
    /,
    *,
    do_rotary: int = 0,
    kv_num_heads: int,
    local_window_size: int = -1,
    num_heads: int,
    rotary_interleaved: int = 0,
    scale: float | None = None,
    smooth_softmax: int = 0,
    softcap: float = 0.0,
    output_count: int = 3,
) -> tuple[Tensor, ...]:
    """Causal attention with a cache; query [B,S,heads*D], or all three packed [B,S,(heads + 2 groups)*D].

    seqlens_k [B] is the number of valid keys, the new ones included, less 1: the new keys go behind the valid ones of the past.
    """
    if smooth_softmax:
        raise NotSupported("smooth_softmax is not supported")
    total = total_sequence_length[0] if isinstance(total_sequence_length, list) else total_sequence_length
    q, k, v = _grouped(query, key, value, num_heads, kv_num_heads)
    steps = q.shape[2]
    before = torch.zeros_like(seqlens_k) if steps == total else seqlens_k + 1 - steps
    before = before.reshape(-1).to(torch.int64)  # valid keys of the past of each batch element
    if do_rotary:
        if cos_cache is None or sin_cache is None:
            raise NotSupported("do_rotary needs the caches of cosines and sines")
        places = before.unsqueeze(1) + torch.arange(steps) if position_ids is None else position_ids
        q, k = (_turned(x, places, cos_cache, sin_cache, bool(rotary_interleaved)) for x in (q, k))
    keys, values = _written(past_key, k, before, total), _written(past_value, v, before, total)
    distance = positions(steps, keys.shape[2], before)
    seen = distance <= 0
    if local_window_size > 0:
        seen = torch.logical_and(seen, distance > -local_window_size)
    mask = merge_masks(seen, attention_bias)
    result = scaled_attention(q, keys, values, mask, scale or 1 / math.sqrt(q.shape[3]), False, softcap)
    return (join_heads(result), keys, values)[:output_count]


def _grouped(query: Tensor, key: Tensor | None, value: Tensor | None, heads: int, groups: int) -> tuple[Tensor, Tensor, Tensor]:
    if key is None or value is None:
        width = query.shape[2] // (heads + 2 * groups)
        query, key, value = torch.split(query, [heads * width, groups * width, groups * width], 2)
    return split_heads(query, heads), split_heads(key, groups), split_heads(value, groups)


def _turned(x: Tensor, places: Tensor, cos_cache: Tensor, sin_cache: Tensor, interleaved: bool) -> Tensor:
    """Heads [B,heads,S,D] with rotary embedding at places [B,S]; the caches may turn the first part of each head alone."""
    flat = places.reshape(-1).to(torch.int64)
    cos, sin = (torch.index_select(c, 0, flat).reshape(*places.shape, c.shape[1]).unsqueeze(1) for c in (cos_cache, sin_cache))
    width = 2 * cos_cache.shape[1]
    turned = rotate(x[..., :width], cos, sin, interleaved)
    return turned if width == x.shape[3] else torch.cat([turned, x[..., width:]], -1)


def _written(past: Tensor | None, new: Tensor, before: Tensor, total: int) -> Tensor:
    """[B,groups,capacity,D]: the past with the new steps behind its valid ones; it grows where they do not fit."""
    steps = new.shape[2]
    if past is None or past.shape[2] == 0:
        return new
    capacity = max(past.shape[2], total)
    cache = torch.constant_pad_nd(past, [0, 0, 0, capacity - past.shape[2]], 0.0) if capacity > past.shape[2] else past
    rows = (before.unsqueeze(1) + torch.arange(steps)).reshape(-1, 1, steps, 1).expand(new.shape)
    return torch.scatter(cache, 2, rows, new)
