"""The norm before a product of a few rows becomes part of it, and its kernel computes what PyTorch does."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor
from tracing import after_passes, assert_becomes, calls, run, trace

from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.packed import linear_packed, pack_matrix
from amdc.passes.fuse_epilogue import FuseEpilogue
from amdc.passes.fuse_norm_product import FuseNormProduct
from tests.support.run_graph import run_graph_on_sim

amdc_ops = torch.ops.amdc
WIDTH = 300
GAIN, SHIFT = torch.rand(WIDTH) + 0.5, torch.randn(WIDTH)
WEIGHT = torch.randn(WIDTH, 100) / WIDTH**0.5


def normed(x: Tensor) -> Tensor:
    return amdc_ops.layer_norm.default(x, [WIDTH], GAIN, SHIFT, 1e-5)


def before(x: Tensor) -> Tensor:
    return linear_packed(normed(x), WEIGHT, 100)


def after(x: Tensor) -> Tensor:
    return norm_linear(x, GAIN, SHIFT, WEIGHT, 100, 1e-5, True)


def rms_twice(x: Tensor) -> tuple[Tensor, Tensor]:
    normal = amdc_ops.rms_norm.default(x, [WIDTH], GAIN, 1e-6)
    return linear_packed(normal, WEIGHT, 100), linear_packed(normal, WEIGHT, 90)


def test_norm_and_product() -> None:
    assert_becomes(before, after, [FuseNormProduct()], torch.randn(2, WIDTH))


def test_two_products_of_one_norm() -> None:
    x = torch.randn(2, WIDTH)
    graph = after_passes(trace(rms_twice, x), [FuseNormProduct()])
    assert calls(graph, norm_linear) == 2
    assert calls(graph, amdc_ops.rms_norm.default) == 0
    for got, want in zip(run(graph, x), rms_twice(x), strict=True):
        torch.testing.assert_close(got, want)


def used_elsewhere(x: Tensor) -> Tensor:
    normal = normed(x)
    return linear_packed(normal, WEIGHT, 100) + normal.sum()


@pytest.mark.parametrize(
    ("function", "rows"),
    [(before, 5), (used_elsewhere, 1), (lambda x: linear_packed(normed(x).relu(), WEIGHT, 100), 1)],
    ids=["many rows", "norm used elsewhere", "something between"],
)
def test_what_stays(function: Callable[..., Tensor], rows: int) -> None:
    graph = after_passes(trace(function, torch.randn(rows, WIDTH)), [FuseNormProduct()])
    assert calls(graph, norm_linear) == 0


@pytest.mark.parametrize(("kind", "rows"), [("layer", 1), ("layer without shift", 4), ("rms", 3), ("plain rms", 1)])
def test_kernel(kind: str, rows: int) -> None:
    """Against float64: the results are sums of WIDTH products of order 1 / sqrt(WIDTH), each of which errs by some u."""
    gain, shift = (None if kind == "plain rms" else GAIN), (SHIFT if kind == "layer" else None)
    packed, x = pack_matrix(torch.randn(WIDTH, 70) / WIDTH**0.5), torch.randn(rows, WIDTH) * 3 + 5

    def function(x: Tensor) -> Tensor:
        return torch.relu(norm_linear(x, gain, shift, packed, 70, 1e-5, kind.startswith("layer")))

    graph = after_passes(trace(function, x), [FuseEpilogue()])
    (result,) = run_graph_on_sim(graph, {graph.meta["inputs"][0]: x.numpy()})[0].values()
    gain, shift, packed = (None if value is None else value.double() for value in (gain, shift, packed))
    np.testing.assert_allclose(result, function(x.double()).numpy(), rtol=1e-5, atol=2e-5)
