"""A convolution reads a channels-last image where it lies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from amdc.ir.ops.packed import convolution
from amdc.passes.fold_channels_last import FoldChannelsLast
from tests.kernels.harness import open_function
from tests.kernels.harness import run as run_on_sim
from tests.tracing import CONTEXT, after_passes, assert_becomes, calls, run, trace

aten = torch.ops.aten
GENERATOR = torch.Generator().manual_seed(0)
X, WEIGHT, BIAS = (torch.randn(shape, generator=GENERATOR) for shape in ((2, 9, 8, 3), (6, 3, 7, 5), (6,)))
WIDE = WEIGHT.permute(0, 2, 3, 1).reshape(6, 1, 7, 15)
LAST = [0, 3, 1, 2]


def convolved(x: Tensor, weight: Tensor = WEIGHT, dilation: int = 1) -> Tensor:
    return aten.convolution.default(x, weight, BIAS, [2, 1], [3, 2], [dilation] * 2, False, [0, 0], 1)


def test_an_image() -> None:
    assert_becomes(
        lambda x: convolved(x.permute(LAST)).relu(),
        lambda x: aten.convolution.default(x.view(2, 1, 9, 24), WIDE, BIAS, [2, 3], [3, 6], [1, 1], False, [0, 0], 1).relu(),
        [FoldChannelsLast()],
        X,
    )


def test_pads_that_differ_by_side() -> None:
    assert_becomes(
        lambda x: convolution(x.permute(LAST), WEIGHT, None, [1, 2], [3, 2, 1, 0], [1, 1], 1),
        lambda x: convolution(x.view(2, 1, 9, 24), WIDE, None, [1, 6], [3, 6, 1, 0], [1, 1], 1),
        [FoldChannelsLast()],
        X,
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: convolved(x.permute([0, 3, 2, 1])),  # rows for columns
        lambda x: convolved(x.permute(LAST), dilation=2),
        lambda x: (lambda p: convolved(p).sum() + p.sum())(x.permute(LAST)),  # used twice
        lambda x: convolved(x.repeat(1, 1, 1, 2).permute(LAST), WEIGHT.repeat(1, 2, 1, 1)),  # many channels
        lambda x: convolved(x.permute(LAST), WEIGHT.repeat(1, 1, 1, 9)[..., :11].repeat(1, 1, 3, 1)),  # a large filter
    ],
)
def test_others_stay(function: Callable[[Tensor], Tensor]) -> None:
    graph = trace(function, X.repeat(1, 4, 4, 1))
    assert not FoldChannelsLast().run(graph, CONTEXT).changed and calls(graph, aten.permute.default) == 1


def test_on_the_simulated_card() -> None:
    """With more taps than 128, which the kernel's division once took."""
    image, weight = X.repeat(1, 2, 2, 1), torch.randn(8, 3, 7, 7, generator=GENERATOR)

    def function(x: Tensor) -> Tensor:
        return aten.convolution.default(x.permute(LAST), weight, None, [2, 2], [3, 3], [1, 1], False, [0, 0], 1)

    graph = after_passes(trace(function, image), [FoldChannelsLast()])
    (expected,) = run(graph, image)
    torch.testing.assert_close(expected, function(image), rtol=1e-5, atol=1e-4)
    compiled, session = open_function(lambda x: torch.fx.Interpreter(graph).run(x)[0], image)
    with session:
        got = torch.from_numpy(run_on_sim(compiled, session, image))
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-4)  # sums of 147 products of numbers of about 1
