"""Convolutions of one input whose results are concatenated become one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from amdc.passes.merge_branches import MergeBranches
from tests.tracing import CONTEXT, after_passes, assert_becomes, calls, run, trace

aten = torch.ops.aten
GENERATOR = torch.Generator().manual_seed(0)
X = torch.randn(1, 4, 9, 7, generator=GENERATOR)
A, B, C = (torch.randn(n, 4, side, side, generator=GENERATOR) for n, side in ((3, 1), (5, 3), (2, 5)))
P, Q, R = torch.arange(3.0), torch.arange(5.0), torch.arange(2.0)


def convolved(
    x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, stride: int = 1, pad: int | None = None
) -> torch.Tensor:
    padding = [weight.shape[2] // 2 if pad is None else pad] * 2
    return aten.convolution.default(x, weight, bias, [stride] * 2, padding, [1, 1], False, [0, 0], 1)


def fire(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([torch.relu(convolved(x, A, P)), torch.relu(convolved(x, B, Q))], 1)


def test_a_fire_module() -> None:
    weight, bias = torch.cat([torch.nn.functional.pad(A, [1, 1, 1, 1]), B]), torch.cat([P, Q])
    assert_becomes(fire, lambda x: torch.relu(convolved(x, weight, bias)), [MergeBranches(lossy_level=2)], X)


def test_zeros_around_a_kernel_wait_for_the_lossy_level() -> None:
    """An infinite pixel would become NaN beside itself: 0 * inf."""
    graph, pixel = trace(fire, X), X.clone()
    pixel[0, 0, 4, 4] = torch.inf
    result = MergeBranches().run(graph, CONTEXT)
    assert not result.changed and "needs -O3" in result.notes[0]
    assert run(graph, pixel)[0][:, :3].isnan().sum() <= 3
    assert MergeBranches().run(graph, replace(CONTEXT, opt_level=3)).changed
    assert run(graph, pixel)[0][:, :3].isnan().sum() > 3


def test_kernels_of_one_size_merge_without_zeros() -> None:
    other = torch.randn(2, 4, 3, 3, generator=GENERATOR)
    weight, bias = torch.cat([B, other]), torch.cat([Q, R])
    assert_becomes(
        lambda x: torch.cat([convolved(x, B, Q), convolved(x, other, R)], 1),
        lambda x: convolved(x, weight, bias),
        [MergeBranches()],
        X,
    )


def beside_a_pool(x: torch.Tensor) -> torch.Tensor:
    return torch.cat([convolved(x, A, None, 2), convolved(x, C, None, 2), torch.relu(convolved(x, B, Q, 2))], 1)


def read_twice(x: torch.Tensor) -> torch.Tensor:
    first = convolved(x, A, P)
    return torch.cat([first, convolved(x, B, Q)], 1) + first.sum()


def other_windows(x: torch.Tensor) -> torch.Tensor:
    """An unpadded 1x1 and an unpadded 3x3 of a padded input give one size, but meet other pixels."""
    return torch.cat([convolved(x, A, P), convolved(torch.constant_pad_nd(x, [1, 1, 1, 1]), B, Q, pad=0)], 1)


@pytest.mark.parametrize("function, left", [(beside_a_pool, 2), (read_twice, 2), (other_windows, 2)])
def test_only_alike_and_unread(function: Callable[[torch.Tensor], torch.Tensor], left: int) -> None:
    graph = trace(function, X)
    expected = run(graph, X)
    after_passes(graph, [MergeBranches(lossy_level=2)])
    assert calls(graph, aten.convolution.default) == left
    torch.testing.assert_close(run(graph, X), expected)


def test_zeros_that_cost_more_than_a_launch() -> None:
    wide, weight = torch.zeros(1, 4, 500, 500), torch.zeros(400, 4, 1, 1)
    graph = trace(lambda x: torch.cat([convolved(x, weight, None), convolved(x, B, None)], 1), wide)
    result = MergeBranches(lossy_level=2).run(graph, CONTEXT)
    assert not result.changed and any("more than a launch" in note for note in result.notes)
    assert calls(graph, aten.convolution.default) == 2
