"""Columns that several work-groups share (reduce_columns.hip with SPLIT), on the simulated GPU, against PyTorch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from amdc.codegen.choice import Choices
from amdc.codegen.lowering import LoweringOptions, lower
from amdc.runtime.session import open_session
from amdc.target import target
from tests.kernels.harness import run
from tests.support.run_graph import compile_lowered
from tests.tracing import trace

SLOW = pytest.mark.slow


def in_parts(function: Callable[[Tensor], Tensor], x: Tensor, parts: int) -> Tensor:
    """By so many work-groups a column, twice: the counters are as they were."""
    graph = trace(function, x)
    lowered = lower(graph, target("gfx803"), LoweringOptions(choices=Choices(lookup=lambda *_: f"{parts} parts")))
    assert any(launch.grid[1] == parts for launch in lowered.program.launches)
    with open_session(compile_lowered(lowered), "sim") as session:
        first, second = (torch.from_numpy(run(graph, session, x)) for _ in range(2))
    assert torch.equal(first, second)
    return first


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float64, marks=SLOW), pytest.param(torch.int64, marks=SLOW)])
def test_first_of_equals_in_different_parts(dtype: torch.dtype) -> None:
    x = torch.randn(1, 9001).mul(10).to(dtype)
    x[0, 3000] = x[0, 8999] = 1000
    assert in_parts(lambda x: x.argmax(-1), x, 4 if dtype == torch.float32 else 8).item() == 3000


@SLOW
def test_a_nan_in_the_last_part() -> None:
    x = torch.randn(2, 9001)
    x[1, 8500] = torch.nan
    assert torch.equal(in_parts(lambda x: x.argmin(-1), x, 4), x.argmin(-1))


def test_sums_of_columns() -> None:
    x = torch.randn(1001, 12)
    torch.testing.assert_close(in_parts(lambda x: x.sum(0), x, 2), x.sum(0), rtol=1e-5, atol=1e-4)


@SLOW
@pytest.mark.parametrize("what", [lambda x: x.any(0), lambda x: x.all(0)])
def test_truth_of_columns(what: Callable[[Tensor], Tensor]) -> None:
    x = torch.zeros(2001, 12, dtype=torch.bool)
    x[1999, 4] = True
    x[:, 5] = True
    assert torch.equal(in_parts(what, x, 2), what(x))
