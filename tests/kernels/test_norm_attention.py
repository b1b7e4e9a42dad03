"""The attention block of one token becomes one operator, and norm_attention.hip computes what PyTorch does."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from amdc.ir.ops.attention_joined import attention_joined
from amdc.ir.ops.norm_attention import norm_attention
from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.packed import linear_packed
from amdc.passes.fuse_norm_attention import FuseNormAttention
from tests.kernels.harness import open_function, run
from tests.tracing import CONTEXT, assert_becomes, calls, trace

K, HEADS, N, PAST, D = 100, 8, 72, 5, 64
WIDE = HEADS * D
GENERATOR = torch.Generator().manual_seed(0)


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=GENERATOR)


X, KEYS, VALUES = drawn(1, K), drawn(1, HEADS, PAST, D), drawn(1, HEADS, PAST, D)
GAIN, SHIFT, INNER, BIAS = drawn(K), drawn(K), drawn(K, 3 * WIDE) / K**0.5, drawn(3 * WIDE)
WEIGHT = drawn(WIDE, N) / WIDE**0.5


def block(
    x: Tensor, keys: Tensor, values: Tensor, bias: bool = True, order: tuple[int, int, int] = (0, 1, 2), scale: float = 0.125
) -> tuple[Tensor, list[Tensor]]:
    """The result, and the queries, keys and values of the token."""
    wide = norm_linear(x, GAIN, SHIFT, INNER, 3 * WIDE, 1e-5, True)
    wide = (wide + BIAS if bias else wide).view(1, 1, 3 * WIDE)
    parts = torch.split(wide, [WIDE] * 3, 2)
    q, k, v = (parts[place].view(1, HEADS, 1, D) for place in order)
    attended = attention_joined(q, keys, values, k, v, None, scale, False, 0.0)
    return linear_packed(attended.view(1, WIDE), WEIGHT, N), [q, k, v]


@pytest.mark.parametrize("bias", [True, False])
def test_a_block(bias: bool) -> None:
    assert_becomes(
        lambda x, keys, values: block(x, keys, values, bias)[0] + 1,
        lambda x, keys, values: (
            norm_attention(x, GAIN, SHIFT, INNER, BIAS if bias else None, keys, values, WEIGHT, N, 1e-5, True, 0.125) + 1
        ),
        [FuseNormAttention()],
        *(X, KEYS, VALUES),
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x, keys, values: (lambda y, parts: y.sum() + parts[1].sum())(*block(x, keys, values)),  # keys leave the model
        lambda x, keys, values: block(x, keys, values, True, (1, 0, 2))[0],  # keys before queries
        lambda x, keys, values: linear_packed(x, INNER, N),
    ],
)
def test_others_stay(function: Callable[..., Tensor]) -> None:
    graph = trace(function, X, KEYS, VALUES)
    assert not FuseNormAttention().run(graph, CONTEXT).changed and calls(graph, norm_attention) == 0


@pytest.mark.parametrize(
    "k, heads, past, outs, centred, biased",
    [
        (100, 3, 61, 800, True, True),
        pytest.param(768, 12, 255, 768, True, False, marks=pytest.mark.slow),
        pytest.param(4096, 1, 300, 3072, False, True, marks=pytest.mark.slow),
        pytest.param(5, 8, 1, 1, True, True, marks=pytest.mark.slow),
    ],
)
def test_sizes(k: int, heads: int, past: int, outs: int, centred: bool, biased: bool) -> None:
    generator = torch.Generator().manual_seed(k)
    wide = heads * D
    shapes = [(1, k), (1, heads, past, D), (1, heads, past, D), (k,), (k,), (k, 3 * wide), (3 * wide,)]
    x, keys, values, gain, shift, inner, bias = (torch.randn(shape, generator=generator) for shape in shapes)
    inner, weight = inner * 2 / k**0.5, torch.randn(wide, -(-outs // 4) * 4, generator=generator) / wide**0.5
    residual = torch.randn(1, outs, generator=generator)

    def function(x: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        held = (gain, shift if centred else None, inner, bias if biased else None)
        return norm_attention(x, *held, keys, values, weight, outs, 1e-5, centred, 0.5) + residual

    graph, session = open_function(function, x, keys, values, fuse=True)
    with session:
        got = [torch.from_numpy(run(graph, session, x, keys, values)) for _ in range(2)]
    # Scores of about 10 err by some units in the last place, which the weights take as relative errors; then sums follow.
    torch.testing.assert_close(got[0], function(x, keys, values), rtol=1e-4, atol=1e-4)
    assert (got[0] == got[1]).all()
