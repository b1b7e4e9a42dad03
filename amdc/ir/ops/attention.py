"""Scaled dot-product attention, with grouped queries, a mask, causality and soft-capping."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.register import amdc_op

SCHEMA = "attention(Tensor q, Tensor k, Tensor v, Tensor? mask, float scale, bool causal, float softcap=0.0) -> Tensor"


def _shape(q: Tensor, k: Tensor, v: Tensor, *rest: object) -> tuple[int, ...]:
    """Raises `RuntimeError` for shapes that do not fit each other."""
    torch._check(
        q.dim() == k.dim() == v.dim() == 4, lambda: f"attention takes tensors of rank 4, not {q.dim()}, {k.dim()}, {v.dim()}"
    )
    batch, heads, _, width = q.shape
    same = k.shape[0] == v.shape[0] == batch and k.shape[1:3] == v.shape[1:3] and k.shape[3] == width
    torch._check(
        same and heads % k.shape[1] == 0,
        lambda: f"attention of queries {tuple(q.shape)}, keys {tuple(k.shape)} and values {tuple(v.shape)}: they do not fit",
    )
    return (*q.shape[:3], v.shape[3])


@amdc_op(SCHEMA, shape=_shape)
def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, scale: float, causal: bool, softcap: float = 0.0) -> Tensor:
    """softmax(scale * q k^T + mask) v: q [B,H,M,D], k [B,G,N,D], v [B,G,N,E] give [B,H,M,E] (Vaswani et al. 2017, section 3.2.1).

    H is a multiple of G: head h uses keys and values of group h // (H / G). With `softcap` c above 0, scaled scores s become
    c * tanh(s / c) before the mask. `mask` broadcasts to [B,H,M,N]: bool, where True keeps a score, or float, which is added.
    `causal`: row m sees the columns up to m + N - M. Scores and softmax are in fp32 (fp64 for fp64). A row that sees no column
    (all masked, or all -inf) gives 0.
    """
    wide = torch.promote_types(q.dtype, torch.float32)
    repeats = q.shape[1] // k.shape[1]
    keys, values = (t.to(wide).repeat_interleave(repeats, 1) if repeats > 1 else t.to(wide) for t in (k, v))
    scores = torch.matmul(q.to(wide), keys.transpose(-1, -2)) * scale
    if softcap > 0:
        scores = softcap * torch.tanh(scores / softcap)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask.to(wide)
    rows, columns = scores.shape[-2:]
    if causal:
        seen = torch.ones(rows, columns, dtype=torch.bool, device=scores.device).tril(columns - rows)
        scores = scores.masked_fill(~seen, -torch.inf)
    blind = (scores == -torch.inf).all(-1, keepdim=True)
    weights = torch.softmax(scores.masked_fill(blind, 0), -1).masked_fill(blind, 0)
    return torch.matmul(weights, values).to(q.dtype)
