"""Convolutions that read one image through one window become one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from amdc.passes.merge_siblings import MergeSiblings
from tests.tracing import CONTEXT, assert_becomes, calls, trace

aten = torch.ops.aten
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(1, 4, 9, 7, generator=GENERATOR)
U, W = (torch.randn(n, 4, 1, 1, generator=GENERATOR) for n in (3, 5))
P, Q = torch.randn(3, generator=GENERATOR), torch.randn(5, generator=GENERATOR)
BOTH, BIAS = torch.cat([U, W]), torch.cat([P, Q])
LEAST = torch.tensor([0.0] * 3 + [-torch.inf] * 5).reshape(1, 8, 1, 1)


def convolved(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: int = 1) -> torch.Tensor:
    return aten.convolution.default(x, weight, bias, [stride] * 2, [0, 0], [1, 1], False, [0, 0], 1)


def test_a_block_and_its_shortcut() -> None:
    def before(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return torch.relu(convolved(x, U, P, 2)).exp(), convolved(x, W, Q, 2).exp()

    def after(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        whole = torch.maximum(convolved(x, BOTH, BIAS, 2), LEAST)
        return whole[:, 0:3].exp(), whole[:, 3:8].exp()

    graph = assert_becomes(before, after, [MergeSiblings()], X)
    spoilt = X.clone()
    spoilt[0, 0, 0, 0], spoilt[0, 1, 2, 2] = torch.nan, -torch.inf
    for got, wanted in zip(torch.fx.Interpreter(graph).run(spoilt), before(spoilt), strict=True):
        torch.testing.assert_close(got, wanted, equal_nan=True)


def test_all_rectified() -> None:
    def after(x: torch.Tensor) -> torch.Tensor:
        whole = torch.relu(convolved(x, BOTH, BIAS))
        return whole[:, 0:3].sum() + whole[:, 3:8].sum()

    assert_becomes(
        lambda x: torch.relu(convolved(x, U, P)).sum() + torch.relu(convolved(x, W, Q)).sum(), after, [MergeSiblings()], X
    )


@pytest.mark.parametrize(
    "function, x",
    [
        (lambda x: convolved(x, U, P).sum() + convolved(x, W, Q, 2).sum(), X),  # other windows
        (lambda x: convolved(x, U, P).sum() + convolved(x, W, Q).sum(), X.expand(2, 4, 9, 7).contiguous()),  # two images
        (lambda x: torch.cat([convolved(x, U, P), x], 1).sum() + convolved(x, W, Q).sum(), X),  # in place in what is joined
    ],
)
def test_others_stay(function: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> None:
    graph = trace(function, x)
    assert not MergeSiblings().run(graph, CONTEXT).changed
    assert calls(graph, aten.convolution.default) == 2
