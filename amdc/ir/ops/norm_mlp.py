"""A row norm and the feed-forward block behind it (Vaswani et al. 2017), as one operator."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.packed import linear_packed
from amdc.ir.ops.register import amdc_op

aten = torch.ops.aten
ACTIVATIONS: dict[str, Any] = {
    "relu": aten.relu.default,
    "gelu": aten.gelu.default,
    "gelu_tanh": partial(aten.gelu.default, approximate="tanh"),
    "silu": aten.silu.default,
}
SCHEMA = (
    "norm_mlp(Tensor x, Tensor? gain, Tensor? shift, Tensor inner, Tensor? inner_bias, int features, str activation, "
    "Tensor weight, int out_features, float epsilon, bool centred) -> Tensor"
)


@amdc_op(SCHEMA)
def norm_mlp(
    x: Tensor,
    gain: Tensor | None,
    shift: Tensor | None,
    inner: Tensor,
    inner_bias: Tensor | None,
    features: int,
    activation: str,
    weight: Tensor,
    out_features: int,
    epsilon: float,
    centred: bool,
) -> Tensor:
    """linear_packed(act(norm_linear(x, ..., inner, features) + inner_bias), weight, out_features) for x [M, K], `inner` [K, at
    least features], `weight` [features, at least out_features]: [M, out_features]. `activation` is one of `ACTIVATIONS`."""
    wide = norm_linear(x, gain, shift, inner, features, epsilon, centred)
    wide = wide if inner_bias is None else wide + inner_bias
    return linear_packed(ACTIVATIONS[activation](wide), weight, out_features)
