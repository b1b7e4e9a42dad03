"""Convolutions with inputs in scalar registers, on the simulated GPU, against float64."""

from __future__ import annotations

import pytest
import torch

from tests.kernels.harness import check_function
from tests.kernels.test_convolution import Case
from tests.kernels.test_winograd import launched, offered

ONE = (1, 1, 1, 1)
#         case, candidate
CASES = [
    (Case(2, 35, 70, (7, 7), (3, 3), pads=ONE), "scalar 7x7x8"),  # all rows; two images, odd channels, two blocks of filters
    (Case(1, 37, 20, (9, 14), (3, 3), pads=ONE), "scalar 4x14x4"),  # rows in blocks, the last one cut
    (Case(1, 36, 20, (14, 14), (3, 3), (2, 2), ONE, groups=2), "scalar 7x7x4"),
    (Case(3, 33, 9, (8, 11), (5, 4), (1, 1), (2, 1, 1, 3)), "scalar 3x12x4"),  # pads differ by side
    (Case(1, 40, 66, (6, 14), (1, 1)), "scalar 1x28x8"),
    (Case(2, 17, 65, (7, 7), (1, 1), bias=False), "scalar 7x7x4"),
    (Case(1, 64, 16, (9, 9), (3, 3), (2, 2)), "scalar 4x4x4"),
    (Case(1, 35, 66, (9, 56), (3, 3), (2, 2), ONE), "scalar 5x14x4"),  # columns in tiles
    (Case(2, 33, 8, (6, 42), (3, 3)), "scalar 3x20x2"),
]


@pytest.mark.parametrize(
    "case, candidate",
    [CASES[1], *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES if case is not CASES[1])],
    ids=str,
)
def test_rows(case: Case, candidate: str) -> None:
    function, tensors = case.packed()
    assert candidate in offered(case, constant=False)
    check_function(function, tensors, case.terms, extra=1 + case.channels, candidate=candidate)


@pytest.mark.slow
@pytest.mark.parametrize("candidate", ["scalar 7x7x4 2 parts", "scalar 7x7x8 2 parts", "scalar 4x7x4 3 parts"])
def test_channels_in_parts(candidate: str) -> None:
    case = Case(1, 64, 20, (7, 7), (3, 3), pads=ONE)
    function, tensors = case.packed()
    assert candidate in offered(case, constant=False)
    check_function(function, tensors, case.terms, extra=8, candidate=candidate)


def test_epilogue() -> None:
    case = CASES[1][0]
    function, (x, *rest) = case.packed()
    other = torch.randn(case.plain()(*case.tensors()).shape)

    def fused(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(function(x, *(value.to(x.dtype) for value in rest)) + other.to(x.dtype))

    result, exact = torch.from_numpy(launched(fused, x, CASES[1][1], fuse=True)), fused(x.double())
    assert (result - exact).abs().max() <= 2.0**-20 * exact.abs().max()


def test_where_it_does_not_apply() -> None:
    """Dilated, wide, few channels, plain weights: implicit GEMM alone."""
    wide, few = Case(1, 32, 8, (5, 58), (3, 3), pads=ONE), Case(1, 8, 8, (7, 7), (3, 3), (2, 2))
    for case in (Case(1, 32, 8, (9, 9), (3, 3), dilation=(2, 2)), wide, few):
        assert not any(name.startswith("scalar") for name in offered(case, constant=False))
