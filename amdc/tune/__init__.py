"""The kernel search and its databases.

`Search` knows no kernels: it lowers a graph, sees the problems and candidates that lowering met, forces each of the best few
candidates, and times that operator's launches. `standard_lookup` is what compilations at -O2 and -O3 ask for the result."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from amdc.target import Target
from amdc.tune.database import Database, default_path
from amdc.tune.lookup import Lookup, standard_lookup
from amdc.tune.records import Timing
from amdc.tune.search import Progress, Result, Search, after, never
from amdc.tune.timers import CardTimer, ModelTimer, Timer

if TYPE_CHECKING:
    from amdc.ir.graph import Graph

__all__ = [
    "CardTimer", "Database", "Lookup", "ModelTimer", "Result", "Search", "Timer", "Timing", "after", "default_path",
    "never", "standard_lookup", "tune_graph",
]  # fmt: skip


def tune_graph(graph: Graph, hardware: Target, expired: Callable[[], bool], jobs: int | None, progress: Progress) -> list[Result]:
    """Tune an optimised graph by the timing layer until the time has expired, into the user's database."""
    with Database(default_path()) as database:
        tuner = Search(hardware, ModelTimer(hardware), database, jobs=jobs, expired=expired, progress=progress)
        return tuner.run(graph)
