"""Products of quantised tensors against their definition in PyTorch: exact."""

from __future__ import annotations

import pytest
import torch

from tests.codegen.checking import check

multiply = torch.ops.amdc.matmul_integer.default
convolve = torch.ops.amdc.convolution_integer.default


def levels(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> torch.Tensor:
    """All values of an 8-bit type."""
    low, high = torch.iinfo(dtype).min, torch.iinfo(dtype).max
    return torch.randint(low, high + 1, shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize("left, right", [(torch.uint8, torch.int8), (torch.uint8, torch.uint8), (torch.int8, torch.int8)])
def test_products_with_zero_points(left: torch.dtype, right: torch.dtype) -> None:
    a, b = levels((9, 300), left), levels((300, 17), right, 1)
    one, rows, columns = levels((), left, 2), levels((9, 1), left, 3), levels((17,), right, 4)
    check(lambda a, b, z, rows, columns: (
        multiply(a, b, None, None), multiply(a, b, z, None), multiply(a, b, rows, columns), multiply(a, b, None, columns),
    ), a, b, one, rows, columns)  # fmt: skip


def test_batches() -> None:
    a, b, shared = levels((2, 3, 4, 5), torch.uint8), levels((2, 1, 5, 6), torch.int8, 1), levels((5, 6), torch.int8, 2)
    each = levels((2, 3, 4, 1), torch.uint8, 3)
    check(lambda a, b, s, z: (multiply(a, b, None, None), multiply(a, s, z, None)), a, b, shared, each)


@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions(groups: int) -> None:
    x, weight = levels((2, 4, 7, 6), torch.uint8), levels((6, 4 // groups, 3, 3), torch.int8, 1)
    zero, each = levels((), torch.uint8, 2), levels((6, 1, 1, 1), torch.int8, 3)
    window = [2, 1], [1, 0, 1, 2], [1, 1], groups
    check(lambda x, w, z, each: (convolve(x, w, z, each, *window), convolve(x, w, None, None, *window)), x, weight, zero, each)


def test_convolution_in_one_dimension() -> None:
    x, weight, zero = levels((1, 3, 11), torch.int8), levels((4, 3, 5), torch.int8, 1), levels((1,), torch.int8, 2)
    check(lambda x, w, z: convolve(x, w, None, z, [1], [2, 2], [1], 1), x, weight, zero)
