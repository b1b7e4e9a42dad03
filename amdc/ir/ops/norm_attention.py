"""The attention block of one token, which attends to a cache and to itself, as one operator."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.attention_joined import attention_joined
from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.packed import linear_packed
from amdc.ir.ops.register import amdc_op

SCHEMA = (
    "norm_attention(Tensor x, Tensor? gain, Tensor? shift, Tensor inner, Tensor? inner_bias, Tensor keys, Tensor values, "
    "Tensor weight, int out_features, float epsilon, bool centred, float scale) -> Tensor"
)


@amdc_op(SCHEMA)
def norm_attention(
    x: Tensor,
    gain: Tensor | None,
    shift: Tensor | None,
    inner: Tensor,
    inner_bias: Tensor | None,
    keys: Tensor,
    values: Tensor,
    weight: Tensor,
    out_features: int,
    epsilon: float,
    centred: bool,
    scale: float,
) -> Tensor:
    """linear_packed(attention_joined(q, keys, values, k, v), weight, out_features) for x [1, K], where norm_linear(x, ..., inner)
    + inner_bias is q, k and v, each [heads, D], and keys and values are [1, heads, P, D]: [1, out_features]."""
    _, heads, _, width = keys.shape
    wide = norm_linear(x, gain, shift, inner, 3 * heads * width, epsilon, centred)
    wide = wide if inner_bias is None else wide + inner_bias
    q, k, v = torch.split(wide.reshape(3 * heads, width), heads)
    one = (1, heads, 1, width)
    attended = attention_joined(q.reshape(one), keys, values, k.reshape(one), v.reshape(one), None, scale, False)
    return linear_packed(attended.reshape(1, heads * width), weight, out_features)
