"""Sorting and top-k against PyTorch: stable, every dtype, rows of one chunk and of several."""

from __future__ import annotations

import pytest
import torch

from tests.codegen.checking import check, sample, trace_as_written
from tests.support.run_graph import run_graph_on_sim

aten = torch.ops.aten
DTYPES = [torch.float32, torch.float16, torch.float64, torch.int64, torch.int32, torch.int8, torch.uint8, torch.bool]


def stable(x: torch.Tensor, dim: int, descending: bool = False) -> tuple[torch.Tensor, ...]:
    return aten.sort.stable(x, stable=True, dim=dim, descending=descending)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_keeps_the_order_of_equal_values(dtype: torch.dtype) -> None:
    x = sample((3, 33, 2), dtype)
    check(lambda x: (*stable(x, 1), *stable(x, 1, True)), x, ulps=0)


@pytest.mark.parametrize("length", [1, 31, 64, 65, 1031])
def test_lengths_within_a_chunk(length: int) -> None:
    check(lambda x: stable(x, -1), (sample((2, length)) * 4).round(), ulps=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.int64])
@pytest.mark.parametrize("length", [2049, pytest.param(10007, marks=pytest.mark.slow)])
def test_rows_of_several_chunks(length: int, dtype: torch.dtype) -> None:
    x = sample((2, length), dtype) if dtype == torch.int64 else (sample((2, length)) * 50).round()
    check(lambda x: stable(x, 1, True), x, ulps=0)


def test_special_floats() -> None:
    """NaN is the largest, both zeros are equal, and what is moved keeps its bits."""
    x = torch.tensor([[0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1e-40, -1.0, float("nan"), -0.0, 2.0]])
    check(lambda x: (*stable(x, 1), *stable(x, 1, True)), x, ulps=0)


@pytest.mark.parametrize(
    ("shape", "k", "dim"), [((5,), 5, 0), ((3, 31, 2), 7, 1), ((2, 3001), 5, 1), ((1, 5003), 4100, 1), ((1, 7), 1, -1)]
)
@pytest.mark.parametrize("largest", [True, False])
def test_top_k(shape: tuple[int, ...], k: int, dim: int, largest: bool) -> None:
    x = torch.randperm(sample(shape).numel(), generator=torch.Generator().manual_seed(3)).reshape(shape).float()
    check(lambda x: (*torch.topk(x, k, dim, largest), *torch.ops.amdc.topk((x / 8).floor(), k, dim, largest)), x, ulps=0)


def test_top_k_takes_the_first_of_equal_values() -> None:
    """PyTorch leaves open which it takes; ONNX asks for the lowest index."""
    x = torch.tensor([[2.0, 5.0, 5.0, 1.0, 5.0]])
    graph = trace_as_written(lambda x: torch.topk(x, 3)[1], x)
    (result,) = run_graph_on_sim(graph, {graph.meta["inputs"][0]: x.numpy()})
    assert result["out0"].tolist() == [[1, 2, 4]]


def test_medians_and_kth_values() -> None:
    x = torch.randperm(210, generator=torch.Generator().manual_seed(1)).reshape(6, 7, 5).float()
    holed = x.clone()
    holed[2, 3, 1] = float("nan")

    def function(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return *aten.median.dim(x, 1), *aten.median.dim(y, 1, True), *aten.kthvalue(x, 2, 0), *aten.kthvalue(x, 5, -1, True)

    check(function, x, holed, ulps=0)


@pytest.mark.parametrize("right", [False, True])
def test_searching_sorted_rows(right: bool) -> None:
    rows, x = torch.sort(sample((3, 31)), dim=1).values.round(decimals=1), sample((3, 7)).round(decimals=1)
    x[0, 0] = float("nan")

    def function(rows: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        found = aten.searchsorted.Tensor(rows, x, right=right), aten.searchsorted.Tensor(rows[0], x, right=right, out_int32=True)
        return *found, aten.bucketize.Tensor(x, rows[1], right=right)

    check(function, rows, x)
