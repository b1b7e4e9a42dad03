"""A 1x1 convolution pools what it reads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from amdc.ir.ops.pool_convolution import pool_convolution
from amdc.passes.fuse_pool_convolution import FusePoolConvolution
from amdc.passes.pack_weights import PackWeights
from tests.tracing import CONTEXT, after_passes, assert_becomes, calls, run, trace

aten = torch.ops.aten
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(1, 32, 9, 8, generator=GENERATOR)
WEIGHT, BIAS = torch.randn(6, 32, 1, 1, generator=GENERATOR), torch.randn(6, generator=GENERATOR)
PACKED = F.pad(WEIGHT.reshape(6, 32).t(), [0, 2]).contiguous()
PASSES = [PackWeights(), FusePoolConvolution()]


def convolved(x: torch.Tensor, weight: torch.Tensor = WEIGHT, bias: torch.Tensor | None = BIAS) -> torch.Tensor:
    return aten.convolution.default(x, weight, bias, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)


@pytest.mark.parametrize("stride, ceil_mode", [(2, True), (None, False)])
def test_a_pooling_before_a_squeeze(stride: int | None, ceil_mode: bool) -> None:
    window = [3, 3], [stride or 3] * 2, [1, 1], ceil_mode
    assert_becomes(
        lambda x: convolved(F.max_pool2d(x, 3, stride, 1, 1, ceil_mode)).relu(),
        lambda x: pool_convolution(x, PACKED, BIAS, *window, 6).relu(),
        PASSES,
        X,
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: convolved(F.max_pool2d(x, 3, 2)).sum() + F.max_pool2d(x, 3, 2).exp().sum(),  # what is pooled is used twice
        lambda x: convolved(F.max_pool2d(x, 3, 2, 0, 2)),  # a window with holes
        lambda x: convolved(F.max_pool2d(x, 4)),  # more taps than the kernel's lanes hold
        lambda x: convolved(F.max_pool2d(x, 3), torch.ones(80, 32, 1, 1), None),  # many filters
        lambda x: convolved(F.max_pool2d(x[:, :8], 3), WEIGHT[:, :8].contiguous()),  # few channels
    ],
)
def test_others_stay(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    graph = trace(function, X)
    wanted = run(graph, X)
    after_passes(graph, [*PASSES[:1]])
    result = FusePoolConvolution().run(graph, CONTEXT)
    assert not result.changed and calls(graph, pool_convolution) == 0
    torch.testing.assert_close(run(graph, X), wanted)
