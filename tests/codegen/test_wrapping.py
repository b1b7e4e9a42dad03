"""Integers that overflow wrap around, as in PyTorch: the compiler must not take it that they never do."""

from __future__ import annotations

import pytest
import torch

from tests.codegen.checking import check

aten = torch.ops.aten


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.int8])
def test_sums_and_products_wrap(dtype: torch.dtype) -> None:
    info = torch.iinfo(dtype)
    x = torch.tensor([info.min, info.min + 3, -1, 0, 5, info.max - 1, info.max], dtype=dtype)

    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        point = x + info.min, x - info.min, x * 3, -x, x.abs(), x + 1 < x
        return *point, torch.cumsum(x, 0, dtype=dtype), torch.cumprod(x, 0, dtype=dtype), x.sum(dtype=dtype)

    check(function, x)
