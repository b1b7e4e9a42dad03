"""A row norm and the matrix product behind it, as one operator."""

from __future__ import annotations

from torch import Tensor

from amdc.ir.ops.normalization import layer_norm, rms_norm
from amdc.ir.ops.packed import linear_packed
from amdc.ir.ops.register import amdc_op

SCHEMA = (
    "norm_linear(Tensor x, Tensor? gain, Tensor? shift, Tensor weight, int out_features, float epsilon, bool centred) -> Tensor"
)


@amdc_op(SCHEMA)
def norm_linear(
    x: Tensor, gain: Tensor | None, shift: Tensor | None, weight: Tensor, out_features: int, epsilon: float, centred: bool
) -> Tensor:
    """linear_packed(norm(x), weight, out_features) for x [M, K] and a weight [K, at least out_features]: [M, out_features].

    The norm is a layer norm, or, not `centred`, an RMS norm, which has no shift."""
    width = [x.shape[1]]
    normal = layer_norm(x, width, gain, shift, epsilon) if centred else rms_norm(x, width, gain, epsilon)
    return linear_packed(normal, weight, out_features)
