"""Before and after, for the passes that rewrite single operators: two functions, the pass turns the first into the second."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tracing import CONTEXT, after_passes, assert_becomes, calls, run, structure, trace

from amdc.ir.graph import is_op
from amdc.ir.ops.packed import convolution, convolution_packed, linear_packed, pack_convolution_weight, pack_matrix
from amdc.passes.collapse_affine import CollapseAffine
from amdc.passes.common_subexpressions import CommonSubexpressions
from amdc.passes.dead_code import DeadCode
from amdc.passes.fold_batch_norm import FoldBatchNorm
from amdc.passes.fold_constants import FoldConstants
from amdc.passes.fold_padding import FoldPadding
from amdc.passes.pack_weights import PackWeights

aten = torch.ops.aten
IMAGE, ROWS = torch.randn(2, 4, 6, 6), torch.randn(3, 5)
WEIGHT, BIAS, OTHER = torch.randn(6, 4, 3, 3), torch.randn(6), torch.randn(6, 4, 3, 3)
GROUPED, DEPTHWISE, TRANSPOSED = torch.randn(6, 2, 3, 3), torch.randn(4, 1, 3, 3), torch.randn(4, 3, 3, 3)
SCALE, SHIFT, MATRIX, COLUMNS = torch.rand(6, 1, 1) + 0.5, torch.randn(6, 1, 1), torch.randn(5, 7), torch.randn(7)
CHANNEL, ROW = torch.randn(4, 1, 1), torch.randn(1, 5)


def test_dead_code() -> None:
    def before(x: torch.Tensor) -> torch.Tensor:
        torch.exp(x) + torch.mm(x, MATRIX).sum()
        return x.relu()

    graph = assert_becomes(before, torch.relu, [DeadCode()], ROWS)
    assert not dict(graph.named_buffers())


def test_common_subexpressions() -> None:
    def after(x: torch.Tensor) -> torch.Tensor:
        once = x.relu()
        return once + once

    assert_becomes(lambda x: x.relu() + x.relu(), after, [CommonSubexpressions()], ROWS)


def test_small_constants_of_one_content_are_one() -> None:
    copy, other = ROW.clone(), ROW + 1
    assert_becomes(
        lambda x: (x + ROW, x + copy, x + other), lambda x: (once := x + ROW, once, x + other), [CommonSubexpressions()], ROWS
    )


def test_other_arguments_are_no_common_subexpression() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        return x.sum(0) + x.sum(1)[:1] + torch.sum(x, 1)[1:2]

    graph = trace(function, ROWS)
    after_passes(graph, [CommonSubexpressions()])
    assert calls(graph, aten.sum.dim_IntList) == 2
    assert calls(graph, aten.slice.Tensor) == 2


def test_fold_constants() -> None:
    weight = torch.randn(7, 5)
    assert_becomes(lambda x: x @ (weight.t() * 2 + weight.mean()), lambda x: x @ MATRIX, [FoldConstants()], ROWS)


def test_several_results_fold_through_getitem() -> None:
    assert_becomes(lambda x: x + MATRIX.max(1)[0][:, None].t(), lambda x: x + ROW, [FoldConstants()], ROWS)


def test_a_shared_table_stays_shared() -> None:
    """The weight of the last layer is the embedding's table, transposed: it is read in place rather than stored twice."""
    table = torch.randn(300, 64)

    def function(ids: torch.Tensor) -> torch.Tensor:
        return torch.mm(torch.nn.functional.embedding(ids, table), table.t())

    assert calls(after_passes(trace(function, torch.arange(5)), [FoldConstants()]), aten.permute.default) == 1
    assert (
        calls(after_passes(trace(lambda x: torch.mm(x, table.t()), torch.randn(5, 64)), [FoldConstants()]), aten.permute.default)
        == 0
    )


def test_constants_do_not_grow() -> None:
    small = torch.randn(1, 5)
    graph = trace(lambda x: x + small.repeat(40000, 1).exp()[:3], ROWS)
    assert calls(after_passes(graph, [FoldConstants(max_growth=100)]), aten.repeat.default, aten.exp.default) > 0
    assert calls(after_passes(graph, [FoldConstants(max_growth=1 << 20)]), aten.repeat.default, aten.exp.default) == 0


