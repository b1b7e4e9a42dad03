"""Which operators end up in one region, and which do not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tracing import CONTEXT, after_passes, run, trace

from amdc.ir.graph import Graph, region
from amdc.ir.regions import body_ops
from amdc.passes.fuse_elementwise import FuseElementwise
from amdc.passes.fuse_epilogue import FuseEpilogue
from amdc.passes.fuse_prologue import FusePrologue
from amdc.passes.fuse_rows import FuseRows

IMAGE, ROWS = torch.randn(2, 4, 6, 6), torch.randn(3, 5)
WEIGHT, BIAS, MATRIX = torch.randn(4, 4, 3, 3), torch.randn(4), torch.randn(5, 7)
CHANNEL = torch.randn(4, 1, 1)


def conv(x: torch.Tensor) -> torch.Tensor:
    return F.conv2d(x, WEIGHT, BIAS, padding=1)


def regions(graph: Graph) -> list[list[str]]:
    """The names of the operators of each region, in order."""
    bodies = [region(graph, node) for node in graph.graph.nodes if node.op == "call_module"]
    return [[str(node.target).split(".")[1] for node in body_ops(body)] for body in bodies]


def fused(function: Callable[..., Any], passes: list[Any], *example: torch.Tensor) -> list[list[str]]:
    """The regions that the passes make of a function; its results stay the same."""
    graph = trace(function, *example)
    want = run(graph, *example)
    after_passes(graph, passes)
    for got, expected in zip(run(graph, *example), want, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)
    return regions(graph)


def gelu(x: torch.Tensor) -> torch.Tensor:
    return x * 0.5 * (1 + torch.erf(x / 1.4142135))


def two_users(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    convolved = conv(x)
    return convolved.relu(), convolved


def used_in_between(x: torch.Tensor) -> torch.Tensor:
    activated = conv(x).relu()
    return activated.sigmoid() * 2 + activated.mean()


@pytest.mark.parametrize(
    ("function", "want"),
    [
        (lambda x: conv(x).relu(), [["convolution", "relu"]]),
        (lambda x: (conv(x) + x).relu(), [["convolution", "add", "relu"]]),
        (lambda x: (x + conv(x)).relu(), [["convolution", "add", "relu"]]),
        (lambda x: conv(x) * CHANNEL, [["convolution", "mul"]]),
        (lambda x: gelu(conv(x)), [["convolution", "mul", "div", "erf", "add", "mul"]]),
        (lambda x: conv(x).relu().exp() + conv(x.exp()), [["convolution", "relu", "exp", "add"]]),
        (lambda x: conv(x) + torch.ones(6), []),  # along the width
        (lambda x: (conv(x) > 0).float(), [["convolution", "gt", "_to_copy"]]),
        (lambda x: conv(x) > 0, []),  # a region's result has its anchor's dtype
        (lambda x: conv(x) + torch.ones(3, 1, 4, 1, 1), []),  # the result is larger than the anchor's
        (two_users, []),
        (used_in_between, [["convolution", "relu"]]),
        (lambda x: F.avg_pool2d(x, 2) * 2.0, [["avg_pool2d", "mul"]]),
        (lambda x: torch.bmm(x[0], x[1]) * 2.0, [["bmm", "mul"]]),
    ],
)
def test_epilogue(function: Callable[..., Any], want: list[list[str]]) -> None:
    assert fused(function, [FuseEpilogue()], IMAGE) == want


def test_linear_epilogue() -> None:
    columns, rows = torch.randn(7), torch.randn(3, 1)
    assert fused(lambda x: (torch.mm(x, MATRIX) + columns).tanh(), [FuseEpilogue()], ROWS) == [["mm", "add", "tanh"]]
    assert fused(lambda x: torch.mm(x, MATRIX) + rows, [FuseEpilogue()], ROWS) == [["mm", "add"]]


def test_the_first_of_two_convolutions_takes_the_add() -> None:
    both = fused(lambda x: (conv(x) + conv(x.exp())).relu(), [FuseEpilogue()], IMAGE)
    assert both == [["convolution", "add", "relu"]]


@pytest.mark.parametrize(
    ("function", "want"),
    [
        (lambda x: conv((x * CHANNEL + CHANNEL).relu()), [["mul", "add", "relu", "convolution"]]),
        (lambda x: conv((x * CHANNEL).relu()).tanh(), [["mul", "relu", "convolution", "tanh"]]),
        (lambda x: conv(x + 1.0), [["add", "convolution"]]),
        (lambda x: conv(x.exp()), [["exp", "convolution"]]),  # nine times, which costs less than a launch
        (lambda x: conv(x + x.flip(1)), []),  # two tensors of full size
        (lambda x: conv(x * torch.ones(6)), []),  # along the width
        (lambda x: conv(conv(x).relu()), [["convolution", "relu"]]),  # computed once, behind the first
        (lambda x: conv(x.relu()) + x.relu(), [["convolution", "add"]]),  # the relu is used twice
    ],
)
def test_prologue(function: Callable[..., Any], want: list[list[str]]) -> None:
    assert fused(function, [FuseEpilogue(), FusePrologue()], IMAGE) == want


def test_a_gate_per_channel_is_a_prologue_of_one_image() -> None:
    gated = [["mul", "convolution"]]
    assert fused(lambda x: conv(x * x.mean((2, 3), True)), [FusePrologue()], IMAGE[:1]) == gated
    assert fused(lambda x: conv(x * x.mean((2, 3), True)), [FusePrologue()], IMAGE) == []


def test_one_pixel_is_no_prologue_per_channel() -> None:
    """There, a constant per channel and the data have the same size, and a kernel could not tell them apart."""
    assert fused(lambda x: conv(x * CHANNEL), [FusePrologue()], torch.randn(1, 4, 1, 1)) == []


def used_twice_within(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    once = x.exp()
    return (once + y) * once


def both(value: torch.Tensor, function: Callable[[torch.Tensor], torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    return value, function(value)


def two_results(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    once = x.exp()
    return once * 2, once + 1


@pytest.mark.parametrize(
    ("function", "want"),
    [
        (used_twice_within, [["exp", "add", "mul"]]),
        (lambda x, y: x.exp().sum() + (y.tanh() - 1).abs(), [["tanh", "sub", "abs", "add"]]),
        (lambda x, y: x.exp(), []),
        (lambda x, y: y[:1].exp() * x, [["exp", "mul"]]),  # one row, which each row computes anew: cheaper than a launch
        (lambda x, y: two_results(x), [["exp", "mul"], ["exp", "add"]]),
        (lambda x, y: both(x.exp(), lambda once: once * y), []),  # it is written anyway, and read instead of x
        (lambda x, y: both(x.exp(), lambda once: torch.mm(once, y.t()) + (once * y).sum()), []),
        (lambda x, y: torch.where(x > y, x, y).to(torch.float16), [["gt", "where", "_to_copy"]]),
    ],
)
def test_elementwise(function: Callable[..., Any], want: list[list[str]]) -> None:
    assert fused(function, [FuseElementwise()], torch.randn(3, 4), torch.randn(3, 4)) == want


SLOW = dataclasses.replace(
    CONTEXT.target, launch_us=0.0, cards=tuple(dataclasses.replace(card, clock_ghz=1e-4) for card in CONTEXT.target.cards)
)


def test_where_arithmetic_is_dear_a_convolution_computes_nothing_before_it() -> None:
    graph, context = trace(lambda x: conv(x.exp()), IMAGE), dataclasses.replace(CONTEXT, target=SLOW)
    result = FusePrologue().run(graph, context)
    assert not result.changed and "it is cheaper to compute it once" in result.notes[0]


@pytest.mark.parametrize("function", [lambda x, y: y[:1].exp() * x, lambda x, y: two_results(x)])
def test_where_arithmetic_is_dear_nothing_is_computed_twice(function: Callable[..., Any]) -> None:
    graph = trace(function, torch.randn(30, 4), torch.randn(30, 4))
    assert not FuseElementwise().run(graph, dataclasses.replace(CONTEXT, target=SLOW)).changed


ROW, COLUMN, FULL = torch.randn(6), torch.randn(2, 4, 1, 1), torch.randn(2, 4, 6, 6)


def used_behind(x: torch.Tensor) -> torch.Tensor:
    scaled = x * 2
    return scaled.softmax(-1) + scaled


@pytest.mark.parametrize(
    ("function", "want"),
    [
        (lambda x: x.mean((2, 3), True) * 2.0, [["mean", "mul"]]),
        (lambda x: ((x - FULL) ** 2).mean(-1), [["sub", "pow", "mean"]]),
        (lambda x: (x * 0.5 + ROW * COLUMN).softmax(-1) * COLUMN, [["mul", "mul", "add", "_softmax", "mul"]]),
        (lambda x: torch.ops.amdc.rms_norm.default(x.half().float(), [6], ROW, 1e-6), [["_to_copy", "_to_copy", "rms_norm"]]),
        (lambda x: (x.exp().amax(-1, True) > 1).float(), [["exp", "amax", "gt", "_to_copy"]]),
        (lambda x: x.exp().amax(-1, True) > 1, [["exp", "amax"]]),  # a region's result is of floating-point type
        (lambda x: conv(x).softmax(-1).relu(), [["_softmax", "relu"]]),
        (lambda x: both(x.softmax(-1), lambda once: once * 2), []),
        (used_behind, [["mul", "_softmax"]]),  # the factor is in both, but a region does not read its own prologue
        (lambda x: x.mean(1) * 2.0, []),  # other than innermost axes
        (lambda x: x.softmax(1) * 2.0, []),
        (lambda x: (ROW * COLUMN).expand(2, 4, 6, 6).softmax(-1), []),
        (lambda x: x.sum((2, 3)) * torch.ones(3, 2, 4), []),  # the result is larger than the anchor's
    ],
)
def test_rows(function: Callable[..., Any], want: list[list[str]]) -> None:
    assert fused(function, [FuseRows()], IMAGE) == want


def test_rows_leave_to_an_epilogue_what_is_used_elsewhere() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        total = F.gelu(x)
        return torch.mm(total[0, 0], total[0, 1]) + total.softmax(-1)[0, 0]

    assert fused(function, [FuseRows()], IMAGE) == []


def test_regions_stay_within_their_limits() -> None:
    def long(x: torch.Tensor) -> torch.Tensor:
        for _ in range(10):
            x = x.exp().tanh()
        return x

    sizes = [len(ops) for ops in fused(long, [FuseElementwise(max_nodes=8)], ROWS)]
    assert sorted(sizes) == [4, 8, 8]
    many = [torch.randn(3, 5) for _ in range(10)]

    def wide(x: torch.Tensor) -> torch.Tensor:
        for other in many:
            x = x + other
        return x

    assert max(len(ops) for ops in fused(wide, [FuseElementwise(max_operands=4)], ROWS)) == 3
