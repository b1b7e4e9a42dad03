"""F(4x4, 3x3) through its lowering, on the simulated GPU, against float64; and the check of its error."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amdc.codegen.lowerings import convolution_winograd4, winograd4_filters
from amdc.kernels.gemm_tiles import GEMM_TILES, WIDE_TILES
from tests.kernels.test_convolution import Case
from tests.kernels.test_winograd import launched, offered
from tests.kernels.winograd_bound import UNIT, largest_errors

ONE = (1, 1, 1, 1)
TILE = "32x32x16"
NAME = f"winograd4x4 {TILE}"
MATRICES = (winograd4_filters.BT, winograd4_filters.G, winograd4_filters.AT)
CASES = (
    Case(2, 16, 20, (13, 11), (3, 3), pads=ONE),  # the last tiles of rows and columns are cut, one column
    Case(3, 9, 6, (14, 14), (3, 3), pads=ONE),  # two columns
    Case(1, 8, 8, (6, 5), (3, 3), pads=ONE),  # three columns
    Case(1, 16, 8, (8, 8), (3, 3), pads=ONE, groups=2, bias=False),  # none: rows are stored by fours
    Case(1, 9, 6, (6, 7), (3, 3), pads=(0, 1, 2, 1)),  # pads differ by side
    Case(2, 8, 5, (9, 10), (3, 3), pads=(2, 2, 2, 2)),  # single loads
    Case(1, 8, 4, (1, 1), (3, 3), pads=ONE),
    Case(1, 40, 33, (3, 4), (3, 3)),  # two outputs
)


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small convolutions are tried too."""
    monkeypatch.setattr(convolution_winograd4, "may_pay", lambda *_: True)


@pytest.mark.parametrize("case", [CASES[0], *(pytest.param(case, marks=pytest.mark.slow) for case in CASES[1:])], ids=str)
def test_shapes(case: Case) -> None:
    plain, (x, weight, *bias) = case.plain(), case.tensors()
    function, (_, packed, *_) = case.packed()
    result = launched(lambda x: function(x, packed, *bias), x, NAME, launches=3)
    exact = plain(x.double(), weight.double(), *(b.double() for b in bias)).numpy()
    allowed = largest_errors(x, weight, case.groups, case.pads, MATRICES) + 2 * UNIT * np.abs(exact)
    assert np.all(np.abs(result - exact) <= allowed)


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float16, marks=pytest.mark.slow)], ids=str)
def test_prologue_and_epilogue(dtype: torch.dtype) -> None:
    """Padding stays zero whatever the prologue makes of it; narrow inputs and outputs; a residual in the epilogue."""
    case = CASES[1]
    function, (x, packed, bias) = case.packed()
    scale, shift = torch.rand(case.channels, 1, 1), torch.rand(case.channels, 1, 1)
    other = torch.randn(case.batch, case.outs, *case.size)
    held = [value.to(dtype) for value in (x, scale, shift, packed, bias, other)]

    def fused(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        return torch.relu(function(torch.relu(x * scale + shift), *rest[:2]) + rest[2])

    result = launched(lambda x: fused(x, *held[1:]), held[0], NAME, fuse=True, launches=3)
    exact = fused(*(value.double() for value in held)).numpy()
    unit = 2.0**-10 if dtype == torch.float16 else 2.0**-20  # a few roundings of what is stored
    assert np.abs(result - exact).max() <= 8 * unit * np.abs(exact).max()


def emulated(inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F(4x4, 3x3) of tiles [tiles, I, 6, 6] and filters [O, I, 3, 3] with every product and sum rounded to fp32."""
    bt, at = winograd4_filters.BT.astype(np.float32), winograd4_filters.AT.astype(np.float32)
    points = winograd4_filters.arrange(weights, 1, len(weights))[:, 0].reshape(6, 6, weights.shape[1], -1)
    windows = bt @ inputs.astype(np.float32) @ bt.T
    sums = np.zeros((len(inputs), weights.shape[0], 6, 6), np.float32)
    for channel in range(weights.shape[1]):
        sums += windows[:, channel, None] * points[:, :, channel].transpose(2, 0, 1)
    return at @ sums @ at.T


@pytest.mark.parametrize("rectified", [False, True])
def test_the_predicted_error_is_near_the_real_one(rectified: bool) -> None:
    generator = np.random.default_rng(1)
    weights, inputs = generator.standard_normal((4, 64, 3, 3)), generator.standard_normal((500, 64, 6, 6)).astype(np.float32)
    inputs = np.maximum(inputs, 0) if rectified else inputs
    windows = np.lib.stride_tricks.sliding_window_view(inputs.astype(np.float64), (3, 3), axis=(2, 3))
    exact = np.einsum("tcyxij,ocij->toyx", windows, weights)
    unit = np.sqrt((weights**2).sum(axis=(1, 2, 3)) * (inputs**2).mean())[:, None, None]
    error = np.sqrt((((emulated(inputs, weights) - exact) / unit) ** 2).mean(axis=0)).max()
    predicted = winograd4_filters.relative_error(weights)
    assert predicted / 4 < error < predicted


def test_a_filter_with_too_large_an_error_is_refused() -> None:
    """Errors grow with the root of the channels that are summed."""
    generator = np.random.default_rng(2)
    few, many = (winograd4_filters.relative_error(generator.standard_normal((2, channels, 3, 3))) for channels in (64, 6144))
    assert few < convolution_winograd4.LARGEST_ERROR < many < 12 * few
    assert not any(name.startswith("winograd4x4") for name in offered(Case(1, 6144, 4, (4, 4), (3, 3), pads=ONE), constant=True))


@pytest.mark.parametrize("change", [{"stride": (2, 2)}, {"dilation": (2, 2)}, {"kernel": (3, 1)}], ids=str)
def test_where_it_does_not_apply(change: dict[str, tuple[int, ...]]) -> None:
    case = Case(**({"batch": 1, "channels": 16, "outs": 8, "size": (9, 9), "kernel": (3, 3)} | change))  # type: ignore[arg-type]
    assert not any(name.startswith("winograd4x4") for name in offered(case, constant=True))
    assert not any(name.startswith("winograd4x4") for name in offered(Case(1, 16, 8, (9, 9), (3, 3)), constant=False))


def test_every_tile_is_offered() -> None:
    names = [name.removeprefix("winograd4x4 ") for name in offered(CASES[0], constant=True) if name.startswith("winograd4x4")]
    assert sorted(names) == sorted(tile.name for tile in (*GEMM_TILES, *WIDE_TILES))


def test_small_convolutions_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert not any(name.startswith("winograd4x4") for name in offered(CASES[0], constant=True))
