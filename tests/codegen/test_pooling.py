"""Pooling with every combination of options that models use, against PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.codegen.checking import check, sample

MAXIMA: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((1, 1, 1, 1), {"kernel_size": 1}),
    ((1, 3, 31, 33), {"kernel_size": 3, "stride": 2, "padding": 1}),
    ((2, 5, 13, 7), {"kernel_size": (2, 3), "stride": (1, 2), "padding": (0, 1)}),
    ((1, 2, 14, 14), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    ((1, 2, 17, 17), {"kernel_size": 3, "dilation": 2}),
    ((3, 9, 9), {"kernel_size": 2}),
]


@pytest.mark.parametrize(("shape", "options"), MAXIMA)
def test_max(shape: tuple[int, ...], options: dict[str, Any]) -> None:
    check(lambda x: F.max_pool2d(x, **options), sample(shape), ulps=0)


def test_max_with_indices_and_nan() -> None:
    x = sample((2, 3, 8, 8))
    x[0, 0, 3, 3] = float("nan")
    check(lambda x: torch.ops.aten.max_pool2d_with_indices.default(x, [3, 3], [2, 2], [1, 1]), x, ulps=0)


def test_other_ranks() -> None:
    check(lambda x: (F.max_pool3d(x, 2, 1, 1), F.avg_pool3d(x, (1, 2, 3), 2)), sample((1, 2, 5, 6, 7)), ulps=4)
    check(lambda x: F.avg_pool1d(x, 3, 2, 1), sample((2, 3, 11)))


AVERAGES: list[dict[str, Any]] = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True, "padding": 1},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True, "padding": 1, "count_include_pad": False},
    {"kernel_size": (2, 5), "divisor_override": 3},
    {"kernel_size": 12},
]


@pytest.mark.parametrize("options", AVERAGES)
def test_average(options: dict[str, Any]) -> None:
    """A window of n cells rounds n times: n units in the last place of the largest sum."""
    check(lambda x: F.avg_pool2d(x, **options), sample((2, 3, 12, 14)), atol=2e-6)
