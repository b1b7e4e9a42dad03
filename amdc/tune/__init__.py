"""The kernel search and its databases.

`Search` knows no kernels: it lowers a graph, sees the problems and candidates that lowering met, forces each of the best few
candidates, and times that operator's launches. `standard_lookup` is what compilations at -O2 and -O3 ask for the result."""

from amdc.tune.database import Database, default_path
from amdc.tune.lookup import Lookup, standard_lookup
from amdc.tune.records import Timing
from amdc.tune.search import Result, Search
from amdc.tune.timers import CardTimer, ModelTimer, Timer

__all__ = [
    "CardTimer", "Database", "Lookup", "ModelTimer", "Result", "Search", "Timer", "Timing", "default_path", "standard_lookup",
]  # fmt: skip
