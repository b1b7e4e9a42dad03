"""A feed-forward block of one token becomes one operator, and norm_mlp.hip computes what PyTorch does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.norm_mlp import norm_mlp
from amdc.ir.ops.packed import linear_packed
from amdc.passes.fuse_norm_mlp import FuseNormMlp
from tests.kernels.harness import open_function, run
from tests.tracing import CONTEXT, assert_becomes, calls, trace

aten = torch.ops.aten
K, F, N = 300, 100, 72
GENERATOR = torch.Generator().manual_seed(0)
X, GAIN, SHIFT = torch.randn(1, K, generator=GENERATOR), torch.rand(K, generator=GENERATOR), torch.randn(K, generator=GENERATOR)
INNER, BIAS = torch.randn(K, F, generator=GENERATOR) / K**0.5, torch.randn(F, generator=GENERATOR)
WEIGHT = torch.randn(F, N, generator=GENERATOR) / F**0.5
SLOW = pytest.mark.slow


def wide(x: Tensor, centred: bool = True) -> Tensor:
    return norm_linear(x, GAIN, SHIFT if centred else None, INNER, F, 1e-5, centred)


def block(x: Tensor, activation: Callable[[Tensor], Tensor] = aten.gelu.default) -> Tensor:
    return linear_packed(activation(wide(x) + BIAS), WEIGHT, N)


def test_a_block_with_biases_and_residual() -> None:
    assert_becomes(
        lambda x: block(x).exp(),
        lambda x: norm_mlp(x, GAIN, SHIFT, INNER, BIAS, F, "gelu", WEIGHT, N, 1e-5, True).exp(),
        [FuseNormMlp()],
        X,
    )


def test_an_rms_norm_without_bias() -> None:
    assert_becomes(
        lambda x: linear_packed(aten.gelu.default(wide(x, False), approximate="tanh"), WEIGHT, N),
        lambda x: norm_mlp(x, GAIN, None, INNER, None, F, "gelu_tanh", WEIGHT, N, 1e-5, False),
        [FuseNormMlp()],
        X,
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: block(x.repeat(2, 1)),  # two rows
        lambda x: block(x, aten.sigmoid.default),  # another activation
        lambda x: (lambda h: linear_packed(h, WEIGHT, N).sum() + h.sum())(wide(x).relu()),  # used twice
        lambda x: linear_packed(wide(x) + BIAS, WEIGHT, N),  # no activation
        lambda x: linear_packed(aten.relu.default(x), torch.ones(K, N), N),  # no norm
    ],
)
def test_others_stay(function: Callable[[Tensor], Tensor]) -> None:
    graph = trace(function, X)
    assert not FuseNormMlp().run(graph, CONTEXT).changed and calls(graph, norm_mlp) == 0


@pytest.mark.parametrize(
    "k, features, outs, activation, centred",
    [
        (300, 130, 600, "gelu", True),
        pytest.param(768, 64, 768, "gelu_tanh", True, marks=SLOW),
        pytest.param(5, 1, 1, "relu", True, marks=SLOW),
        pytest.param(4096, 200, 2048, "silu", False, marks=SLOW),
        pytest.param(64, 3072, 33, "relu", False, marks=SLOW),
    ],
)
def test_sizes(k: int, features: int, outs: int, activation: str, centred: bool) -> None:
    generator = torch.Generator().manual_seed(k)
    x, residual = torch.randn(1, k, generator=generator), torch.randn(1, outs, generator=generator)
    ld, ld_v = -(-features // 4) * 4, -(-outs // 4) * 4
    inner, weight = torch.randn(k, ld, generator=generator) / k**0.5, torch.randn(features, ld_v, generator=generator)
    gain, shift, bias = (torch.randn(size, generator=generator) for size in (k, k, features))

    def function(x: Tensor) -> Tensor:
        held = (gain, shift if centred else None, inner, bias if centred else None, features, activation)
        return norm_mlp(x, *held, weight, outs, 1e-5, centred) + residual

    graph, session = open_function(function, x, fuse=True)
    with session:
        got = [torch.from_numpy(run(graph, session, x)) for _ in range(2)]
    # Sums of k and of `features` products of numbers of about 1, and functions that err by a few units in the last place.
    torch.testing.assert_close(got[0], function(x), rtol=2e-5, atol=2e-5 * features**0.5)
    assert (got[0] == got[1]).all()
