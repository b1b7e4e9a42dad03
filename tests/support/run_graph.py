"""Runs a Graph the whole way: lowered, compiled, and executed on the simulated GPU by its own code objects."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from amdc.bundle import MAIN, Bundle
from amdc.codegen.lowering import Lowered, LoweringOptions, lower
from amdc.codegen.toolchain import find_toolchain
from amdc.ir.graph import Graph
from amdc.runtime.session import open_session
from amdc.target import target

ARCH = "gfx803"


def compile_lowered(lowered: Lowered) -> Bundle:
    """The bundle of a lowered graph."""
    code = find_toolchain().compile_all(lowered.sources.values(), ARCH)
    return Bundle({MAIN: lowered.program}, code, lowered.constants)


def run_graph_on_sim(
    graph: Graph, inputs: Mapping[str, np.ndarray], opt_level: int = 2, runs: int = 1
) -> list[dict[str, np.ndarray]]:
    """The outputs of `runs` runs of one session, by the graph's output names; its arena starts out poisoned."""
    bundle = compile_lowered(lower(graph, target(ARCH), LoweringOptions(opt_level)))
    with open_session(bundle, "sim") as session:
        return [session.run(dict(inputs)) for _ in range(runs)]
