"""The bits of a tensor as another dtype of the same width."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.register import amdc_op


@amdc_op("bit_cast(Tensor x, ScalarType dtype) -> Tensor", fake=lambda x, dtype: x.new_empty(x.shape, dtype=dtype))
def bit_cast(x: Tensor, dtype: torch.dtype) -> Tensor:
    """The elements' bits read as `dtype`, which is as wide as x's."""
    return x.view(dtype).clone()
