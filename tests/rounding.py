"""How far a rewritten graph may stand from the graph it was: not much further than that one stands from the exact result.

The reference is the original graph in float64, each floating-point tensor of it: what rounding to fp32 (or fp16, where the graph
says so) does to the original is then measured, not guessed, and a rewrite may do a few times as much. FLOOR covers a graph that
by luck rounds to nothing.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.fx import Interpreter

from amdc.ir.graph import Graph

SAFETY = 8.0  # a rewritten sum adds in another order, and depth amplifies either's errors alike
FLOOR = 32 * 2.0**-24  # of the largest magnitude


def _widened(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.double() if value.is_floating_point() else value
    return torch.float64 if isinstance(value, torch.dtype) and value.is_floating_point else value


class Exact(Interpreter):
    """Runs a graph with float64 in the place of every floating-point type."""

    def run_node(self, n: torch.fx.Node) -> Any:
        return torch.utils._pytree.tree_map(_widened, super().run_node(n))

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        args, kwargs = torch.utils._pytree.tree_map(_widened, (args, kwargs))
        return super().call_function(target, args, kwargs)


def exact(graph: Graph, *inputs: Tensor) -> tuple[Tensor, ...]:
    with torch.no_grad():
        return Exact(graph).run(*inputs)


def assert_as_close(got: Tensor, original: Tensor, reference: Tensor) -> None:
    """`got` stands at most `SAFETY` times as far from the exact result as the original did; integers and booleans are equal."""
    assert got.shape == original.shape and got.dtype == original.dtype
    if not got.is_floating_point():
        assert torch.equal(got, original)
        return
    scale = float(reference.abs().max()) if reference.numel() else 0.0
    own = float((original.double() - reference).abs().max()) if reference.numel() else 0.0
    worst = float((got.double() - reference).abs().max()) if reference.numel() else 0.0
    allowed = SAFETY * own + FLOOR * scale
    assert worst <= allowed, f"the largest error is {worst:.3g}; the original has {own:.3g}, so {allowed:.3g} is allowed"
