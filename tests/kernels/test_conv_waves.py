"""Convolutions whose waves have input channels of their own, on the simulated GPU, against float64."""

from __future__ import annotations

import pytest

from tests.kernels.harness import check_function
from tests.kernels.test_convolution import Case
from tests.kernels.test_winograd import offered

ONE, TWO = (1, 1, 1, 1), (2, 2)
#         case, candidate
CASES = [
    (Case(2, 37, 70, (13, 11), (3, 3), TWO, ONE), "waves 64x44"),  # odd sizes and channels, tiles of two images
    (Case(1, 64, 20, (14, 14), (3, 3), TWO, ONE, groups=2), "waves 64x22s2"),
    (Case(1, 36, 66, (8, 28), (3, 3), (2, 1), (0, 0, 1, 1)), "waves 32x22x2s2"),  # pads differ by side
    (Case(1, 34, 9, (9, 14), (3, 3), pads=(2, 2, 2, 2), dilation=TWO, bias=False), "waves 64x22s2"),
]


@pytest.mark.parametrize("case, candidate", CASES, ids=str)
def test_tiles(case: Case, candidate: str) -> None:
    function, tensors = case.packed()
    assert candidate in offered(case, constant=False)
    check_function(function, tensors, case.terms, extra=1 + case.channels, candidate=candidate)
