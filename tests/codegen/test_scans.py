"""Running totals against PyTorch, by columns and by rows."""

from __future__ import annotations

import pytest
import torch

from tests.codegen.checking import check, sample

aten = torch.ops.aten


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.float16, torch.float64, torch.int64, torch.int32, torch.int8, torch.uint8]
)
def test_running_sums_of_every_dtype(dtype: torch.dtype) -> None:
    """The sum of integers is int64, as PyTorch has it, or of the dtype asked for."""
    x = sample((3, 31, 5), dtype)
    check(
        lambda x: (torch.cumsum(x, 1), torch.cumsum(x, -1, dtype=dtype)),
        x,
        ulps=32,
        atol=1e-6,
    )


@pytest.mark.parametrize("shape", [(1,), (31,), (2, 257), (1, 1031), (2, 521, 3)])
def test_long_and_short_dimensions(shape: tuple[int, ...]) -> None:
    dim = 0 if len(shape) == 1 else 1
    x = sample(shape)
    check(lambda x: (torch.cumsum(x, dim), torch.cumprod(1 + x * 0.01, dim)), x, ulps=256, atol=1e-4)
    check(lambda x: torch.cumsum(x, dim), sample(shape, torch.int64))


def test_logarithm_of_running_sums() -> None:
    x = sample((2, 300))
    x[0, :2], x[1, 0] = float("-inf"), float("inf")
    check(lambda x: (torch.logcumsumexp(x, 1), torch.logcumsumexp(x[:, :7], 1)), x, ulps=32, atol=1e-6)
    check(lambda x: torch.logcumsumexp(x, 1), x[:, :9].double(), ulps=64, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
def test_running_extremes_with_places(dtype: torch.dtype) -> None:
    """Of equal values the later one counts; a NaN wins."""
    x = sample((3, 33, 2), dtype)
    if dtype.is_floating_point:
        x[1, 7, 0] = x[1, 20, 0] = float("nan")
    check(lambda x: (*torch.cummax(x, 1), *torch.cummin(x, 1), *torch.cummax(x, 2)), x, ulps=0)


@pytest.mark.parametrize("length", [7, 521])
def test_running_products_that_leave_out_or_run_backwards(length: int) -> None:
    x = 1 + sample((2, length)) * 0.01

    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(torch.ops.amdc.cumprod(x, 1, exclusive, reverse) for exclusive in (False, True) for reverse in (False, True))

    check(function, x, ulps=256)
