"""A sum and its norm become one operator where both are needed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from tracing import after_passes, assert_becomes, calls, trace

from amdc.passes.fuse_residual_norm import FuseResidualNorm

amdc_ops = torch.ops.amdc
X, Y, SCALE, SHIFT = torch.randn(3, 8), torch.randn(3, 8), torch.randn(8), torch.randn(8)
JOINED = (amdc_ops.add_layer_norm.default, amdc_ops.add_rms_norm.default)


def layer_norm(x: Tensor) -> Tensor:
    return amdc_ops.layer_norm.default(x, [8], SCALE, SHIFT, 1e-5)


def pre_norm(x: Tensor, y: Tensor) -> Tensor:
    total = x + y
    return total + layer_norm(total).tanh()


def joined(x: Tensor, y: Tensor) -> Tensor:
    total, normal = amdc_ops.add_layer_norm.default(x, y, [8], SCALE, SHIFT, 1e-5)
    return total + normal.tanh()


def rms(x: Tensor, y: Tensor) -> Tensor:
    total = x + y
    return total * amdc_ops.rms_norm.default(total, [8], SCALE, 1e-5)


def joined_rms(x: Tensor, y: Tensor) -> Tensor:
    total, normal = amdc_ops.add_rms_norm.default(x, y, [8], SCALE, 1e-5)
    return total * normal


def used_before(x: Tensor, y: Tensor) -> Tensor:
    total = x + y
    doubled = (total * 2).tanh()
    return layer_norm(total) + doubled


def used_behind(x: Tensor, y: Tensor) -> Tensor:
    total, normal = amdc_ops.add_layer_norm.default(x, y, [8], SCALE, SHIFT, 1e-5)
    return normal + (total * 2).tanh()


@pytest.mark.parametrize(("before", "after"), [(pre_norm, joined), (rms, joined_rms), (used_before, used_behind)])
def test_sum_and_norm(before: Callable[..., Tensor], after: Callable[..., Tensor]) -> None:
    assert_becomes(before, after, [FuseResidualNorm()], X, Y)


def broadcast_sum(x: Tensor, y: Tensor) -> Tensor:
    total = x + y[:1]
    return total + layer_norm(total)


def scaled_sum(x: Tensor, y: Tensor) -> Tensor:
    total = torch.add(x, y, alpha=2)
    return total + layer_norm(total)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x, y: layer_norm(x + y), None),  # the norm's prologue
        (broadcast_sum, "of another shape or type"),
        (scaled_sum, "no sum of two tensors"),
    ],
)
def test_sums_that_stay(function: Callable[..., Tensor], why: str | None) -> None:
    graph, notes = trace(function, X, Y), []
    after_passes(graph, [FuseResidualNorm()], notes=notes)
    assert calls(graph, *JOINED) == 0
    assert why is None or any(why in note for note in notes)
