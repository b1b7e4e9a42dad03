"""1x1 convolutions that read planes of any size, and of several images, as one matrix."""

from __future__ import annotations

import pytest
import torch

from tests.kernels.harness import check_function, open_function, run
from tests.kernels.test_convolution import Case

TILE = "32x32x16"
CASES = (
    Case(3, 16, 33, (7, 7), (1, 1)),  # the last four positions begin before the others end; images within a lane's columns
    pytest.param(Case(2, 20, 8, (5, 1), (1, 1)), marks=pytest.mark.slow),  # channels that do not fill a stage: image by image
    pytest.param(Case(2, 32, 12, (3, 2), (1, 1), groups=2), marks=pytest.mark.slow),
    pytest.param(Case(3, 16, 20, (14, 14), (1, 1), bias=False), marks=pytest.mark.slow),
    pytest.param(Case(2, 16, 8, (1, 3), (1, 1)), marks=pytest.mark.slow),  # fewer than four positions: gathered
)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_planes(case: Case) -> None:
    function, tensors = case.packed()
    check_function(function, tensors, case.terms, extra=1, candidate=TILE if max(case.size) > 3 else "64x64x16")


@pytest.mark.slow
def test_an_image_of_infinities_leaves_the_others_alone() -> None:
    """Channels that do not fill a stage would read the next image, times zero."""
    case = Case(2, 20, 8, (3, 3), (1, 1))
    function, (x, *rest) = case.packed()
    x[1] = torch.inf
    graph, session = open_function(function, x, *rest, candidate=TILE)
    with session:
        result = run(graph, session, x, *rest)
    exact = function(x[:1].double(), *(value.double() for value in rest)).numpy()
    assert abs(result[:1] - exact).max() < 1e-4


@pytest.mark.slow
def test_a_position_is_finished_once() -> None:
    """The epilogue reads and adds another tensor: those of the last four positions that came before must not add it twice."""
    case = Case(2, 16, 8, (3, 3), (1, 1))
    function, tensors = case.packed()
    other = torch.randn(2, 8, 3, 3)
    check_function(
        lambda *given: function(*given[:-1]) + given[-1], (*tensors, other), case.terms, extra=2, fuse=True, candidate=TILE
    )
