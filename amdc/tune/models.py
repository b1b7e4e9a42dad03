"""Tuning a whole model: each of its graphs in turn, optimised as a compilation would."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from amdc.compiler.driver import import_model, optimise
from amdc.compiler.options import CompileOptions
from amdc.compiler.static_shapes import require_static_shapes
from amdc.tune.search import Result, Search

if TYPE_CHECKING:
    from amdc.ir.graph import Graph


def tune_model(model: Any, options: CompileOptions, search: Search) -> list[Result]:
    """The results of all problems of a model (as `amdc.compile` takes it), what costs most first. Raises what importing,
    optimising and compiling raise."""
    return tune_graphs(import_model(model, options).graphs, options, search)


def tune_graphs(graphs: Iterable[tuple[str, Graph]], options: CompileOptions, search: Search) -> list[Result]:
    """The same of imported graphs, given with their programs' keys; they are optimised in place."""
    found: dict[str, Result] = {}
    for _, graph in graphs:
        require_static_shapes(graph, options.arch)
        optimise(graph, options)
        for result in search.run(graph):
            found.setdefault(result.problem.key, result)
    return sorted(found.values(), key=lambda result: -(result.us or 0) * result.problem.uses)
