"""Permutations sink behind point-wise operators to where they meet another one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from tracing import after_passes, calls, run, structure, trace

from amdc.passes.canonicalize import Canonicalize
from amdc.passes.sink_permutes import SinkPermutes

PERMUTE = torch.ops.aten.permute.default
IMAGE, OTHER = torch.randn(2, 3, 4, 5), torch.randn(2, 3, 4, 5)
WEIGHT, BIAS, PLANE = torch.randn(3, 3, 3, 3), torch.randn(3), torch.randn(4, 5, 3)


def conv(x: Tensor) -> Tensor:
    return F.conv2d(x, WEIGHT, padding=1)


def last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def permutes_left(function: Callable[..., Tensor]) -> int:
    graph = trace(function, IMAGE, OTHER)
    want = run(graph, IMAGE, OTHER)
    after_passes(graph, [SinkPermutes(), Canonicalize()])
    for got, expected in zip(run(graph, IMAGE, OTHER), want, strict=True):
        torch.testing.assert_close(got, expected)
    return calls(graph, PERMUTE)


@pytest.mark.parametrize(
    ("function", "left"),
    [
        (lambda x, y: first((last(conv(x)) + BIAS).relu()), 0),
        (lambda x, y: first((last(conv(x)) * PLANE + BIAS).relu() * 2.0), 0),
        (lambda x, y: first(torch.where(last(x) > 0, last(x), last(x) * 0.1)), 0),
        (lambda x, y: first(last(x) + last(y)), 0),
        (lambda x, y: (last(x) + last(y)).tanh(), 1),  # one of two
        (lambda x, y: last(first(last(x)).relu() * 2), 1),
        (lambda x, y: last(x).tanh().permute(2, 0, 1, 3), 1),
        (lambda x, y: last(x).tanh(), 1),  # a kernel reads it in place
        (lambda x, y: first(last(x) + y.reshape(2, 4, 5, 3)), 2),  # y would have to be moved
        (lambda x, y: first(last(x) * y.mean(1, keepdim=True).reshape(2, 4, 5, 1)), 2),
    ],
)
def test_permutes(function: Callable[..., Tensor], left: int) -> None:
    assert permutes_left(function) == left


def test_a_permute_that_meets_none_is_left_alone() -> None:
    graph = trace(lambda x, y: (last(x) + 1.0) * BIAS, IMAGE, OTHER)
    text = structure(graph)
    after_passes(graph, [SinkPermutes()])
    assert structure(graph) == text
