"""A dense layer becomes one operator."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from amdc.ir.ops.bottleneck import bottleneck
from amdc.ir.ops.packed import pack_convolution_weight
from amdc.passes.fuse_bottleneck import FuseBottleneck
from amdc.passes.pack_weights import PackWeights
from tests.tracing import CONTEXT, after_passes, assert_becomes, calls, run, trace

aten = torch.ops.aten
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(1, 16, 5, 6, generator=GENERATOR)
INNER, BIAS = torch.randn(8, 16, 1, 1, generator=GENERATOR), torch.randn(8, generator=GENERATOR)
WEIGHT = torch.randn(4, 8, 3, 3, generator=GENERATOR)
SCALE, SHIFT = torch.randn(16, generator=GENERATOR), torch.randn(16, generator=GENERATOR)
BROAD_SCALE, BROAD_SHIFT = SCALE.reshape(16, 1, 1), SHIFT.reshape(16, 1, 1)
PACKED = [pack_convolution_weight(held, 1) for held in (INNER, WEIGHT)]
PASSES = [PackWeights(), FuseBottleneck()]


def convolved(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None = None, pad: int = 0) -> torch.Tensor:
    return aten.convolution.default(x, weight, bias, [1, 1], [pad, pad], [1, 1], False, [0, 0], 1)


def layer(x: torch.Tensor, pad: int = 1) -> torch.Tensor:
    return convolved(convolved(x, INNER, BIAS).relu(), WEIGHT, None, pad)


def test_a_layer_with_its_batch_norm() -> None:
    assert_becomes(
        lambda x: layer((x * BROAD_SCALE + BROAD_SHIFT).relu()).exp(),
        lambda x: bottleneck(x, SCALE, SHIFT, PACKED[0], BIAS, 8, PACKED[1], None, 4).exp(),
        PASSES,
        X,
    )


def test_a_shift_by_one_number() -> None:
    ones, numbers = torch.ones(16), torch.full((16,), 0.5)
    assert_becomes(
        lambda x: layer((x + 0.5).relu()),
        lambda x: bottleneck(x, ones, numbers, PACKED[0], BIAS, 8, PACKED[1], None, 4),
        PASSES,
        X,
    )


def test_a_layer_alone() -> None:
    assert_becomes(lambda x: layer(x), lambda x: bottleneck(x, None, None, PACKED[0], BIAS, 8, PACKED[1], None, 4), PASSES, X)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: layer(x.sigmoid()),  # another operator, which the 1x1 computes now
        lambda x: layer(x, 0),  # a plane that shrinks
        lambda x: layer(x.repeat(1, 1, 4, 4)),  # a large plane
        lambda x: layer(x.repeat(9, 1, 1, 1)),  # many images
        lambda x: convolved(convolved(x, INNER).relu(), WEIGHT.repeat(9, 1, 1, 1), None, 1),  # many filters
        lambda x: convolved(
            convolved(x[:, :12], INNER[:, :12].contiguous()).relu(), WEIGHT, None, 1
        ),  # an odd number of channels
        lambda x: convolved(convolved(x, INNER, BIAS), WEIGHT, None, 1),  # no ReLU between
        lambda x: (lambda m: convolved(m, WEIGHT, None, 1).sum() + m.exp().sum())(convolved(x, INNER).relu()),  # used twice
    ],
)
def test_others_stay(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    graph = trace(function, X)
    wanted = run(graph, X)
    after_passes(graph, [*PASSES[:1]])
    result = FuseBottleneck().run(graph, CONTEXT)
    assert not result.changed and calls(graph, bottleneck) == 0
    torch.testing.assert_close(run(graph, X), wanted)


def test_the_operator_is_its_parts() -> None:
    x = (X * BROAD_SCALE + BROAD_SHIFT).relu()
    expected = F.conv2d(F.conv2d(x, INNER, BIAS).relu(), WEIGHT, padding=1)
    torch.testing.assert_close(bottleneck(X, SCALE, SHIFT, PACKED[0], BIAS, 8, PACKED[1], None, 4), expected)
