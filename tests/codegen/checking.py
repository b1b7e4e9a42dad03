"""Compares a function's kernels, run on the simulated GPU, with PyTorch running the function."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.fx import Node
from torch.fx.experimental.proxy_tensor import make_fx

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.ir.arrays import to_numpy
from amdc.ir.graph import Graph
from tests.support.run_graph import run_graph_on_sim

EPSILON = float(np.finfo(np.float32).eps)


def sample(shape: Sequence[int], dtype: torch.dtype = torch.float32, seed: int = 0) -> torch.Tensor:
    """Reproducible values: floats from a normal distribution, integers from -9 to 9, booleans."""
    generator = torch.Generator().manual_seed(seed + sum(shape) * 31)
    if dtype.is_floating_point:
        return torch.randn(tuple(shape), generator=generator).to(dtype)
    if dtype == torch.bool:
        return torch.randint(0, 2, tuple(shape), generator=generator).bool()
    return torch.randint(0 if str(dtype).startswith("torch.uint") else -9, 10, tuple(shape), generator=generator).to(dtype)


def trace_as_written(function: Callable[..., Any], *example: torch.Tensor) -> Graph:
    """The Graph of a function with the operators that it calls, not decomposed into core ones: each has a lowering of its own."""
    with torch.no_grad():
        graph = make_fx(function, tracing_mode="fake", _allow_non_fake_inputs=True)(*example)
    output = graph.graph.output_node()
    held: Any = output.args[0]
    output.args = ((held,) if isinstance(held, Node) else tuple(held),)
    graph.meta = {
        "inputs": tuple(node.name for node in graph.graph.nodes if node.op == "placeholder"),
        "outputs": tuple(f"out{index}" for index in range(len(output.args[0]))),
    }
    return graph


def check(function: Callable[..., Any], *inputs: torch.Tensor, ulps: float = 4, atol: float = 0.0, opt_level: int = 2) -> None:
    """All outputs of `function` match. Tolerance: `ulps` units in the last place of each value, in its dtype, plus `atol`."""
    graph = trace_as_written(function, *inputs)
    given = {name: to_numpy(tensor) for name, tensor in zip(graph.meta["inputs"], inputs, strict=True)}
    (result,) = run_graph_on_sim(graph, given, opt_level)
    expected = function(*inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    for number, (name, want) in enumerate(zip(graph.meta["outputs"], expected, strict=True)):
        got = result[name]
        assert got.shape == tuple(want.shape), f"output {number}"
        assert str(got.dtype) == str(want.dtype).removeprefix("torch."), f"output {number}"
        if want.dtype.is_floating_point:
            wide, rtol = want.double().numpy(), ulps * torch.finfo(want.dtype).eps
            np.testing.assert_allclose(got.astype(np.float64), wide, rtol=rtol, atol=atol, err_msg=f"output {number}")
        else:
            np.testing.assert_array_equal(got, want.numpy(), err_msg=f"output {number}")
