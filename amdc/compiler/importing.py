"""From a model and its bindings to the Graphs of a bundle: one a binding, or the stages of a model with a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from amdc.bundle import Step
from amdc.compiler.bindings import Binding
from amdc.errors import UsageError

if TYPE_CHECKING:
    from amdc.ir.graph import Graph

Load = Callable[[Mapping[str, tuple[int, ...]], Mapping[str, int]], "Graph"]


def import_programs(model: Any, load: Load, bindings: Sequence[Binding]) -> tuple[Iterator[tuple[str, Graph]], tuple[Step, ...]]:
    """The programs' keys and Graphs, and the schedule where they are stages of one model (else empty). All but the first Graph
    are imported when they are asked for. Raises what the frontends raise."""
    from amdc.frontends.onnx import NeedsConstants
    from amdc.frontends.onnx.stages import import_stages

    first = bindings[0]
    try:
        graph = load(first.shapes, first.symbols)
    except NeedsConstants as problem:
        if not problem.open_loop:
            raise
        if len(bindings) > 1:
            raise UsageError(
                "a model with a loop whose number of iterations depends on its inputs is compiled for one binding at a time"
            ) from problem
        stages = import_stages(model, first.shapes, first.symbols)
        return ((stage.key, stage.graph) for stage in stages), tuple(Step(stage.key, stage.condition) for stage in stages)
    return _all(graph, load, bindings), ()


def _all(first: Graph, load: Load, bindings: Sequence[Binding]) -> Iterator[tuple[str, Graph]]:
    yield bindings[0].key, first
    del first  # one Graph at a time is held
    for binding in bindings[1:]:
        yield binding.key, load(binding.shapes, binding.symbols)
