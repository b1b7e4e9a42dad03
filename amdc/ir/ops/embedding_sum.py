"""The sum of rows of two tables as one operator: tokens and their positions, where a transformer begins."""

from __future__ import annotations

from torch import Tensor

from amdc.ir.ops.register import amdc_op


@amdc_op("embedding_sum(Tensor first, Tensor i, Tensor second, Tensor j) -> Tensor")
def embedding_sum(first: Tensor, i: Tensor, second: Tensor, j: Tensor) -> Tensor:
    """first[i] + second[j] for tables [V,W] and [U,W] and integer vectors i and j of N: [N,W]. Negative indices count from the
    end."""
    return first[i] + second[j]
