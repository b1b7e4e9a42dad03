"""Convolutions whose waves have input channels of their own, on the simulated GPU, against float64."""

from __future__ import annotations

import pytest
import torch

from amdc.kernels.conv_waves import CONV_WAVES, SHAPES, STAGE_CHANNELS, WAVES, WavesShape
from amdc.kernels.template import Value
from amdc.sim.decoder import decode
from tests.kernels.harness import check_function, code_object, source
from tests.kernels.test_assembly import loops, names
from tests.kernels.test_convolution import Case
from tests.kernels.test_winograd import launched, offered

ONE, TWO = (1, 1, 1, 1), (2, 2)
#         case, candidate
CASES = [
    (Case(2, 37, 70, (13, 11), (3, 3), TWO, ONE), "waves 64x44"),  # odd sizes and channels, tiles of two images
    (Case(1, 64, 20, (14, 14), (3, 3), TWO, ONE, groups=2), "waves 64x22s2"),
    (
        Case(1, 36, 66, (8, 28), (3, 3), (2, 1), (0, 0, 1, 1)),
        "waves 32x22x2s2",
    ),  # pads differ by side; two blocks in a work-group
    (Case(1, 34, 9, (9, 14), (3, 3), pads=(2, 2, 2, 2), dilation=TWO, bias=False), "waves 64x22s2"),
    (Case(1, 80, 130, (14, 14), (1, 1)), "waves 64x22x2"),  # three blocks of nine spans
    (Case(1, 64, 40, (28, 28), (1, 1)), "waves 64x22s2"),  # a plane that ends two positions into a lane's four
    (Case(3, 64, 8, (4, 5), (1, 1)), "waves 32x22x2s2"),  # planes that end within spans
    (Case(1, 64, 65, (7, 7), (1, 1)), "waves 64x52"),  # a plane that is no multiple of four
    (Case(3, 32, 40, (9, 13), (1, 1), TWO), "waves 32x28s2"),  # two stages: most waves have none
    (Case(1, 33, 20, (6, 20), (3, 3), pads=ONE), "waves 64x52"),
    (Case(1, 40, 8, (7, 9), (2, 2)), "waves 32x22x2s2"),
    (Case(1, 40, 8, (5, 12), (1, 3), pads=(0, 1, 0, 1)), "waves 32x28s2"),
    (Case(1, 32, 4, (1, 1), (3, 3), pads=ONE), "waves 64x44"),  # one output
    (
        Case(5, 64, 140, (61, 61), (1, 1)),
        "waves 64x44",
    ),  # more inputs than L2 holds: a span's blocks of filters follow each other
]


@pytest.mark.parametrize(
    "case, candidate", [CASES[0], *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES[1:])], ids=str
)
def test_tiles(case: Case, candidate: str) -> None:
    function, tensors = case.packed()
    assert candidate in offered(case, constant=False)
    check_function(function, tensors, case.terms, extra=1 + case.channels, candidate=candidate)


@pytest.mark.slow
def test_again() -> None:
    """Twenty launches in a row on fresh inputs."""
    case, candidate = CASES[1]
    function, tensors = case.packed()
    check_function(function, tensors, case.terms, extra=1 + case.channels, candidate=candidate, times=20)


@pytest.mark.slow
@pytest.mark.parametrize("case, candidate", [CASES[0], CASES[1]], ids=str)
def test_epilogue(case: Case, candidate: str) -> None:
    """A residual is added in the same launch, where outputs are stored by fours and where they are not."""
    function, (x, *rest) = case.packed()
    other = torch.randn(case.plain()(*case.tensors()).shape)

    def fused(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(function(x, *(value.to(x.dtype) for value in rest)) + other.to(x.dtype))

    result, exact = torch.from_numpy(launched(fused, x, candidate, fuse=True)), fused(x.double())
    assert (result - exact).abs().max() <= 2.0**-18 * exact.abs().max()


def test_where_it_does_not_apply() -> None:
    """Five by five, few channels, channels that do not fill a stage, weights as the model has them."""
    wide, few = Case(1, 32, 8, (9, 9), (5, 5)), Case(1, 16, 8, (9, 9), (3, 3))
    for case in (wide, few, Case(1, 36, 8, (9, 9), (1, 1))):
        assert not any(name.startswith("waves") for name in offered(case, constant=False))
    odd = offered(Case(1, 33, 8, (9, 9), (3, 3)), constant=False)
    assert "waves 64x44" in odd and "waves 64x22s2" not in odd


@pytest.mark.parametrize("kernel", [(3, 3), pytest.param((1, 1), marks=pytest.mark.slow)], ids=str)
@pytest.mark.parametrize(
    "shape", [SHAPES[0], *(pytest.param(shape, marks=pytest.mark.slow) for shape in SHAPES[1:])], ids=lambda shape: shape.name
)
def test_loop(shape: WavesShape, kernel: tuple[int, int]) -> None:
    """Little but multiply-adds, no barrier, one wait for LDS a row; no weight is moved, which would have to be long before it is
    read from another lane; two waves fit on a SIMD."""
    channels = STAGE_CHANNELS[kernel[0] * kernel[1]]
    parameters: dict[str, Value] = {"POSITIONS": shape.positions, "LANES": shape.lanes, "SETS": shape.sets, "SPANS": shape.spans}
    parameters |= {"CHANNELS": channels, "KH": kernel[0], "KW": kernel[1], "VECTOR": 1, "READS": 0, "BIAS": 1}
    code = code_object(source(CONV_WAVES, parameters | {"TYPE_Y": "float"}, 64 * WAVES))
    rows = channels * kernel[0] * kernel[1]
    products = 4 * shape.positions * rows
    (hot,) = [loop for loop in loops(code) if len(names(loop, "v_mac_f32")) == products]
    assert len(names(hot, "v_.*")) <= products + 5
    assert not names(hot, "v_mov_b32|s_barrier|flat_.*|scratch_.*|v_(read|write)lane_b32|buffer_load_dwordx.")
    assert len(names(hot, "s_waitcnt")) <= 3 * rows and len(names(hot, "ds_read_b128")) == -(-shape.positions // 4) * rows
    assert not names(decode(code.text, code.text_address), "v_fma_f32|flat_.*|scratch_.*")
    (facts,) = code.kernels.values()
    assert facts.vgprs <= 128 and facts.scratch_bytes == 0 and facts.lds_bytes <= 64 * 1024
