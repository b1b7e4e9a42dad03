"""Every pass preserves the results of random networks, alone and in its place; graph text reads back equal.

The fast tests look at some 25 networks of each family; the ones marked slow look at 200 each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from random_graphs import Network, networks
from rounding import assert_as_close, exact
from tracing import CONTEXT, run, trace

from amdc.ir.graph import Graph
from amdc.ir.parser import parse
from amdc.ir.printer import to_text
from amdc.ir.serialize import constants
from amdc.pass_manager import Pass, run_pipeline
from amdc.passes.pipeline import CLEANUP, cleanup_for, known_passes, passes_for

QUICK = settings(max_examples=5, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
THOROUGH = settings(QUICK, max_examples=200)
FAMILIES = ("image", "sequence")


class Checked:
    """A network's graph, its results, and the exact ones."""

    def __init__(self, network: Network) -> None:
        self.input = network.example()
        self.graph = trace(network.function(), self.input)
        self.want, self.exact = run(self.graph, self.input), exact(self.graph, self.input)
        self.text, self.constants = to_text(self.graph), constants(self.graph)

    def copy(self) -> Graph:
        return parse(self.text, self.constants)

    def after(self, graph: Graph, passes: Sequence[Pass], cleanup: tuple[Pass, ...]) -> Graph:
        """The graph behind the passes; its results are as close to the exact ones as before."""
        run_pipeline(graph, passes, CONTEXT, cleanup=cleanup)
        for got, want, reference in zip(run(graph, self.input), self.want, self.exact, strict=True):
            assert_as_close(got, want, reference)
        return graph


def each_pass_alone(network: Network) -> None:
    checked = Checked(network)
    graph = checked.copy()
    for name, kind in sorted(known_passes().items()):
        try:
            checked.after(graph, (kind(),), CLEANUP)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        graph = graph if to_text(graph) == checked.text else checked.copy()


def each_pass_in_its_place(network: Network) -> None:
    """All levels run the passes of level 3 or fewer of them, in its order."""
    checked = Checked(network)
    graph = checked.copy()
    for made in passes_for(3):
        try:
            checked.after(graph, (made,), cleanup_for(3))
        except AssertionError as error:
            raise AssertionError(f"{made.name}: {error}") from error


def pipeline_twice(network: Network) -> None:
    """A second run changes nothing, and the text reads back as the same graph."""
    checked = Checked(network)
    checked.after(checked.copy(), passes_for(1), cleanup_for(1))
    graph = checked.after(checked.copy(), passes_for(2), cleanup_for(2))
    text = to_text(graph)
    assert to_text(parse(text, constants(graph))) == text
    run_pipeline(graph, passes_for(2), CONTEXT, cleanup=cleanup_for(2))
    assert to_text(graph) == text


PROPERTIES = (each_pass_alone, each_pass_in_its_place, pipeline_twice)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("holds", PROPERTIES)
def test_on_some_networks(holds: Callable[[Network], None], family: str) -> None:
    given(networks(family))(QUICK(lambda network: holds(network)))()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("holds", PROPERTIES)
def test_on_many_networks(holds: Callable[[Network], None], family: str) -> None:
    given(networks(family))(THOROUGH(lambda network: holds(network)))()


def test_rounding_is_measured() -> None:
    """A result as exact as the original passes, one ten times as far off does not."""
    reference = torch.linspace(1, 2, 50, dtype=torch.float64) / 3
    original = (reference + 1e-5).float()
    assert_as_close((reference - 1e-5).float(), original, reference)
    with pytest.raises(AssertionError, match="the largest error"):
        assert_as_close((reference + 1e-3).float(), original, reference)
