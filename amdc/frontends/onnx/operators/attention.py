"""Attention in its forms, and rotary position embedding."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.onnx.registry import NotSupported, onnx_op
from amdc.frontends.onnx.tensors import torch_dtype

RAW, SOFTCAPPED, MASKED, PROBABILITIES = range(4)  # qk_matmul_output_mode


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[B,S,heads*D] as [B,heads,S,D]."""
    batch, steps, width = x.shape
    return x.reshape(batch, steps, heads, width // heads).permute(0, 2, 1, 3)


def join_heads(x: Tensor) -> Tensor:
    """[B,heads,S,D] as [B,S,heads*D]."""
    batch, heads, steps, width = x.shape
    return x.permute(0, 2, 1, 3).reshape(batch, steps, heads * width)


def repeat_heads(x: Tensor, times: int) -> Tensor:
    """[B,G,S,D] with each head standing `times` times in a row."""
    if times == 1:
        return x
    batch, groups, steps, width = x.shape
    return x.unsqueeze(2).expand(batch, groups, times, steps, width).reshape(batch, groups * times, steps, width)


def positions(rows: int, columns: int, offset: int | Tensor = 0) -> Tensor:
    """How far each column stands behind each row, [rows, columns]; row i stands at i + offset. With an offset [B]: [B,1,...]."""
    distance = torch.arange(columns)[None, :] - torch.arange(rows)[:, None]
    return distance - (offset.reshape(-1, 1, 1, 1) if isinstance(offset, Tensor) else offset)


def merge_masks(seen: Tensor | None, mask: Tensor | None) -> Tensor | None:
    """One mask that keeps what both keep; `seen` is bool, `mask` bool or added to the scores."""
    if seen is None or mask is None:
        return mask if seen is None else seen
    return torch.logical_and(seen, mask) if mask.dtype == torch.bool else torch.where(seen, mask, -math.inf)


def scaled_attention(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float, causal: bool = False, softcap: float = 0.0
) -> Tensor:
    """`amdc::attention` with the mask in four dimensions."""
    if mask is not None and mask.dim() < 4:
        mask = mask.reshape([1] * (4 - mask.dim()) + list(mask.shape))
    return torch.ops.amdc.attention.default(q, k, v, mask, scale, causal, softcap)


def _visible(rows: int, columns: int, offset: int | Tensor, causal: bool, left: int, right: int) -> Tensor | None:
    """The bool mask of causality and of the sliding window; None where all is seen."""
    distance = positions(rows, columns, offset)
    bounds = [distance <= 0] * causal + [distance >= -left] * (left >= 0) + [distance <= right] * (right >= 0)
    seen = None
    for bound in bounds:
        seen = bound if seen is None else torch.logical_and(seen, bound)
    return seen


def _padded_mask(mask: Tensor, columns: int) -> Tensor:
    """A mask that is too short hides what it does not reach."""
    missing = columns - mask.shape[-1]
    return torch.constant_pad_nd(mask, [0, missing], False if mask.dtype == torch.bool else -math.inf) if missing > 0 else mask


@onnx_op("Attention", since=23)
def attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    nonpad_kv_seqlen: Tensor | None = None,
    /,
    *,
    is_causal: int = 0,
    kv_num_heads: int | None = None,
    left_window_size: int = -1,
    q_num_heads: int | None = None,
    qk_matmul_output_mode: int = RAW,
    right_window_size: int = -1,
    scale: float | None = None,
    softcap: float = 0.0,
    softmax_precision: int | None = None,
    output_count: int = 1,
) -> tuple[Tensor, ...]:
    """[B,heads,S,D] or [B,S,heads*D]; the outputs are the result, the present keys and values, and the scores of a chosen stage.

    Causality and windows count from the end of the past, or of the valid keys that `nonpad_kv_seqlen` [B] counts.
    """
    flat = q.dim() == 3
    if flat:
        if q_num_heads is None or kv_num_heads is None:
            raise NotSupported("three-dimensional inputs need q_num_heads and kv_num_heads")
        q, k, v = split_heads(q, q_num_heads), split_heads(k, kv_num_heads), split_heads(v, kv_num_heads)
    if past_key is not None and past_value is not None:
        k, v = torch.cat([past_key, k], 2), torch.cat([past_value, v], 2)
    rows, columns = q.shape[2], k.shape[2]
    offset: int | Tensor = past_key.shape[2] if past_key is not None else 0
    if nonpad_kv_seqlen is not None and past_key is None:
        offset = nonpad_kv_seqlen - rows
    seen = _visible(rows, columns, offset, bool(is_causal), left_window_size, right_window_size)
    if nonpad_kv_seqlen is not None:
        valid = torch.arange(columns) < nonpad_kv_seqlen.reshape(-1, 1, 1, 1)
        seen = valid if seen is None else torch.logical_and(seen, valid)
    mask = merge_masks(seen, None if attn_mask is None else _padded_mask(attn_mask, columns))
    factor = 1 / math.sqrt(q.shape[3]) if scale is None else scale
    plain_causal = bool(is_causal) and mask is seen and not isinstance(offset, Tensor) and offset == columns - rows
    unbounded = left_window_size < 0 and right_window_size < 0 and nonpad_kv_seqlen is None
    if output_count < 4 and q.dtype != torch.float64 and softmax_precision in (None, 1):
        causal = plain_causal and unbounded
        result = scaled_attention(q, k, v, None if causal else mask, factor, causal, softcap)
        stages: tuple[Tensor, ...] = ()
    else:
        precision = None if softmax_precision is None else torch_dtype(softmax_precision, "its softmax")
        result, stages = _written_out(q, k, v, mask, factor, softcap, precision)
    results = (join_heads(result) if flat else result, k, v, *stages[qk_matmul_output_mode : qk_matmul_output_mode + 1])
    return results[:output_count]


