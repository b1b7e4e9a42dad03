"""The end of a classifier as one operator: global average pooling, linear layer, softmax."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.register import amdc_op


@amdc_op("pooled_linear(Tensor x, Tensor? weight, Tensor? bias, int out_features, bool softmax) -> Tensor")
def pooled_linear(x: Tensor, weight: Tensor | None, bias: Tensor | None, out_features: int, softmax: bool) -> Tensor:
    """softmax(mean(x) @ weight[:, :out_features] + bias) for one image x [1,K,...], averaged over all but its channels, and
    packed weights [K, at least out_features]: [1, out_features]. Without weights the means are the result; `softmax` may be
    false."""
    result = x.flatten(2).mean(2) if x.dim() > 2 else x
    if weight is not None:
        result = result @ weight[:, :out_features]
    if bias is not None:
        result = result + bias
    return torch.softmax(result, 1) if softmax else result
