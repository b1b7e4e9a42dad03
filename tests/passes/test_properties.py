"""Every pass preserves the results of random networks, and so do all in order, at each level; graph text reads back equal."""

from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from random_graphs import Network, networks
from tracing import CONTEXT, run, trace

from amdc.ir.graph import Graph
from amdc.ir.parser import parse
from amdc.ir.printer import to_text
from amdc.ir.serialize import constants
from amdc.pass_manager import Pass, run_pipeline
from amdc.passes.pipeline import CLEANUP, cleanup_for, known_passes, passes_for

QUICK = settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
THOROUGH = settings(QUICK, max_examples=40)
IMAGE = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(1))


def assert_preserved(network: Network, passes: tuple[Pass, ...], cleanup: tuple[Pass, ...]) -> Graph:
    """Passes move results by rounding alone: sums of at most 36 products, eight steps deep, in fp32 (2^-24 = 6e-8 each)."""
    graph = trace(network.function(), IMAGE)
    want = run(graph, IMAGE)
    run_pipeline(graph, passes, CONTEXT, cleanup=cleanup)
    for got, expected in zip(run(graph, IMAGE), want, strict=True):
        scale = float(expected.abs().max()) + 1.0
        torch.testing.assert_close(got, expected, rtol=1e-4, atol=2e-5 * scale)
    return graph


@pytest.mark.parametrize("name", sorted(known_passes()))
@given(network=networks)
@QUICK
def test_each_pass_preserves_results(name: str, network: Network) -> None:
    assert_preserved(network, (known_passes()[name](),), CLEANUP)


@given(network=networks)
@THOROUGH
def test_the_pipeline_preserves_results_and_its_text_reads_back(network: Network) -> None:
    assert_preserved(network, passes_for(1), cleanup_for(1))
    graph = assert_preserved(network, passes_for(3), cleanup_for(3))
    assert to_text(parse(to_text(graph), constants(graph))) == to_text(graph)


@given(network=networks)
@QUICK
def test_a_second_run_of_the_pipeline_changes_nothing(network: Network) -> None:
    graph = assert_preserved(network, passes_for(2), cleanup_for(2))
    text = to_text(graph)
    run_pipeline(graph, passes_for(2), CONTEXT, cleanup=cleanup_for(2))
    assert to_text(graph) == text