def _written_out(
    q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float, softcap: float, precision: torch.dtype | None
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The result and the scores at each stage, rounded to q's dtype at each step as the operator's definition does."""
    times = q.shape[1] // k.shape[1]
    root = torch.tensor(math.sqrt(scale)).to(q.dtype).item()
    raw = torch.matmul(q * root, (repeat_heads(k, times) * root).transpose(-1, -2))
    capped = torch.tanh(raw / softcap) * softcap if softcap > 0 else raw
    blind = None
    masked = capped
    if mask is not None:
        added = torch.where(mask, 0.0, -math.inf).to(q.dtype) if mask.dtype == torch.bool else mask
        blind = torch.amax(added, -1, keepdim=True) == -math.inf
        masked = capped + added
    wide = masked if precision is None else masked.to(precision)
    weights = torch.softmax(wide if blind is None else torch.where(blind, 0.0, wide), -1)
    weights = weights if blind is None else torch.where(blind, 0.0, weights)
    weights = weights.to(q.dtype)
    return torch.matmul(weights, repeat_heads(v, times)), (raw, capped, masked, weights)


@onnx_op("FlexAttention", domain="ai.onnx.preview")
def flex_attention(
    q: Tensor, k: Tensor, v: Tensor, /, *, scale: float | None = None, softmax_precision: int | None = None
) -> Tensor:
    """Attention without modifications of scores or probabilities."""
    factor = 1 / math.sqrt(q.shape[3]) if scale is None else scale
    if q.dtype == torch.float32 and softmax_precision in (None, 1):
        return scaled_attention(q, k, v, None, factor)
    wide = torch.promote_types(q.dtype, torch.float32)
    precision = wide if softmax_precision is None else torch_dtype(softmax_precision, "its softmax")
    times = q.shape[1] // k.shape[1]
    root = torch.tensor(math.sqrt(factor)).to(q.dtype).item()
    scores = torch.matmul(q * root, (repeat_heads(k, times) * root).transpose(-1, -2)).to(precision)
    return torch.matmul(torch.softmax(scores, -1), repeat_heads(v, times).to(precision)).to(v.dtype)


@onnx_op("RotaryEmbedding", since=23)
def rotary_embedding(
    x: Tensor,
    cos_cache: Tensor,
    sin_cache: Tensor,
    position_ids: Tensor | None = None,
    /,
    *,
    interleaved: int = 0,
    num_heads: int = 0,
    rotary_embedding_dim: int = 0,
) -> Tensor:
    """Pairs of elements of each head turned by the angle of their position (Su et al. 2021): [B,heads,S,D] or [B,S,heads*D].

    The caches hold [positions, D/2], or [B,S,D/2] without position_ids.
    """
    flat = x.dim() == 3
    heads = split_heads(x, num_heads) if flat else x
    cos, sin = cos_cache, sin_cache
    if position_ids is not None:
        cos, sin = (_rows(cache, position_ids) for cache in (cos_cache, sin_cache))
    width = rotary_embedding_dim or heads.shape[3]
    turned = rotate(heads[..., :width], cos.unsqueeze(1), sin.unsqueeze(1), bool(interleaved))
    if width < heads.shape[3]:
        turned = torch.cat([turned, heads[..., width:]], -1)
    return join_heads(turned) if flat else turned


def _rows(cache: Tensor, places: Tensor) -> Tensor:
    """[*places, width]"""
    return torch.index_select(cache, 0, places.reshape(-1).to(torch.int64)).reshape([*places.shape, cache.shape[1]])


def rotate(x: Tensor, cos: Tensor, sin: Tensor, interleaved: bool) -> Tensor:
    """Each pair of x's last dimension (its halves, or neighbours) turned; cos and sin broadcast to a half."""
    half = x.shape[-1] // 2
    if interleaved:
        pairs = x.reshape([*x.shape[:-1], half, 2])
        a, b = pairs.select(-1, 0), pairs.select(-1, 1)
        return torch.stack([cos * a - sin * b, sin * a + cos * b], -1).reshape(x.shape)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([cos * a - sin * b, sin * a + cos * b], -1)
