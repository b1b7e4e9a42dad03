"""Convolutions through their lowering, on the simulated GPU, against float64."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from amdc.ir.ops import packed
from amdc.kernels.conv import TILES as CONV_TILES
from tests.kernels.harness import check_function, open_function

Tensors = tuple[torch.Tensor, ...]


@dataclass(frozen=True)
class Case:
    """A convolution. `pads` as `amdc::convolution` takes them: before each dimension, then behind each."""

    batch: int
    channels: int
    outs: int
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...] = (1, 1)
    pads: tuple[int, ...] = (0, 0, 0, 0)
    dilation: tuple[int, ...] = (1, 1)
    groups: int = 1
    bias: bool = True

    def __str__(self) -> str:
        parts = (self.batch, self.channels, self.outs, self.size, self.kernel, self.stride, self.pads, self.dilation, self.groups)
        return "-".join("x".join(map(str, part)) if isinstance(part, tuple) else str(part) for part in parts)

    def tensors(self) -> Tensors:
        generator = torch.Generator().manual_seed(self.channels * 1000 + self.outs)
        shapes = [(self.batch, self.channels, *self.size), (self.outs, self.channels // self.groups, *self.kernel), (self.outs,)]
        return tuple(torch.randn(shape, generator=generator) for shape in shapes[: 2 + self.bias])

    def plain(self) -> Callable[..., torch.Tensor]:
        window = (list(self.stride), list(self.pads), list(self.dilation), self.groups)
        return lambda x, w, *b: packed.convolution(x, w, b[0] if b else None, *window)

    def packed(self) -> tuple[Callable[..., torch.Tensor], Tensors]:
        window = (list(self.kernel), list(self.stride), list(self.pads), list(self.dilation), self.groups, self.outs)
        x, w, *b = self.tensors()
        return lambda x, w, *b: packed.convolution_packed(x, w, b[0] if b else None, *window), (
            x,
            packed.pack_convolution_weight(w, self.groups),
            *b,
        )

    @property
    def terms(self) -> int:
        return self.channels // self.groups * math.prod(self.kernel)


CASES = (
    Case(1, 1, 1, (1, 1), (1, 1)),  # one multiplication
    Case(1, 31, 33, (1, 1), (1, 1)),  # a matrix times a vector
    Case(3, 31, 33, (1, 1), (1, 1)),
    Case(1, 3, 5, (7, 7), (7, 7)),  # the filter covers the image
    Case(2, 17, 31, (7, 7), (1, 1)),  # 1x1, positions no multiple of 4
    Case(2, 33, 70, (6, 6), (1, 1)),  # 1x1, positions a multiple of 4
    Case(2, 32, 16, (9, 7), (1, 1), stride=(2, 2)),
    Case(1, 3, 33, (23, 19), (7, 7), stride=(2, 2), pads=(3, 3, 3, 3)),  # few channels
    Case(1, 3, 8, (31, 29), (11, 11), stride=(4, 4), pads=(2, 2, 2, 2)),
    Case(2, 16, 20, (13, 11), (3, 3), pads=(1, 1, 1, 1)),
    Case(1, 24, 20, (8, 8), (3, 3), stride=(2, 1), pads=(0, 1, 2, 0)),  # pads differ by side
    Case(1, 20, 9, (17, 15), (3, 5), pads=(4, 2, 1, 3), dilation=(2, 3)),
    Case(1, 32, 16, (5, 5), (3, 3), pads=(5, 5, 5, 5)),  # windows wholly within the padding
    Case(2, 12, 18, (6, 5), (3, 3), pads=(1, 1, 1, 1), groups=3),
    Case(1, 64, 8, (4, 4), (1, 1), groups=2),
    Case(2, 8, 8, (10, 9), (3, 3), pads=(1, 1, 1, 1), groups=8),  # depthwise
    Case(1, 6, 12, (15, 14), (5, 5), stride=(2, 2), pads=(1, 2, 2, 1), groups=6),  # two outputs a channel
    Case(1, 4, 4, (9, 9), (3, 3), dilation=(2, 2), groups=4),  # dilated depthwise
    Case(1, 5, 7, (33,), (3,), (2,), (1, 1), (1,)),  # 1-d
    Case(1, 3, 4, (5, 6, 7), (3, 2, 3), (1, 2, 1), (1, 0, 1, 1, 0, 1), (1, 1, 2)),  # 3-d
    Case(1, 16, 10, (6, 6), (3, 3), bias=False),
)


# Plain weights change one parameter of a kernel that is made anew for it: where time counts, a third of the cases are plain.
PLAIN = [pytest.param(case, marks=() if index % 3 == 1 else pytest.mark.slow, id=str(case)) for index, case in enumerate(CASES)]


@pytest.mark.parametrize("case", PLAIN)
def test_plain_weights(case: Case) -> None:
    check_function(case.plain(), case.tensors(), case.terms, extra=case.bias)


PACKED = [pytest.param(case, marks=pytest.mark.slow if index % 3 == 1 else (), id=str(case)) for index, case in enumerate(CASES)]


@pytest.mark.parametrize("case", PACKED)
def test_packed_weights(case: Case) -> None:
    function, tensors = case.packed()
    check_function(function, tensors, case.terms, extra=case.bias)


GATHERED = [tile.name for tile in CONV_TILES if tile.n % 64 == 0]
FAST = ("128x64x16", "16x64x32s4")
TILES = [pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in GATHERED]


@pytest.mark.parametrize("tile", TILES)
def test_every_tile(tile: str) -> None:
    case = CASES[9]
    function, tensors = case.packed()
    check_function(function, tensors, case.terms, extra=1, candidate=tile)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(6, 6), (7, 7)], ids=str)
@pytest.mark.parametrize("tile", [tile.name for tile in CONV_TILES])
def test_every_tile_on_a_pointwise_one(tile: str, size: tuple[int, int]) -> None:
    case = Case(2, 40, 70, size, (1, 1))
    function, tensors = case.packed()
    check_function(function, tensors, case.terms, extra=1, candidate=tile)


EXACT = [
    (Case(2, 64, 72, (9, 9), (3, 3), (2, 2), (1, 1, 1, 1)), "64x28x16s4"),
    pytest.param(Case(2, 32, 40, (11, 9), (1, 1), (2, 2)), "64x56x16s4", marks=pytest.mark.slow),
    pytest.param(Case(3, 64, 72, (9, 9), (3, 3), pads=(2, 1, 0, 1), groups=2), "32x64x32s2", marks=pytest.mark.slow),
    pytest.param(Case(1, 16, 40, (20, 13), (3, 5), pads=(1, 2, 1, 2), dilation=(1, 2)), "128x112x16", marks=pytest.mark.slow),
    pytest.param(Case(1, 64, 40, (9, 9), (3, 3), pads=(1, 1, 1, 1)), "64x28x16s4 split2", marks=pytest.mark.slow),
    pytest.param(Case(1, 32, 40, (30, 29), (3, 3), pads=(1, 1, 1, 1)), "128x56x16s2", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("case, way", EXACT, ids=str)
def test_whole_stages_of_channels(case: Case, way: str) -> None:
    function, tensors = case.packed()
    _, session = open_function(function, *tensors, candidate=way)
    with session:
        (kernel,) = session.program.kernels.values()
        assert kernel.parameters["EXACT"] == 1 and way.replace(" ", "") in kernel.symbol
    check_function(function, tensors, case.terms, extra=1, times=2, candidate=way)


SPLITS = [
    (Case(1, 264, 70, (7, 7), (1, 1)), "64x28x16s4 split4"),
    pytest.param(Case(2, 520, 40, (6, 6), (1, 1)), "32x64x32s2 split3", marks=pytest.mark.slow),
    pytest.param(Case(1, 40, 140, (9, 9), (3, 3), (2, 2), (1, 1, 1, 1)), "64x64x16 split2", marks=pytest.mark.slow),
    pytest.param(Case(2, 64, 48, (9, 9), (3, 3), (2, 2), (1, 1, 1, 1), groups=2), "16x64x32s4 split2", marks=pytest.mark.slow),
    pytest.param(Case(1, 12, 33, (9, 9), (5, 5), pads=(2, 2, 2, 2)), "64x64x16 split3", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("case, way", SPLITS, ids=str)
def test_channels_split_among_work_groups(case: Case, way: str) -> None:
    function, tensors = case.packed()
    _, session = open_function(function, *tensors, candidate=way)
    with session:
        assert [way.replace(" ", "") in launch.kernel for launch in session.program.launches] == [True]
        assert [(state.name, state.initial) for state in session.program.states] == [("amdc.counters", None)]
    check_function(function, tensors, case.terms, extra=1, times=3, candidate=way)


@pytest.mark.slow
@pytest.mark.parametrize("tile", GATHERED)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_tile_on_every_case(case: Case, tile: str) -> None:
    function, tensors = case.packed()
    check_function(function, tensors, case.terms, extra=1, candidate=tile)
    check_function(case.plain(), case.tensors(), case.terms, extra=1, candidate=tile)


@pytest.mark.parametrize("rows", [7, pytest.param(14, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "case",
    [
        Case(2, 3, 3, (17, 9), (3, 3), pads=(1, 1, 1, 1), groups=3),
        pytest.param(Case(1, 4, 8, (31, 14), (5, 5), (2, 2), (1, 2, 2, 1), groups=4), marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_depthwise_strips(case: Case, rows: int) -> None:
    check_function(case.plain(), case.tensors(), case.terms, extra=1, candidate=f"depthwise {rows}")


SMALL = st.integers(1, 3)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    groups = draw(st.sampled_from((1, 1, 2, 3)))
    kernel = draw(st.sampled_from(((1, 1), (3, 3))))
    pads = draw(st.tuples(*[st.integers(0, 2)] * 4))
    size = draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    dilation = draw(st.tuples(SMALL, SMALL))
    for axis in range(2):
        assume(size[axis] + pads[axis] + pads[axis + 2] > (kernel[axis] - 1) * dilation[axis])
    channels, outs = (groups * draw(st.integers(1, 40)) for _ in range(2))
    return Case(draw(SMALL), channels, outs, size, kernel, draw(st.tuples(SMALL, SMALL)), pads, dilation, groups)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(cases())
def test_any_window(case: Case) -> None:
    function, tensors = case.packed()
    check_function(function, tensors, case.terms, extra=1)


TRANSPOSED = [
    # batch, channels, outs, size, kernel, stride, pad, output padding, groups, dilation
    (1, 24, 1, (5, 7), (2, 2), (2, 2), (0, 0), (0, 0), 1, (1, 1)),
    (2, 6, 4, (4, 3), (3, 3), (2, 1), (1, 1), (1, 0), 2, (1, 1)),
    (1, 3, 5, (3, 3), (4, 5), (3, 2), (2, 1), (0, 1), 1, (2, 1)),
    (1, 1, 1, (1, 1), (1, 1), (1, 1), (0, 0), (0, 0), 1, (1, 1)),
]


@pytest.mark.parametrize("case", TRANSPOSED, ids=str)
def test_transposed(case: tuple) -> None:
    batch, channels, outs, size, kernel, stride, pad, more, groups, dilation = case

    def function(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return torch.ops.aten.convolution(x, w, b, list(stride), list(pad), list(dilation), True, list(more), groups)

    shapes = ((batch, channels, *size), (channels, outs // groups, *kernel), (outs,))
    check_function(function, [torch.randn(shape) for shape in shapes], channels // groups * math.prod(kernel), extra=1)


def test_a_hundred_launches_with_fresh_inputs() -> None:
    case = Case(1, 33, 31, (7, 7), (3, 3), pads=(1, 1, 1, 1))
    function, tensors = case.packed()
    check_function(function, tensors, case.terms, extra=1, times=100)
