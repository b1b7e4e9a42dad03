"""Writes that meet at one place, against PyTorch: in order, with every reduction, whatever the index leaves out."""

from __future__ import annotations

import pytest
import torch

from amdc.codegen.lowerings.scattering import Scatter
from tests.codegen.checking import check, sample

aten = torch.ops.aten
REDUCTIONS = ["sum", "prod", "amax", "amin", "mean"]


def places(shape: tuple[int, ...], rows: int) -> torch.Tensor:
    return sample(shape, torch.int64, seed=5).abs() % rows


@pytest.mark.parametrize("reduce", REDUCTIONS)
@pytest.mark.parametrize("include_self", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_duplicates_are_put_together(reduce: str, include_self: bool) -> None:
    x, index, src = sample((5, 7, 3)), places((5, 31, 3), 7), sample((5, 31, 3), seed=1)
    check(
        lambda x, i, s: aten.scatter_reduce.two(x, 1, i, s, reduce, include_self=include_self), x, index, src, ulps=64, atol=1e-6
    )


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.float16, torch.float64])
def test_dtypes(dtype: torch.dtype) -> None:
    x, index, src = sample((5, 4), dtype), places((9, 4), 5), sample((9, 4), dtype, seed=1)

    def function(x: torch.Tensor, i: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return aten.scatter_add(x, 0, i, s), aten.scatter_reduce(x, 0, i, s, "amax"), aten.scatter_reduce(x, 0, i, s, "mean")

    check(function, x, index, src, ulps=16)


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 2, 1), (4, 1, 2)])
def test_an_index_smaller_than_the_data(shape: tuple[int, ...]) -> None:
    """Columns without an index stay; a source larger than the index is read in part."""
    x, index, src = sample((4, 3, 5)), places(shape, 4), sample((5, 5, 5), seed=1)
    check(
        lambda x, i, s: (aten.scatter_add(x, 0, i, s), aten.scatter.value_reduce(x, 0, i, 2.0, reduce="multiply")), x, index, src
    )
    check(lambda x, i, s: aten.scatter_reduce(x, 2, i % 5, s, "amin"), x, index, src)


def test_many_columns_are_walked() -> None:
    """Where one lane a column costs less than one lane an element, results are the same."""
    x, index, src = sample((701, 1031)), places((3, 1031), 701), sample((3, 1031), seed=1)
    strides = (3 * 1031, 1031, 1)
    assert Scatter(None, None, None, "SUM", True, 1, 701, 1031, 3, strides, strides).walks  # type: ignore[arg-type]
    check(lambda x, i, s: (aten.scatter_add(x, 0, i, s), aten.scatter_reduce(x, 0, i, s, "amax")), x, index, src)


def test_whole_slices() -> None:
    x, index, src = sample((4, 6, 5)), torch.tensor([5, 0, 5, -1 % 6]), sample((4, 4, 5), seed=1)

    def function(x: torch.Tensor, i: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, ...]:
        added = torch.index_add(x, 1, i, s), torch.index_add(x, 1, i, s, alpha=0.5)
        return (
            *added,
            torch.index_reduce(x, 1, i, s, "prod"),
            torch.index_copy(x, 1, i[:2], s[:, :2]),
            torch.index_fill(x, 1, i, 7.0),
        )

    check(function, x, index, src, ulps=16)


def test_index_put_that_adds_up() -> None:
    x, rows = sample((4, 5, 3)), torch.tensor([[3, 0, 3], [-1, 1, 3]])
    columns, values = torch.tensor([1, 1, -2]), sample((2, 3, 3), seed=1)

    def function(x: torch.Tensor, r: torch.Tensor, c: torch.Tensor, v: torch.Tensor) -> tuple[torch.Tensor, ...]:
        put = aten.index_put.default
        sides = put(x, [r, c], v, True), put(x, [r, c], v[:, :, :1], True)
        return *sides, put(x, [None, c], v[0], True), put(x, [c, None, r % 3], v[:, :, 0, None].expand(2, 3, 5), True)

    check(function, x, rows, columns, values, ulps=16)


def test_index_put_at_a_mask() -> None:
    x, mask = sample((4, 5, 3)), sample((4, 5), torch.bool)

    def function(x: torch.Tensor, m: torch.Tensor) -> tuple[torch.Tensor, ...]:
        put = aten.index_put.default
        return put(x, [m], x[0, 0, :1].reshape(())), put(x, [m], x[0, 0] * 2), put(x, [x > 0], x[0, 0, :1])

    check(function, x, mask, ulps=0)