@pytest.mark.parametrize(
    ("before", "products", "sums"),
    [
        (lambda x: (x * CHANNEL + 0.5) * CHANNEL.exp() + CHANNEL, 1, 1),
        (lambda x: (x + CHANNEL + 2.0) * 3.0, 1, 1),
        (lambda x: x * 3.0 * CHANNEL, 1, 0),
        (lambda x: x + 3.0 + CHANNEL, 0, 1),
        (lambda x: (x + 1.0) * CHANNEL, 1, 1),
        (lambda x: (x * CHANNEL) * torch.ones(6), 2, 0),  # one constant of shape [4,1,6] would be larger than both
    ],
)
def test_collapse_affine(before: Callable[..., Any], products: int, sums: int) -> None:
    graph = trace(lambda x: before(x).exp(), IMAGE)
    want = run(graph, IMAGE)
    after_passes(graph, [FoldConstants(), CollapseAffine()])
    assert (calls(graph, aten.mul.Tensor), calls(graph, aten.add.Tensor)) == (products, sums)
    torch.testing.assert_close(run(graph, IMAGE), want, rtol=1e-4, atol=1e-5)


def test_a_link_that_is_used_elsewhere_stays() -> None:
    def function(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        link = x * CHANNEL
        return link * 2.0, link

    assert_becomes(function, function, [CollapseAffine()], IMAGE)


def folded(x: torch.Tensor) -> torch.Tensor:
    return F.conv2d(x, WEIGHT, BIAS, padding=1)


@pytest.mark.parametrize(
    ("before", "after", "example"),
    [
        (lambda x: F.conv2d(x, WEIGHT, padding=1) * SCALE + SHIFT, folded, IMAGE),
        (lambda x: F.conv2d(x, WEIGHT, BIAS, padding=1) * SCALE + SHIFT, folded, IMAGE),
        (lambda x: F.conv2d(x, WEIGHT, BIAS, padding=1) * 0.5 + 2.0, folded, IMAGE),
        (lambda x: (F.conv2d(x, WEIGHT, BIAS, padding=1) + SHIFT) * SCALE, folded, IMAGE),
        (lambda x: SCALE * F.conv2d(x, WEIGHT, BIAS, padding=1), folded, IMAGE),
        (lambda x: F.conv2d(x, GROUPED, groups=2) * SCALE + SHIFT, lambda x: F.conv2d(x, GROUPED, BIAS, groups=2), IMAGE),
        (
            lambda x: F.conv_transpose2d(x, TRANSPOSED, groups=2) * SCALE + SHIFT,
            lambda x: F.conv_transpose2d(x, TRANSPOSED, BIAS, groups=2),
            IMAGE,
        ),
        (
            lambda x: convolution(x, WEIGHT, None, [1, 1], [0, 1, 2, 1], [1, 1], 1) * SCALE + SHIFT,
            lambda x: convolution(x, WEIGHT, BIAS, [1, 1], [0, 1, 2, 1], [1, 1], 1),
            IMAGE,
        ),
        (lambda x: torch.mm(x, MATRIX) * COLUMNS + COLUMNS, lambda x: torch.mm(x, MATRIX) + COLUMNS, ROWS),
    ],
)
def test_fold_batch_norm(before: Callable[..., Any], after: Callable[..., Any], example: torch.Tensor) -> None:
    assert_becomes(before, after, [FoldBatchNorm()], example)


def test_a_convolution_that_is_used_twice_keeps_its_weights_and_says_so() -> None:
    def function(x: torch.Tensor) -> torch.Tensor:
        convolved = F.conv2d(x, WEIGHT)
        return (convolved * SCALE).exp() + convolved

    graph = trace(function, IMAGE)
    result = FoldBatchNorm().run(graph, CONTEXT)
    assert not result.changed
    assert result.notes == ("convolution has 2 users, so mul stays",)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.conv2d(x, WEIGHT, padding=1) * torch.ones(6),  # along the width
        lambda x: F.conv2d(x, WEIGHT, padding=1) * x.mean(),
        lambda x: F.conv2d(x, x.mean((0, 2, 3)).expand(6, 4)[..., None, None].contiguous()) * SCALE,
    ],
)
def test_what_is_not_per_channel_or_not_constant_does_not_fold(function: Callable[..., Any]) -> None:
    assert_becomes(function, function, [FoldBatchNorm()], IMAGE)


