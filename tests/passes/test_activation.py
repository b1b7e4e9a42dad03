"""Activations in many spellings become one operator; what only looks like one does not."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from tracing import after_passes, run, trace

from amdc.ir.graph import Graph
from amdc.passes.canonicalize import Canonicalize
from amdc.passes.fold_constants import FoldConstants
from amdc.passes.fuse_activation import FuseActivation

aten = torch.ops.aten
X = torch.linspace(-9, 9, 60).reshape(3, 20)
ALWAYS = torch.tensor([True])
HALF, ONE, ROOT, CUBIC, SLOPE = (torch.tensor(v) for v in (0.5, 1.0, math.sqrt(2), 0.044715, math.sqrt(2 / math.pi)))


def called(graph: Graph) -> list[str]:
    return [str(node.target).removeprefix("aten.") for node in graph.graph.nodes if node.op == "call_function"]


def fused(function: Callable[[Tensor], Tensor], *passes: object) -> list[str]:
    """The operators that are left of a function, whose results stay the same."""
    graph = trace(function, X)
    want = run(graph, X)
    after_passes(graph, [FoldConstants(), Canonicalize(), FuseActivation()])
    for got, expected in zip(run(graph, X), want, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=2e-6)
    return called(graph)


def cubed(x: Tensor) -> Tensor:
    """As com.microsoft's FastGelu is defined: x * x * x, and constants as tensors."""
    return HALF * x * (ONE + torch.tanh(SLOPE * (x + CUBIC * x * x * x)))


def factored(x: Tensor) -> Tensor:
    return HALF * x * (ONE + torch.tanh(x * (0.035677408136300125 * x * x + 0.7978845608028654)))


@pytest.mark.parametrize(
    ("spelling", "want"),
    [
        (lambda x: x * 0.5 * (1 + torch.erf(x / 1.4142135)), "gelu.default"),
        (lambda x: 0.5 * (x * (1 + torch.erf(x / ROOT))), "gelu.default"),
        (lambda x: x * (torch.erf(x * 0.70710678) * 0.5 + 0.5), "gelu.default"),
        (lambda x: (x / 2) * (torch.erf(x / math.sqrt(2)) + 1), "gelu.default"),
        (lambda x: torch.mul(torch.div(x, 2), 1 + torch.erf(torch.div(x, ROOT))), "gelu.default"),
        (lambda x: 0.5 * x * (1 + torch.tanh(0.79788456 * (x + 0.044715 * torch.pow(x, 3)))), "gelu.default"),
        (lambda x: 0.5 * x * (1 + torch.tanh(0.79788456 * x * (1 + 0.044715 * x * x))), "gelu.default"),
        (lambda x: x * torch.sigmoid(2 * 0.79788456 * (x + 0.044715 * x**3)), "gelu.default"),
        (cubed, "gelu.default"),
        (factored, "gelu.default"),
        (lambda x: x * torch.sigmoid(x), "silu.default"),
        (lambda x: x / (1 + torch.exp(-x)), "silu.default"),
        (lambda x: x * (0.5 * (1 + torch.tanh(0.5 * x))), "silu.default"),
        (lambda x: x * F.relu6(x + 3) / 6, "hardswish.default"),
        (lambda x: x * torch.clamp(x / 6 + 0.5, 0, 1), "hardswish.default"),
        (lambda x: x * F.hardsigmoid(x), "hardswish.default"),
        (lambda x: torch.clamp(x + 3, 0.0, 6.0) / 6, "hardsigmoid.default"),
        (lambda x: torch.log(1 + torch.exp(x)), "softplus.default"),
        (lambda x: torch.where(x > 20, x, torch.log1p(torch.exp(x))), "softplus.default"),
        (lambda x: torch.relu(x) + torch.log1p(torch.exp(-torch.abs(x))), "softplus.default"),
        (lambda x: 1 / (1 + torch.exp(-x)), "sigmoid.default"),
        (lambda x: 2 * torch.sigmoid(2 * x) - 1, "tanh.default"),
        (lambda x: (torch.exp(x) - torch.exp(-x)) / (torch.exp(x) + torch.exp(-x)), "tanh.default"),
        (lambda x: torch.where(x > 0, x, torch.exp(x) - 1), "elu.default"),
        (lambda x: torch.where(x < 0, x * 0.0, x), "relu.default"),
    ],
)
def test_one_operator(spelling: Callable[[Tensor], Tensor], want: str) -> None:
    assert fused(spelling) == [want]


@pytest.mark.parametrize("gate", [lambda x: torch.log1p(torch.exp(x)), F.softplus])
def test_mish(gate: Callable[[Tensor], Tensor]) -> None:
    assert fused(lambda x: x * torch.tanh(gate(x))) == ["softplus.default", "tanh.default", "mul.Tensor"]


def test_tanh_gelu_is_told_from_the_exact_one() -> None:
    graph = trace(cubed, X)
    after_passes(graph, [FoldConstants(), Canonicalize(), FuseActivation()])
    assert [node.kwargs for node in graph.graph.nodes if node.op == "call_function"] == [{"approximate": "tanh"}]


def test_casts_within_a_chain() -> None:
    half = X.half()
    graph = trace(lambda x: (x.float() * torch.sigmoid(x.float())).half(), half)
    want = run(graph, half)
    after_passes(graph, [Canonicalize(), FuseActivation()])
    assert called(graph) == ["silu.default"]
    torch.testing.assert_close(run(graph, half), want)


def test_a_value_used_elsewhere_stays_too() -> None:
    def both(x: Tensor) -> tuple[Tensor, Tensor]:
        gate = torch.sigmoid(x)
        return x * gate, gate

    assert sorted(fused(both)) == ["sigmoid.default", "silu.default"]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * torch.sigmoid(1.702 * x),  # QuickGelu has no operator of its own: three are its canonical form
        lambda x: x * 0.5 * (1 + torch.erf(x / 1.5)),
        lambda x: torch.relu(x.to(torch.int32).to(torch.float32) * 0.5 + x * 0.5),  # whole numbers are others
        lambda x: torch.where(x.to(torch.bool), x * 0.5 + 0.5 * x, torch.zeros_like(x)),
        lambda x: 0.5 * x * (1 + torch.tanh(0.8 * (x + 0.044715 * x**3))),
        lambda x: x * torch.clamp(x * 0.2 + 0.5, 0, 1),  # ONNX's HardSigmoid has another slope than PyTorch's
        lambda x: torch.where(x > 0.3, x, x.relu()),  # a threshold between the places where functions are compared
        lambda x: x * torch.sigmoid(X),  # another tensor
        lambda x: x * torch.sigmoid(x + x.mean()),
        lambda x: x.relu(),
        lambda x: torch.where(ALWAYS, x * 3, x),  # a truth value is no number
    ],
)
def test_other_functions_stay(function: Callable[[Tensor], Tensor]) -> None:
    graph = trace(function, X)
    after_passes(graph, [FoldConstants(), Canonicalize()])
    before = called(graph)
    after_passes(graph, [FuseActivation()])
    assert called(graph) == before
