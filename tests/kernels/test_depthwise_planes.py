"""depthwise_planes.hip: planes in LDS, several in a work-group, several waves of a plane; and which convolutions it takes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from amdc.codegen.choice import Choice, Choices
from amdc.codegen.lowering import LoweringOptions, lower
from amdc.target import target
from tests.codegen.checking import trace_as_written
from tests.kernels.test_convolution import Case, check_function

SLOW = pytest.mark.slow
CASES = [
    (Case(2, 8, 8, (7, 7), (3, 3), pads=(1, 1, 1, 1), groups=8), "4 planes 1"),
    (Case(1, 6, 6, (7, 7), (5, 5), pads=(2, 2, 2, 2), groups=6), "3 planes 1"),
    (Case(1, 4, 4, (7, 7), (5, 5), pads=(2, 2, 2, 2), groups=4), "4 planes 1"),  # more weights than scalar registers
    (Case(2, 7, 7, (14, 14), (5, 5), pads=(2, 2, 2, 2), groups=7), "1 planes 4"),  # more lanes a strip than columns
    (Case(1, 10, 10, (7, 7), (3, 3), pads=(1, 1, 1, 1), groups=10), "2 planes 4"),
    (Case(2, 5, 5, (17, 9), (3, 3), (2, 2), (1, 1, 1, 1), groups=5), "1 planes 2"),
    (Case(1, 5, 5, (28, 28), (5, 5), (2, 2), (1, 2, 2, 1), groups=5), "1 planes 14"),  # rows behind the last strip
    (Case(1, 3, 3, (5, 40), (3, 3), pads=(0, 0, 0, 0), groups=3), "1 planes 2"),  # no zeros; two waves a plane
    (Case(3, 4, 4, (5, 9), (5, 5), pads=(2, 2, 2, 2), groups=4), "2 planes 1"),  # a row's last vector repeats three elements
    (Case(1, 3, 3, (56, 56), (3, 3), pads=(1, 1, 1, 1), groups=3), "1 planes 14"),
]


@SLOW
@pytest.mark.parametrize(("case", "way"), CASES, ids=str)
def test_against_float64(case: Case, way: str) -> None:
    check_function(case.plain(), case.tensors(), case.terms, extra=1, candidate=way)


def test_prologue_and_epilogue() -> None:
    """Between zeros that the prologue leaves alone."""
    case = Case(2, 4, 4, (5, 7), (3, 3), pads=(1, 1, 1, 1), groups=4)
    x, w, bias = case.tensors()
    scale, shift, other = torch.rand(4, 1, 1) + 0.5, torch.rand(4, 1, 1), torch.randn(case.plain()(x, w, bias).shape)

    def fused(
        x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, w: torch.Tensor, bias: torch.Tensor, other: torch.Tensor
    ) -> torch.Tensor:
        return torch.relu(case.plain()(torch.relu(x * scale + shift), w, bias) + other)

    inputs = [x, scale, shift, w, bias, other]
    check_function(fused, inputs, case.terms, extra=4, fuse=True, candidate="4 planes 1")


@pytest.mark.parametrize(
    ("channels", "outs", "size", "dtype", "takes"),
    [
        (6, 6, 14, torch.float32, True),
        (6, 12, 14, torch.float32, False),
        (6, 6, 14, torch.float16, False),
        (6, 6, 112, torch.float32, False),
    ],
)
def test_takes_small_planes_of_float32(channels: int, outs: int, size: int, dtype: torch.dtype, takes: bool) -> None:
    x, w = torch.zeros(1, channels, size, size, dtype=dtype), torch.ones(outs, 1, 3, 3, dtype=dtype)
    met: list[Choice] = []
    graph = trace_as_written(lambda x, w: F.conv2d(x, w, padding=1, groups=channels), x, w)
    lower(graph, target("gfx803"), LoweringOptions(choices=Choices(record=met.append)))
    assert any(" planes " in candidate.name for choice in met for candidate in choice.candidates) == takes
