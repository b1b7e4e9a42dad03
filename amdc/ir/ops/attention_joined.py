"""Attention to the keys of a cache and to those of the step itself, which lie in tensors of their own."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.attention import attention
from amdc.ir.ops.register import amdc_op

SCHEMA = (
    "attention_joined(Tensor q, Tensor k, Tensor v, Tensor new_k, Tensor new_v, Tensor? mask, float scale, bool causal,"
    " float softcap=0.0) -> Tensor"
)


def _shape(q: Tensor, k: Tensor, v: Tensor, new_k: Tensor, new_v: Tensor, *rest: object) -> tuple[int, ...]:
    """Raises `RuntimeError` for shapes that do not fit each other."""
    pairs = ((k, new_k), (v, new_v))
    fit = all(
        old.dim() == new.dim() == 4 and (*old.shape[:2], old.shape[3]) == (*new.shape[:2], new.shape[3]) for old, new in pairs
    )
    torch._check(
        fit and k.shape[2] == v.shape[2] and new_k.shape[2] == new_v.shape[2] and q.shape[3] == k.shape[3],
        lambda: "attention_joined of " + ", ".join(str(tuple(x.shape)) for x in (q, k, v, new_k, new_v)) + ": they do not fit",
    )
    return (*q.shape[:3], v.shape[3])


@amdc_op(SCHEMA, shape=_shape)
def attention_joined(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    new_k: Tensor,
    new_v: Tensor,
    mask: Tensor | None,
    scale: float,
    causal: bool,
    softcap: float = 0.0,
) -> Tensor:
    """attention(q, cat([k, new_k], 2), cat([v, new_v], 2), mask, scale, causal, softcap): k [B,G,P,D] and new_k [B,G,N,D] are
    P + N keys of one list, as are the values."""
    return attention(q, torch.cat([k, new_k], 2), torch.cat([v, new_v], 2), mask, scale, causal, softcap)