def with_pads(*pads: int) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda x: convolution(x, WEIGHT, BIAS, [1, 1], list(pads), [1, 1], 1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (lambda x: F.conv2d(F.pad(x, (1, 1, 2, 2)), WEIGHT, BIAS), lambda x: F.conv2d(x, WEIGHT, BIAS, padding=(2, 1))),
        (lambda x: F.conv2d(F.pad(x, (1, 1)), WEIGHT, BIAS, padding=1), lambda x: F.conv2d(x, WEIGHT, BIAS, padding=(1, 2))),
        (lambda x: F.conv2d(F.pad(x, (0, 1, 2, 3)), WEIGHT, BIAS), with_pads(2, 0, 3, 1)),
        (lambda x: with_pads(1, 0, 0, 1)(F.pad(x, (1, 0, 0, 1))), lambda x: F.conv2d(x, WEIGHT, BIAS, padding=1)),
    ],
)
def test_fold_padding(before: Callable[..., Any], after: Callable[..., Any]) -> None:
    assert_becomes(before, after, [FoldPadding()], IMAGE)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.conv2d(F.pad(x, (1, 1), value=2.0), WEIGHT),
        lambda x: F.conv2d(F.pad(x, (-1, 1)), WEIGHT),
        lambda x: F.conv2d(F.pad(x[:, :3], (0, 0, 0, 0, 0, 1)), WEIGHT),
        lambda x: F.conv_transpose2d(F.pad(x, (1, 1)), TRANSPOSED),
    ],
)
def test_other_paddings_stay(function: Callable[..., Any]) -> None:
    assert_becomes(function, function, [FoldPadding()], IMAGE)


def test_pack_weights() -> None:
    packed, matrix = pack_convolution_weight(WEIGHT, 1), pack_matrix(MATRIX)
    grouped = pack_convolution_weight(GROUPED, 2)
    window = ([1, 1], [1, 1, 1, 1], [1, 1])
    assert_becomes(folded, lambda x: convolution_packed(x, packed, BIAS, [3, 3], *window, 1, 6), [PackWeights()], IMAGE)
    assert_becomes(
        lambda x: F.conv2d(x, GROUPED, padding=1, groups=2),
        lambda x: convolution_packed(x, grouped, None, [3, 3], *window, 2, 6),
        [PackWeights()],
        IMAGE,
    )
    assert_becomes(lambda x: torch.mm(x, MATRIX), lambda x: linear_packed(x, matrix, 7), [PackWeights()], ROWS)


def test_a_shared_weight_is_packed_once() -> None:
    graph = trace(lambda x: F.conv2d(x, WEIGHT) + F.conv2d(x.exp(), WEIGHT), IMAGE)
    after_passes(graph, [PackWeights()])
    assert calls(graph, convolution_packed) == 2
    assert sum(node.op == "get_attr" for node in graph.graph.nodes) == 1


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.conv2d(x, DEPTHWISE, groups=4),
        lambda x: F.conv_transpose2d(x, TRANSPOSED),
        lambda x: torch.mm(x[0, 0], x[0, 1]),
        lambda x: F.conv2d(x.double(), WEIGHT.double()),
    ],
)
def test_other_weights_stay(function: Callable[..., Any]) -> None:
    assert_becomes(function, function, [PackWeights()], IMAGE)


def test_names_are_kept() -> None:
    graph = trace(lambda x: F.conv2d(x, WEIGHT) * SCALE + SHIFT, IMAGE)
    after_passes(graph, [FoldBatchNorm(), PackWeights()])
    node = next(node for node in graph.graph.nodes if is_op(node, convolution_packed))
    assert node.meta["source"] == ("/convolution", "/mul", "/add")
    assert node.meta["value"] == "add_out"
    assert "return" in structure(graph)


def test_an_affine_chain_that_cancels_vanishes() -> None:
    graph = trace(lambda x: (x.exp() * 2.0) * 0.5, IMAGE)
    want = run(graph, IMAGE)
    after_passes(graph, [CollapseAffine()])
    assert calls(graph, torch.ops.aten.mul.Tensor) == 0
    assert torch.equal(run(graph, IMAGE)[0], want[0])
