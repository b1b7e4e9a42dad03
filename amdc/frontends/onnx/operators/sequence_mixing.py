"""Layers that carry a state along a sequence without a recurrent cell: linear attention, causal convolution, cache updates."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from amdc.frontends.onnx.operators.attention import repeat_heads, split_heads
from amdc.frontends.onnx.registry import NotSupported, onnx_op

LONGEST = 512  # steps that are worth writing out one by one
RULES = ("linear", "gated", "delta", "gated_delta")


@onnx_op("LinearAttention", since=27)
def linear_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    past_state: Tensor | None = None,
    decay: Tensor | None = None,
    beta: Tensor | None = None,
    /,
    *,
    q_num_heads: int,
    kv_num_heads: int,
    chunk_size: int = 64,
    scale: float = 0.0,
    update_rule: str = "gated_delta",
) -> tuple[Tensor, Tensor]:
    """A matrix-valued state [B,heads,Dk,Dv] that decays, forgets and learns k v^T at each step; the query reads it.

    Gated delta rule: Yang et al. 2024. Computed in float32; the steps are written out one by one.
    """
    steps = query.shape[1]
    if (
        update_rule not in RULES
        or (decay is not None) != ("gated" in update_rule)
        or (beta is not None) != ("delta" in update_rule)
    ):
        raise NotSupported(f"update_rule '{update_rule}' does not go with the inputs given")
    if steps > LONGEST:
        raise NotSupported(f"{steps} steps are more than the {LONGEST} that amdc writes out")
    q, k, v = (split_heads(x, n).to(torch.float32) for x, n in ((query, q_num_heads), (key, kv_num_heads), (value, kv_num_heads)))
    state = _first_state(past_state, k, v)
    gates = None if decay is None else torch.exp(split_heads(decay, kv_num_heads).to(torch.float32))
    rates = None if beta is None else beta.to(torch.float32).permute(0, 2, 1).unsqueeze(3)
    factor = scale or 1 / math.sqrt(q.shape[3])
    reads = []
    for t in range(steps):
        column, row = k[:, :, t : t + 1].transpose(2, 3), v[:, :, t : t + 1]
        if gates is not None:
            state = state * gates[:, :, t].unsqueeze(3)
        if rates is not None:
            row = rates[:, :, t : t + 1] * (row - torch.matmul(column.transpose(2, 3), state))
        state = state + column * row
        reads.append(torch.matmul(q[:, :, t : t + 1], repeat_heads(state, q_num_heads // kv_num_heads)) * factor)
    result = torch.cat(reads, 2).permute(0, 2, 1, 3).reshape(query.shape[0], steps, -1)
    return result.to(query.dtype), state.to(query.dtype if past_state is None else past_state.dtype)


def _first_state(past: Tensor | None, k: Tensor, v: Tensor) -> Tensor:
    return torch.zeros(*k.shape[:2], k.shape[3], v.shape[3]) if past is None else past.to(torch.float32)


@onnx_op("CausalConvWithState", since=27)
def causal_conv_with_state(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, past_state: Tensor | None = None, /, *, activation: str = "none"
) -> tuple[Tensor, Tensor]:
    """A depthwise convolution over [past, x] along the last dimension; the second output is the past of the next call.

    x [B,C,L], weight [C,1,K], past_state [B,C,K-1] (zeros where it is missing).
    """
    if activation not in ("none", "silu", "swish"):
        raise NotSupported(f"activation '{activation}' is unknown")
    before = weight.shape[2] - 1
    padded = torch.constant_pad_nd(x, [before, 0], 0.0) if past_state is None else torch.cat([past_state, x], 2)
    result = torch.convolution(padded, weight, bias, [1], [0], [1], False, [0], x.shape[1])
    if activation != "none":
        result = (result.to(torch.float32) * torch.sigmoid(result.to(torch.float32))).to(x.dtype)
    return result, padded[:, :, x.shape[2] :]


@onnx_op("TensorScatter", since=24)
def tensor_scatter(
    past_cache: Tensor, update: Tensor, write_indices: Tensor | None = None, /, *, axis: int = -2, mode: str = "linear"
) -> Tensor:
    """The cache with the update written along `axis` from write_indices[batch] on; circular: past the end, at the start."""
    dim, steps = axis % past_cache.dim(), update.shape[axis]
    starts = torch.zeros(past_cache.shape[0], dtype=torch.int64) if write_indices is None else write_indices.to(torch.int64)
    rows = starts.unsqueeze(1) + torch.arange(steps)[None, :]
    if mode == "circular":
        rows = rows % past_cache.shape[dim]
    shape = [update.shape[d] if d in (0, dim) else 1 for d in range(past_cache.dim())]
    return torch.scatter(past_cache, dim, rows.reshape(shape).expand(update.shape), update)
