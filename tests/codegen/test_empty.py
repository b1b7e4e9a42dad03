"""Tensors without elements, and the same bits under another dtype."""

from __future__ import annotations

import pytest
import torch

from amdc.errors import ModelError
from amdc.ir.regions import make_region
from tests.codegen.checking import check, sample
from tests.support.run_graph import run_graph_on_sim
from tests.tracing import run, trace

aten = torch.ops.aten


def test_reductions_of_no_elements() -> None:
    x = torch.ones(3, 0, 2)

    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x.sum(1), x.prod(1), x.sum(), x.any(1), x.all(1), x.mean(1), x.sum(0)

    check(function, x, ulps=0)


def test_what_is_fused_behind_a_reduction_of_no_elements() -> None:
    x, y = torch.ones(3, 0), sample((3,))
    graph = trace(lambda x, y: torch.exp(x.sum(1)) + y, x, y)
    make_region(graph, [node for node in graph.graph.nodes if node.op == "call_function"], "fused")
    (got,) = run_graph_on_sim(graph, dict(zip(graph.meta["inputs"], (x.numpy(), y.numpy()), strict=True)))
    torch.testing.assert_close(torch.from_numpy(got["out0"]), run(graph, x, y)[0])


def test_the_largest_of_no_elements_is_refused() -> None:
    """PyTorch's own fake tensors let a graph say it where another dimension is empty too, never with a result of elements."""
    graph = trace(lambda x: aten.amax.default(x, [1]), torch.ones(3, 1))
    for node in graph.graph.nodes:
        if node.op == "placeholder":
            node.meta["val"] = node.meta["val"].new_empty(3, 0)
    with pytest.raises(ModelError, match="largest or smallest of no elements"):
        run_graph_on_sim(graph, {graph.meta["inputs"][0]: torch.ones(3, 0).numpy()})


def test_pointwise_on_no_elements() -> None:
    check(lambda x, y: (x + 1, (x * 2).reshape(0), x.sum() + y), torch.ones(2, 0), torch.ones(()), ulps=0)


@pytest.mark.parametrize(
    ("dtype", "other"), [(torch.float32, torch.int32), (torch.int64, torch.float64), (torch.float16, torch.int16)]
)
def test_bits_as_another_dtype(dtype: torch.dtype, other: torch.dtype) -> None:
    check(lambda x: (torch.ops.amdc.bit_cast(x, other), torch.ops.amdc.bit_cast(x.t() + 0, other)), sample((3, 5), dtype), ulps=0)
