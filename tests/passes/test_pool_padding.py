"""Padding before a pooling is folded where the result is the same, to the last bit."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from tracing import after_passes, calls, run, trace

from amdc.passes.fold_pool_padding import FoldPoolPadding

aten = torch.ops.aten
IMAGE = torch.randn(2, 3, 7, 8)


def padding_left(function: Callable[[Tensor], object], notes: list[str] | None = None) -> int:
    graph = trace(function, IMAGE)
    want = run(graph, IMAGE)
    after_passes(graph, [FoldPoolPadding()], notes=notes)
    for got, expected in zip(run(graph, IMAGE), want, strict=True):
        assert torch.equal(got, expected)
    return calls(graph, aten.constant_pad_nd.default)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.max_pool2d(F.pad(x, (1, 1, 1, 1), value=-math.inf), 3, 2),
        lambda x: F.max_pool2d(F.pad(x.relu(), (1, 1, 1, 1)), 3, 2),
        lambda x: F.max_pool2d(F.pad(x.clamp(0, 6), (1, 1, 0, 0)), 3, 2, (1, 0)),
        lambda x: F.max_pool2d(F.pad(F.max_pool2d(x.sigmoid(), 2), (1, 1, 1, 1), value=-1.0), (2, 3)),
        lambda x: F.avg_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 2),
        lambda x: F.avg_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 2, count_include_pad=False),
        lambda x: F.avg_pool2d(F.pad(x, (1, 1, 0, 0)), (3, 4), 1, (1, 1), divisor_override=7),
    ],
)
def test_padding_is_folded(function: Callable[[Tensor], Tensor]) -> None:
    assert padding_left(function) == 0


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x: F.max_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 2), "may be smaller"),
        (lambda x: F.max_pool2d(F.pad(x.relu(), (1, 1, 1, 1), value=1.0), 3, 2), "may be smaller"),
        (lambda x: F.max_pool2d(F.pad(x.relu(), (0, 1, 0, 1)), 3, 2), "its sides differ"),
        (lambda x: F.max_pool2d(F.pad(x.relu(), (2, 2, 2, 2)), 3, 2), "at most half"),
        (lambda x: F.max_pool2d(F.pad(x.relu(), (1, 1, 1, 1)), 3, 2, return_indices=True), "places of the maxima"),
        (lambda x: F.max_pool2d(F.pad(x.relu(), (1, 1, 1, 1)), 3, 2, ceil_mode=True), "rounds its extent up"),
        (lambda x: F.avg_pool2d(F.pad(x, (1, 1, 1, 1), value=1.0), 3, 2), "it pads by 1.0"),
        (lambda x: F.avg_pool2d(F.pad(x, (1, 1, 1, 1)), 4, 2, 1, count_include_pad=False), "does not count its own"),
        (lambda x: F.avg_pool2d(F.pad(x, (1, 1, 1, 1)), 3, 2, ceil_mode=True), "rounds its extent up"),
    ],
)
def test_padding_that_stays(function: Callable[[Tensor], object], why: str) -> None:
    notes: list[str] = []
    assert padding_left(function, notes) == 1
    assert any(why in note for note in notes)
