"""One operator computes the end of a classifier."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from amdc.ir.ops.packed import linear_packed
from amdc.ir.ops.pooled_linear import pooled_linear
from amdc.passes.fuse_pooled_linear import FusePooledLinear
from tests.tracing import CONTEXT, assert_becomes, trace

GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(1, 12, 5, 4, generator=GENERATOR)
TWO = torch.randn(2, 12, 5, 4, generator=GENERATOR)
WEIGHT, BIAS = torch.randn(12, 8, generator=GENERATOR), torch.randn(7, generator=GENERATOR)
ROW = torch.full((7,), 0.5)


def linear(x: torch.Tensor) -> torch.Tensor:
    return linear_packed(x.view(x.shape[0], 12), WEIGHT, 7)


def pooled(x: torch.Tensor) -> torch.Tensor:
    return x.mean([2, 3], True)


Function = Callable[[torch.Tensor], torch.Tensor]
ENDS: list[tuple[str, Function, Function]] = [
    ("all", lambda x: torch.softmax(linear(pooled(x)) + BIAS, 1), lambda x: pooled_linear(x, WEIGHT, BIAS, 7, True)),
    ("a number as bias", lambda x: torch.softmax(linear(pooled(x)) + 0.5, -1), lambda x: pooled_linear(x, WEIGHT, ROW, 7, True)),
    ("no softmax", lambda x: linear(x.mean([3, 2])) + BIAS, lambda x: pooled_linear(x, WEIGHT, BIAS, 7, False)),
    ("no bias", lambda x: linear(pooled(x)).exp(), lambda x: pooled_linear(x, WEIGHT, None, 7, False).exp()),
    (
        "no linear layer",
        lambda x: torch.softmax(pooled(x), 1),
        lambda x: pooled_linear(x, None, None, 12, True).view(1, 12, 1, 1),
    ),
    (
        "no pooling",
        lambda x: torch.softmax(linear(x[:, :, 0, 0].exp()) + BIAS, 1),
        lambda x: pooled_linear(x[:, :, 0, 0].exp().view(1, 12), WEIGHT, BIAS, 7, True),
    ),
]


@pytest.mark.parametrize("before, after", [ends[1:] for ends in ENDS], ids=[ends[0] for ends in ENDS])
def test_ends(before: Function, after: Function) -> None:
    assert_becomes(before, after, [FusePooledLinear()], X)


@pytest.mark.parametrize(
    "function, x",
    [
        (lambda x: torch.softmax(linear(pooled(x)) + BIAS, 1), TWO),  # two images
        (lambda x: linear(x[:, :, 0, 0]) + BIAS, X),  # one of the three
        (lambda x: linear(x.mean([1, 3]).repeat(1, 3)[:, :12]), X),  # another average
        (lambda x: torch.softmax(pooled(x), 2), X),  # a softmax of one element
    ],
)
def test_others_stay(function: Function, x: torch.Tensor) -> None:
    assert not FusePooledLinear().run(trace(function, x), CONTEXT).changed


def test_a_mean_that_is_needed_stays() -> None:
    def both(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        mean = pooled(x)
        return mean, torch.softmax(linear(mean) + BIAS, 1)

    def after(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        mean = pooled(x)
        return mean, pooled_linear(mean.view(1, 12), WEIGHT, BIAS, 7, True)

    assert_becomes(both, after, [FusePooledLinear()], X)
