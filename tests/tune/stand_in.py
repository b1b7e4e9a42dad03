"""A graph whose lowering offers candidates that do the same work once, twice or three times, and a timer that counts launches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import pytest
import torch

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.item import Item
from amdc.codegen.lowerings.pointwise import pointwise
from amdc.codegen.registry import find
from amdc.ir.graph import Graph
from amdc.tune.survey import Work
from tests.tracing import trace

COSTS = {"thrice": 1.0, "once": 2.0, "twice": 3.0, "hopeless": 1000.0}
TIMES = {"once": 1, "twice": 2, "thrice": 3, "hopeless": 9}
INNER: tuple[str, ...] = ()  # ways to lay out what launches once, the cheapest first: a choice within that candidate


def relu_by_choice(item: Item, builder: ProgramBuilder) -> None:
    """`COSTS` are wrong on purpose: the cheapest launches most."""

    def launch(name: str) -> None:
        for _ in range(TIMES[name]):
            pointwise(item, builder)

    def build(name: str) -> None:
        if name != "once" or not INNER:
            launch(name)
            return
        ways = [Candidate(way, lambda cost=cost: float(cost), lambda way=way: launch(way)) for cost, way in enumerate(INNER, 1)]
        builder.choose(f"inner n={item.shape[0]}", ways).build()

    names = [Candidate(name, lambda name=name: COSTS[name], lambda name=name: build(name)) for name in COSTS]
    builder.choose(f"relu n={item.shape[0]}", names).build()


def offer_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let relu be lowered by choice."""
    relu = torch.ops.aten.relu.default
    chosen = lambda item: relu_by_choice if item.node.target is relu else find(item)  # noqa: E731
    monkeypatch.setattr("amdc.codegen.lowering.find", chosen)


@cache
def graph() -> Graph:
    """Two problems, one of them met twice."""
    x = torch.zeros(64)
    return trace(lambda a: (torch.relu(a), torch.relu(a + 1), torch.relu(torch.cat((a, a)))), x)


@dataclass
class CountingTimer:
    """100 us a launch; fails as if interrupted once `patience` works were timed."""

    patience: int = 1000
    how: str = "sim"
    parallel: bool = True
    timed: list[tuple[str, str]] = field(default_factory=list)

    def time(self, work: Work, code: Mapping[str, bytes]) -> float:
        assert set(code) == {kernel.code for kernel in work.kernels.values()}
        if len(self.timed) >= self.patience:
            raise KeyboardInterrupt
        self.timed.append((work.problem, work.candidate))
        return 100.0 * len(work.launches)
