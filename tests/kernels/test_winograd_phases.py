"""Winograd convolutions with stride 2 through their lowering, on the simulated GPU, against float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from amdc.codegen.lowerings import phase_filters
from amdc.kernels.conv import PHASE_SHAPES
from tests.kernels.test_convolution import Case
from tests.kernels.test_winograd import launched, offered
from tests.kernels.winograd_bound import SMALLEST, UNIT

ONE, TWO = (1, 1, 1, 1), (2, 2)
# Along an axis: F(2, 2) on the even inputs, and two products of the odd ones.
BT = np.array([[1, 0, -1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, -1, 0, 1]])
G = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 1], [0, 1, 0], [0, 0, 1]])
AT = np.array([[1, 1, 1, 0, 0], [0, 0, 1, 1, 1]])
SMALL, WIDE = (shape.name for shape in PHASE_SHAPES)
#         case, candidate
CASES = [
    (Case(2, 19, 20, (13, 11), (3, 3), TWO, ONE), SMALL),  # odd sizes, tiles of two images in one lane, odd channels
    (Case(1, 16, 70, (8, 6), (3, 3), TWO, (0, 0, 1, 1)), WIDE),  # pads differ by side, more filters than a block has
    (Case(1, 32, 20, (14, 14), (3, 3), TWO, ONE, groups=2), SMALL),
    (Case(3, 18, 130, (30, 5), (3, 3), TWO, bias=False), SMALL),  # no padding; several blocks of tiles and filters
    (Case(1, 17, 9, (3, 3), (3, 3), TWO, (1, 2, 1, 2)), WIDE),
    (Case(1, 100, 6, (9, 10), (3, 3), TWO, ONE), f"{SMALL} 3 parts"),
    (Case(2, 48, 66, (28, 28), (3, 3), TWO, ONE), f"{WIDE} 4 parts"),
]


def largest_errors(x: torch.Tensor, weights: torch.Tensor, case: Case) -> np.ndarray:
    """The bound of tests/kernels/winograd_bound.py for windows of 5x5 inputs, four apart."""
    top, left, bottom, right = case.pads
    padded = torch.nn.functional.pad(x.double().abs(), (left, right + 4, top, bottom + 4)).numpy()
    out = [
        (size + before + after - 3) // 2 + 1 for size, before, after in zip(case.size, (top, left), (bottom, right), strict=True)
    ]
    rows, columns = (-(-count // 2) for count in out)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(2, 3))[:, :, ::4, ::4][:, :, :rows, :columns]
    inputs = np.einsum("ip,bcyxpq,jq->bcyxij", abs(BT), windows, abs(BT))
    filters = np.einsum("ip,ocpq,jq->ocij", G, weights.double().abs().numpy(), G)
    inputs = inputs.reshape(len(x), case.groups, -1, rows, columns, 5, 5)
    sums = np.einsum("bgcyxij,gocij->bgoyxij", inputs, filters.reshape(case.groups, -1, *filters.shape[1:]))
    tiles = np.einsum("ri,bgoyxij,sj->bgoyrxs", AT, sums, AT).reshape(len(x), -1, 2 * rows, 2 * columns)
    operations = 2 * weights.shape[1] * 4 + 16  # at most 4 points add up in one sum
    return (operations * (UNIT * tiles + SMALLEST) * 1.01)[:, :, : out[0], : out[1]]


@pytest.mark.parametrize("case, name", [CASES[0], *(pytest.param(*case, marks=pytest.mark.slow) for case in CASES[1:])], ids=str)
def test_phases(case: Case, name: str) -> None:
    plain, (x, weight, *bias) = case.plain(), case.tensors()
    function, (_, packed, *_) = case.packed()
    result = launched(lambda x: function(x, packed, *bias), x, name)
    exact = plain(x.double(), weight.double(), *(b.double() for b in bias)).numpy()
    assert np.all(np.abs(result - exact) <= largest_errors(x, weight, case) + 2 * UNIT * np.abs(exact))


@pytest.mark.slow
def test_epilogue() -> None:
    """A residual is added in the same launch, at the outputs of a cut tile, too."""
    case, name = CASES[0]
    function, (x, *rest) = case.packed()
    other = torch.randn(case.plain()(*case.tensors()).shape)

    def fused(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(function(x, *(value.to(x.dtype) for value in rest)) + other.to(x.dtype))

    result, exact = torch.from_numpy(launched(fused, x, name, fuse=True)), fused(x.double())
    assert (result - exact).abs().max() <= 2.0**-18 * exact.abs().max()


def test_where_it_does_not_apply() -> None:
    """Weights known only when it runs, stride 1, dilation, few channels: the other kernels alone."""
    stride, few = Case(1, 32, 8, (9, 9), (3, 3), pads=ONE), Case(1, 8, 8, (9, 9), (3, 3), TWO)
    cases = [(stride, True), (Case(1, 32, 8, (9, 9), (3, 3), TWO, dilation=TWO), True), (few, True), (CASES[0][0], False)]
    for case, constant in cases:
        assert not any(name.startswith("phases") for name in offered(case, constant))


def test_filters_make_the_convolution() -> None:
    """A^T ((G w G^T) * (B^T d B)) A is the convolution of a 5x5 window, and the kernel's sixteen filters are those of G."""
    generator = np.random.default_rng(0)
    d, w = generator.integers(-8, 8, (5, 5)), generator.integers(-8, 8, (3, 3))
    exact = [[(d[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] * w).sum() for j in range(2)] for i in range(2)]
    points = (G @ w @ G.T) * (BT @ d @ BT.T)
    assert (AT @ points @ AT.T == exact).all()
    held = phase_filters.arrange(w[None, None], 1, 1, 1).reshape(4, 4)
    order = [0, 1, 3, 1, 2]  # G's rows among w0, w1, w2, w0 + w2
    assert (held[np.ix_(order, order)] == G @ w @ G.T).all()
