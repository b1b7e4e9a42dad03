"""Normalisations in the spellings that exporters write become one operator; what only looks like one does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from tracing import after_passes, calls, run, trace

from amdc.ir.graph import Graph
from amdc.ir.pointwise import is_pointwise
from amdc.passes.canonicalize import Canonicalize
from amdc.passes.fold_constants import FoldConstants
from amdc.passes.fuse_norm_affine import FuseNormAffine
from amdc.passes.fuse_normalization import FuseNormalization

amdc_ops = torch.ops.amdc
LAYER, RMS, GROUP = amdc_ops.layer_norm.default, amdc_ops.rms_norm.default, amdc_ops.group_norm.default
PASSES = [FoldConstants(), Canonicalize(), FoldConstants(), FuseNormalization(), FuseNormAffine()]
X, IMAGE = torch.randn(2, 3, 8) + 0.5, torch.randn(2, 6, 4, 4) + 0.5
SCALE, SHIFT = torch.randn(8), torch.randn(8)
ROWS, LARGER = torch.randn(3, 8), torch.randn(2, 1, 1, 8)
CHANNELS, OFFSETS = torch.randn(6, 1, 1), torch.randn(6, 1, 1)
EPS, TWO, HALF = torch.tensor(1e-5), torch.tensor(2.0), torch.tensor(0.5)


def mean(x: Tensor) -> Tensor:
    return x.mean(-1, keepdim=True)


def onnx_opset_16(x: Tensor) -> Tensor:
    """As torch.onnx writes it before opset 17: constants are tensors."""
    d = x - mean(x)
    return d / torch.sqrt(torch.pow(d, TWO).mean(-1, keepdim=True) + EPS) * SCALE + SHIFT


def deviation_twice(x: Tensor) -> Tensor:
    return SCALE * ((x - mean(x)) * torch.rsqrt(mean((x - mean(x)) * (x - mean(x))) + 1e-5)) + SHIFT


def reciprocal_of_root(x: Tensor) -> Tensor:
    d = x - mean(x)
    return SHIFT + (1.0 / torch.sqrt(mean(d**2) + 1e-5)) * d * SCALE


def half_power(x: Tensor) -> Tensor:
    d = x - mean(x)
    return d / torch.pow(mean(d * d) + EPS, HALF) * SCALE + SHIFT


def axis_dropped(x: Tensor) -> Tensor:
    d = x - x.mean(-1).unsqueeze(-1)
    return d / (d.square().mean(-1).unsqueeze(-1) + 1e-5).sqrt() * SCALE + SHIFT


def sum_over_n(x: Tensor) -> Tensor:
    d = x - x.sum(-1, keepdim=True) / 8
    return d * torch.rsqrt((d * d).sum(-1, keepdim=True) * 0.125 + 1e-5) * SCALE + SHIFT


def by_variance(x: Tensor) -> Tensor:
    return (x - mean(x)) / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5) * SCALE + SHIFT


def difference_of_squares(x: Tensor) -> Tensor:
    variance = mean(x * x) - mean(x) ** 2
    return (x - mean(x)) * torch.rsqrt(variance + 1e-5) * SCALE + SHIFT


def tensorflow(x: Tensor) -> Tensor:
    d = x - mean(x)
    inverse = torch.rsqrt(mean(d * d) + 1e-5) * SCALE
    return x * inverse + (SHIFT - mean(x) * inverse)


def operator(x: Tensor) -> Tensor:
    return F.layer_norm(x, (8,), SCALE, SHIFT, 1e-5)


def matrices(x: Tensor) -> Tensor:
    d = x - x.mean((1, 2), keepdim=True)
    return d / torch.sqrt((d * d).mean((1, 2), keepdim=True) + 1e-5) * ROWS + ROWS


def one(graph: Graph) -> list[object]:
    """The operators of a graph that are neither point-wise nor views."""
    called = [node for node in graph.graph.nodes if node.op == "call_function"]
    return [node.target for node in called if node.target is not torch.ops.aten.view.default]


def becomes(function: Callable[[Tensor], Tensor], target: object, x: Tensor) -> None:
    graph = trace(function, x)
    want = run(graph, x)
    after_passes(graph, PASSES)
    assert one(graph) == [target]
    for got, expected in zip(run(graph, x), want, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "function",
    [
        onnx_opset_16,
        deviation_twice,
        reciprocal_of_root,
        half_power,
        axis_dropped,
        sum_over_n,
        by_variance,
        difference_of_squares,
        tensorflow,
        operator,
        matrices,
    ],
)
def test_layer_norm(function: Callable[[Tensor], Tensor]) -> None:
    becomes(function, LAYER, X)


def llama(x: Tensor) -> Tensor:
    wide = x.to(torch.float32)
    return SCALE * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype)


def rms_by_division(x: Tensor) -> Tensor:
    return x / torch.sqrt(mean(x * x) + EPS) * SCALE


@pytest.mark.parametrize(
    "function", [llama, rms_by_division, lambda x: x * (1 / torch.sqrt(mean(x**2) + 1e-6)) * SCALE, lambda x: llama(x).view(6, 8)]
)
def test_rms_norm(function: Callable[[Tensor], Tensor]) -> None:
    becomes(function, RMS, X)


def test_rms_norm_of_halves_keeps_its_casts() -> None:
    """T5: statistics in fp32 of an fp16 tensor, which is itself scaled in fp32."""
    x, scale = torch.randn(4, 8).half(), torch.randn(8).half()

    def t5(x: Tensor) -> Tensor:
        variance = x.to(torch.float32).pow(2).mean(-1, keepdim=True)
        return scale * (x * torch.rsqrt(variance + 1e-6)).to(torch.float16)

    graph = trace(t5, x)
    want = run(graph, x)
    after_passes(graph, PASSES)
    assert [str(target) for target in one(graph)] == [
        "aten._to_copy.default",
        "amdc.rms_norm.default",
        "aten._to_copy.default",
        "aten.mul.Tensor",
    ]
    torch.testing.assert_close(run(graph, x), want, rtol=2e-3, atol=2e-3)


def spelled_instance(x: Tensor) -> Tensor:
    d = x - x.mean((2, 3), keepdim=True)
    return d / torch.sqrt((d * d).mean((2, 3), keepdim=True) + 1e-5) * CHANNELS + OFFSETS


def group_through_instance(x: Tensor) -> Tensor:
    """As torch.onnx writes a group norm: an instance norm of the groups, then scale and shift by channel."""
    rows = torch.ops.aten.native_group_norm.default(x.reshape(2, 3, -1), torch.ones(3), torch.zeros(3), 2, 3, 32, 3, 1e-5)[0]
    return rows.reshape(x.shape) * CHANNELS + OFFSETS


def spelled_group(x: Tensor) -> Tensor:
    rows = x.reshape(2, 3, -1)
    d = rows - mean(rows)
    return (d * torch.rsqrt(mean(d * d) + 1e-5)).reshape(x.shape) * CHANNELS[None] + OFFSETS


@pytest.mark.parametrize(
    "function",
    [
        spelled_instance,
        group_through_instance,
        spelled_group,
        lambda x: F.group_norm(x, 2, CHANNELS.flatten(), OFFSETS.flatten()),
    ],
)
def test_group_and_instance_norm(function: Callable[[Tensor], Tensor]) -> None:
    becomes(function, GROUP, IMAGE)


def over_channels(x: Tensor) -> Tensor:
    d = x - x.mean(1, keepdim=True)
    return d / torch.sqrt((d * d).mean(1, keepdim=True) + 1e-5)


def other_mean(x: Tensor) -> Tensor:
    d = x - x.mean(-1, keepdim=True)
    return (x - x.mean(-2, keepdim=True)) / torch.sqrt(mean(d * d) + 1e-5)


def unbiased(x: Tensor) -> Tensor:
    return (x - mean(x)) / torch.sqrt(x.var(-1, keepdim=True) + 1e-5)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (over_channels, "axes [1] of 4, which are not the innermost ones"),
        (other_mean, "uses otherwise than to divide what it is of"),
        (unbiased, None),  # divides by n - 1
        (lambda x: (x - mean(x)) / (torch.sqrt(mean((x - mean(x)) ** 2)) + 1e-5), None),  # epsilon outside of the root
    ],
)
def test_what_is_no_norm_stays(function: Callable[[Tensor], Tensor], why: str | None) -> None:
    graph, notes = trace(function, IMAGE), []
    after_passes(graph, PASSES, notes=notes)
    assert calls(graph, LAYER, RMS, GROUP) == 0
    assert any(is_pointwise(node) for node in graph.graph.nodes)
    assert why is None or any(why in note for note in notes)


def two_users(x: Tensor) -> tuple[Tensor, Tensor]:
    normal = F.layer_norm(x, (8,))
    return normal * SCALE, normal


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (two_users, None),
        (lambda x: F.layer_norm(x, (8,)) * LARGER[:, :, 0, :1], "neither that of a row"),
        (lambda x: F.layer_norm(x, (8,)) * SCALE.double(), "it is of torch.float64"),
        (lambda x: F.layer_norm(x, (8,)) * LARGER, "neither that of a row"),
    ],
)
def test_a_scale_that_stays_outside(function: Callable[[Tensor], Tensor], why: str | None) -> None:
    graph, notes = trace(function, X), []
    want = run(graph, X)
    after_passes(graph, PASSES, notes=notes)
    assert calls(graph, torch.ops.aten.mul.Tensor) == 1
    assert why is None or any(why in note for note in notes)
    torch.testing.assert_close(run(graph, X), want)
