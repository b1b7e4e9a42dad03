"""Matrix products and convolutions in every dtype, against PyTorch. PyTorch, too, sums 16-bit floats in fp32 and rounds once."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tests.codegen.checking import check, sample

FEW = [torch.float16, pytest.param(torch.bfloat16, marks=pytest.mark.slow)]  # bfloat16 differs in its conversions alone
WIDE = [torch.float64, torch.int32, torch.int64, torch.int8, torch.uint8, torch.int16]
SHAPES = [(37, 33, 41), (64, 32, 64), (3, 64, 128), (1, 70, 33), (20, 40, 1), (1, 1, 1)]


@pytest.mark.parametrize("dtype", FEW)
@pytest.mark.parametrize("shape", SHAPES)
def test_narrow_products(dtype: torch.dtype, shape: tuple[int, int, int]) -> None:
    """A sum may fall on the other side of a rounding boundary; values near zero are differences of values of order 1."""
    m, k, n = shape
    check(torch.mm, sample((m, k), dtype), sample((k, n), dtype, 1), ulps=1, atol=0.01)


@pytest.mark.parametrize("dtype", FEW)
def test_narrow_batches_and_biases(dtype: torch.dtype) -> None:
    check(torch.bmm, sample((3, 17, 33), dtype), sample((3, 33, 20), dtype, 1), ulps=1, atol=0.01)
    check(torch.addmm, sample((20,), dtype), sample((17, 33), dtype), sample((33, 20), dtype, 1), ulps=1, atol=0.01)


@pytest.mark.parametrize("dtype", WIDE)
def test_wide_and_integer_products(dtype: torch.dtype) -> None:
    check(lambda a, b: a @ b, sample((17, 33), dtype), sample((33, 20), dtype, 1), ulps=64, atol=1e-14)
    check(torch.bmm, sample((3, 5, 7), dtype), sample((3, 7, 4), dtype, 1), ulps=64, atol=1e-14)


def test_integer_products_wrap() -> None:
    check(torch.mm, torch.full((2, 40), 127, dtype=torch.int8), torch.full((40, 3), 127, dtype=torch.int8))


CONVOLUTIONS = [
    ((2, 5, 9, 9), (7, 5, 3, 3), 1, 1),
    ((1, 16, 8, 8), (20, 16, 1, 1), 0, 1),
    ((1, 3, 16, 16), (8, 3, 7, 7), 3, 1),
    ((1, 8, 9, 9), (8, 1, 3, 3), 1, 8),
    ((1, 6, 8, 8), (10, 3, 3, 3), 1, 2),
    ((2, 4, 5, 5), (6, 4, 5, 5), 0, 1),
    ((1, 4, 5, 5), (6, 2, 5, 5), 0, 2),
]


@pytest.mark.parametrize("dtype", [*FEW, torch.float64])
@pytest.mark.parametrize("x, weight, pad, groups", CONVOLUTIONS)
def test_convolutions(dtype: torch.dtype, x: tuple[int, ...], weight: tuple[int, ...], pad: int, groups: int) -> None:
    wide = dtype == torch.float64
    given = sample(x, dtype), sample(weight, dtype, 1), sample(weight[:1], dtype, 2)
    convolve = lambda x, w, b: F.conv2d(x, w, b, 1, pad, 1, groups)  # noqa: E731
    check(convolve, *given, ulps=64 if wide else 2, atol=1e-13 if wide else 0.02)


@pytest.mark.parametrize("dtype", [*FEW, torch.float64])
def test_transposed_and_volumetric_convolutions(dtype: torch.dtype) -> None:
    tolerance = {"ulps": 64, "atol": 1e-13} if dtype == torch.float64 else {"ulps": 2, "atol": 0.02}
    check(
        lambda x, w: F.conv_transpose2d(x, w, stride=2), sample((1, 4, 5, 5), dtype), sample((4, 3, 3, 3), dtype, 1), **tolerance
    )
    check(F.conv3d, sample((1, 2, 5, 5, 5), dtype), sample((3, 2, 3, 3, 3), dtype, 1), **tolerance)


def test_a_whole_image_filter_in_groups() -> None:
    """Each group has its own bias."""
    convolve = lambda x, w, b: F.conv2d(x, w, b, groups=2)  # noqa: E731
    check(convolve, sample((1, 4, 5, 5)), sample((6, 2, 5, 5), seed=1), sample((6,), seed=2), ulps=4, atol=2e-5)
