"""Views sink behind point-wise operators and norms, so that a product's epilogue reaches them."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from tracing import after_passes, assert_becomes, run, structure, trace

from amdc.passes.canonicalize import Canonicalize
from amdc.passes.fuse_epilogue import FuseEpilogue
from amdc.passes.sink_views import SinkViews

X = torch.randn(2, 3, 8)
WEIGHT, NEXT, BIAS, GAIN = torch.randn(8, 8), torch.randn(8, 8), torch.randn(8), torch.randn(8)
PASSES = [SinkViews(), Canonicalize()]


def product(x: Tensor, *extents: int) -> Tensor:
    return torch.mm(x.view(6, 8), WEIGHT).view(extents or (2, 3, 8))


def norm(x: Tensor) -> Tensor:
    return torch.ops.amdc.layer_norm.default(x, [8], BIAS, GAIN, 1e-5)


def rows(x: Tensor) -> Tensor:
    return torch.mm(x.view(6, 8), WEIGHT)


def with_skip(x: Tensor) -> Tensor:
    flat = x.view(6, 8)
    return (F.gelu(torch.mm(flat, WEIGHT) + BIAS) + flat).view(2, 3, 8)


def test_view_sinks_through_bias_activation_and_residual() -> None:
    assert_becomes(lambda x: F.gelu(product(x) + BIAS) + x, with_skip, PASSES, X)


def test_the_product_takes_a_sum_with_a_norm() -> None:
    def after(x: Tensor) -> Tensor:
        return (rows(x) + norm(x).view(6, 8)).view(2, 3, 8)

    assert_becomes(lambda x: product(x) + norm(x), after, PASSES, X)


def test_two_point_wise_operators_meet() -> None:
    assert_becomes(lambda x: x.exp().view(6, 8).relu(), lambda x: x.exp().relu().view(6, 8), PASSES, X)


def test_view_between_two_products_vanishes() -> None:
    assert_becomes(
        lambda x: torch.mm((product(x) * 2.0).relu().view(6, 8), NEXT),
        lambda x: torch.mm((rows(x) * 2.0).relu(), NEXT),
        PASSES,
        X,
    )


def test_view_sinks_through_layer_norm_and_softmax() -> None:
    assert_becomes(
        lambda x: norm(product(x)).softmax(-1),
        lambda x: norm(rows(x)).softmax(-1).view(2, 3, 8),
        PASSES,
        X,
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: product(x) + torch.ones(3, 1),  # broadcast along a middle axis
        lambda x: product(x, 2, 24) + torch.ones(24),  # the last axis is another
        lambda x: x.view(6, 8).view(2, 3, 8).exp(),  # nothing computes what is viewed
        lambda x: (y := x.relu(), y.view(6, 8).exp()),  # another needs it too
        lambda x: product(x) + product(x, 3, 2, 8).permute(1, 0, 2),  # the other operand cannot be viewed
        lambda x: torch.ops.amdc.layer_norm.default(product(x, 4, 12), [12], None, None, 1e-5),  # a row is another
        lambda x: product(x, 2, 3, 8).softmax(1),  # not the innermost axis
    ],
)
def test_views_that_stay(function: object) -> None:
    graph = trace(function, X)  # type: ignore[arg-type]
    text = structure(graph)
    after_passes(graph, [SinkViews()])
    assert structure(graph) == text


def test_a_transformer_tail_is_one_region() -> None:
    graph = trace(lambda x: (product(x) + BIAS) * 0.5 + x, X)
    want = run(graph, X)
    after_passes(graph, [SinkViews(), Canonicalize(), FuseEpilogue()])
    assert [node.op for node in graph.graph.nodes].count("call_module") == 1
    torch.testing.assert_close(run(graph, X), want)
