"""Fused regions: point-wise operators before and behind an anchor, or alone, in one kernel each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.fx import Node

from amdc.codegen.expression import FusedExpression
from amdc.codegen.lowering import lower
from amdc.errors import ModelError
from amdc.ir.regions import make_region
from amdc.target import target
from tests.codegen.checking import sample, trace_as_written
from tests.support.run_graph import run_graph_on_sim

aten = torch.ops.aten


def check_one_kernel(function: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> None:
    """All operators of `function` in one region, computed by one launch, give what PyTorch does."""
    graph = trace_as_written(function, *inputs)
    make_region(graph, [node for node in graph.graph.nodes if node.op == "call_function"], "region")
    assert len(lower(graph, target("gfx803")).program.launches) == 1
    given = {name: tensor.numpy() for name, tensor in zip(graph.meta["inputs"], inputs, strict=True)}
    first, second = run_graph_on_sim(graph, given, runs=2)
    np.testing.assert_allclose(first["out0"], function(*inputs).numpy(), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(first["out0"], second["out0"])


X, SAME, CHANNEL, ONE = sample((2, 3, 8, 8)), sample((2, 3, 4, 4), seed=1), sample((3, 1, 1), seed=2), sample((1,), seed=3)


def test_pooling_with_every_kind_of_operand() -> None:
    check_one_kernel(lambda x, s, c, o: torch.relu(aten.avg_pool2d.default(x, [2, 2]) * c + s) * o, X, SAME, CHANNEL, ONE)
    check_one_kernel(lambda x, s: F.hardswish(aten.avg_pool2d.default(x, [3, 2], [2, 2], [1, 0]) + 1) - s, X, SAME)


@pytest.mark.parametrize("extent", [3, 40])
def test_reduction(extent: int) -> None:
    x, other = sample((2, 5, extent, extent)), sample((2, 5, 1, 1), seed=1)
    check_one_kernel(lambda x, o: torch.sigmoid(aten.mean.dim(x, [2, 3], True) * o), x, other)
    check_one_kernel(lambda x, c: torch.relu(aten.mean.dim(x, [2, 3], True) + c), x, sample((5, 1, 1), seed=2))


def test_softmax() -> None:
    check_one_kernel(lambda x, c: torch.log(aten._softmax.default(x, 1, False) + 1) * c, sample((3, 31)), sample((31,), seed=1))


def test_resize() -> None:
    sizes = [2, 3, 7, 9]

    def function(x: torch.Tensor, c: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        scales = [1.0, 1.0, 7 / 8, 9 / 8]
        resized = torch.ops.amdc.resize.default(
            x, sizes, scales, "linear", "half_pixel", "round_prefer_floor", -0.75, False, False, [], 0.0
        )
        return torch.relu(resized * c + s)

    check_one_kernel(function, X, CHANNEL, sample(tuple(sizes), seed=1))


def test_operators_alone() -> None:
    check_one_kernel(lambda x, c, o: torch.where(x > c, x * 2, torch.exp(-x)) + o * x, X, CHANNEL, ONE)
    check_one_kernel(lambda x: x * F.sigmoid(x) + x.to(torch.int64), X)


def test_prologue_refuses_an_operand_of_full_size() -> None:
    graph = trace_as_written(lambda x, y: aten.avg_pool2d.default(x + y, [2, 2]), X, X + 1)
    add = next(node for node in graph.graph.nodes if node.target is aten.add.Tensor)
    x, y = add.all_input_nodes
    with pytest.raises(Exception, match="neither per channel nor a scalar"):
        FusedExpression.make("prologue", (add,), x, tuple(X.shape), {x: x, y: y}, 1)


def test_all_unsupported_operators_are_named_at_once() -> None:
    def function(x: torch.Tensor) -> tuple[Any, ...]:
        return aten.linalg_inv_ex.default(x)[0], aten.digamma.default(x), aten.digamma.default(x * 2)

    graph = trace_as_written(function, sample((4, 4)))
    for node in graph.graph.nodes:
        assert isinstance(node, Node)
        node.meta["source"] = (f"/block/{node.name}",)
    with pytest.raises(ModelError) as caught:
        lower(graph, target("gfx803"))
    message = str(caught.value)
    assert message.startswith("3 nodes use operators that amdc cannot compile for gfx803")
    assert "aten.digamma.default" in message and "2  /block/digamma" in message and "aten.linalg_inv_ex.default" in message


def test_a_tensor_beyond_the_offsets_is_refused() -> None:
    def function() -> torch.Tensor:
        return torch.full((1 << 15, 1 << 15), 1.0)

    with pytest.raises(ModelError, match="a tensor must stay below 2 GiB"):
        lower(trace_as_written(function), target("gfx803"))
