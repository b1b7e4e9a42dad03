"""Where the extreme value of a long row stands: the first of equals, and a NaN before any number, as PyTorch has it."""

from __future__ import annotations

import pytest
import torch

from tests.codegen.checking import check, sample


@pytest.mark.parametrize("shape", [(1, 64), (2, 5003)])
def test_positions_in_rows(shape: tuple[int, ...]) -> None:
    x = sample(shape)
    x[0, 7] = x[0, shape[1] - 1] = x.max() + 1
    x[-1, 9] = x[-1, 60] = x.min() - 1
    check(lambda x: (x.argmax(1), x.argmin(1), x.argmax()), x, ulps=0)


def test_equals_and_nans() -> None:
    x = torch.zeros(3, 2000)
    x[1, 1500] = x[1, 1999] = float("nan")
    x[2, 3] = float("-inf")
    check(lambda x: (x.argmax(1), x.argmin(1)), x, ulps=0)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float16])
def test_other_types(dtype: torch.dtype) -> None:
    check(lambda x: (x.argmax(1), x.argmin(1)), sample((2, 1100), dtype), ulps=0)
