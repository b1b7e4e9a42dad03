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
from amdc.ir.ops.row_moments import add_normalized, row_moments
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
    [
        (before, 5),
        (used_elsewhere, 1),
        (used_elsewhere, 40),
        (lambda x: linear_packed(normed(x).relu(), WEIGHT, 100), 1),
        (lambda x: linear_packed(normed(x * 2), WEIGHT, 100), 40),
        (lambda x: linear_packed(normed(x.relu().mm(torch.eye(WIDTH))), torch.zeros(WIDTH, 4096), 4096), 4096),
    ],
    ids=["rows for gemv", "norm used elsewhere", "elsewhere, many rows", "something between", "a prologue", "dearer"],
)
def test_what_stays(function: Callable[..., Tensor], rows: int) -> None:
    graph = after_passes(trace(function, torch.randn(rows, WIDTH)), [FuseNormProduct()])
    assert calls(graph, norm_linear) == 0


SQUARE = torch.randn(WIDTH, WIDTH) / WIDTH**0.5
BIAS = torch.randn(WIDTH)


def block(x: Tensor) -> Tensor:
    """As in BERT: the norm goes into a product, and is added to a later one."""
    normal = normed(linear_packed(x, SQUARE, WIDTH))
    return linear_packed(linear_packed(normal, SQUARE, WIDTH).relu(), SQUARE, WIDTH) + BIAS + normal


def test_a_norm_that_is_a_residual_too() -> None:
    """The second product computes it and leaves its moments; the third one's epilogue computes it again from these."""
    x = torch.randn(40, WIDTH)
    graph = after_passes(trace(block, x), [FuseNormProduct(), FuseEpilogue()])
    assert sum(node.op == "call_module" for node in graph.graph.nodes) == 2
    assert calls(graph, amdc_ops.layer_norm.default) == 0
    torch.testing.assert_close(run(graph, x)[0], block(x), rtol=1e-5, atol=1e-4)
    (result,) = run_graph_on_sim(graph, {graph.meta["inputs"][0]: x.numpy()})[0].values()
    np.testing.assert_allclose(result, block(x).numpy(), rtol=1e-5, atol=4e-5)


def apart(x: Tensor) -> tuple[Tensor, Tensor]:
    """A width that no tile normalises, and moments before any product could leave them."""
    mean, scale = row_moments(x, 1e-5)
    early = add_normalized(torch.zeros_like(x), x, mean, scale, GAIN[:30], SHIFT[:30])
    return early, norm_linear(x, GAIN[:30], SHIFT[:30], WEIGHT[:30, :70], 70, 1e-5, True)


def test_norms_in_a_launch_of_their_own() -> None:
    x = torch.randn(20, 30)
    graph = trace(apart, x)
    results = run_graph_on_sim(graph, {graph.meta["inputs"][0]: x.numpy()})[0]
    for got, want in zip(results.values(), apart(x), strict=True):
        np.testing.assert_allclose(got, want.numpy(), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("kind", "rows"),
    [("layer", 1), ("layer without shift", 4), ("rms", 3), ("plain rms", 1), ("layer", 37), ("rms", 20), ("plain rms", 33)],
)
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
