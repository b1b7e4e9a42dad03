"""Whether the kernel search finds in 60 seconds what an exhaustive search finds, on shapes that no kernel was tuned on.

    python benchmarks/search.py [CASE ...] [--seconds 60] [--folder out/search] [--record]

For each case: every candidate that the lowering offers is timed: each tile and each cut of a product, each way of each algorithm
of a convolution; these times stay in `--folder`, by the kernels' version, so that this part can be broken off and gone on with.
Then the search, with a new database, an empty cache and its usual limits, stopped after so many seconds. Both by the timing layer
of a simulated RX 580. Target: at most 5 % above the best of all. Where other work keeps the machine busy, seconds say little: the
CPU time says how long one idle processor takes, and the search shares its work among all. `--record` adds each case, when it is
done, to benchmarks/results/search.json.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from amdc.compiler.driver import import_model, optimise  # noqa: E402
from amdc.compiler.options import CompileOptions  # noqa: E402
from amdc.target import target  # noqa: E402
from amdc.tune import Database, ModelTimer, Search, after  # noqa: E402
from benchmarks.kernel_cases import UNSEEN  # noqa: E402
from benchmarks.machine import description  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "search.json"
TARGET = 0.05  # above the exhaustive search's best
ALL = 1 << 30  # more candidates than any problem has


def cpu_seconds() -> float:
    """Of this process and of those that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def compare(case: str, seconds: float, kept: Path) -> dict[str, Any]:
    """One case, its search with its own cache and database; `kept` is the exhaustive search's database."""
    hardware, options = target("gfx803"), CompileOptions()
    ((_, graph),) = import_model(UNSEEN[case], options).graphs
    optimise(graph, options)
    timer = ModelTimer(hardware)
    with Database(kept) as database:
        best = Search(hardware, timer, database, few=ALL, factor=math.inf).run(graph)[0]
    with tempfile.TemporaryDirectory() as folder, Database(Path(folder) / "search.sqlite") as database:
        os.environ["AMDC_CACHE_DIR"] = folder
        timer, spent, started = ModelTimer(hardware), cpu_seconds(), time.monotonic()
        found, *within = Search(hardware, timer, database, expired=after(seconds)).run(graph)
        took = {"seconds": round(time.monotonic() - started, 1), "cpu_seconds": round(cpu_seconds() - spent, 1)}
        del os.environ["AMDC_CACHE_DIR"]
    assert found.us is not None and best.us is not None and best.timed + len(best.failed) == len(best.problem.costs)
    return {
        "found": found.candidate,
        "found_us": round(found.us, 2),
        "timed": found.timed + sum(result.timed for result in within),
        **took,
        "best": best.candidate,
        "best_us": round(best.us, 2),
        "candidates": len(best.problem.costs),
        "least_cost": found.problem.default,
        "least_cost_us": round(best.default_us or 0, 2),
        "excess": round(found.us / best.us - 1, 4),
    }


def show(case: str, row: dict[str, Any]) -> None:
    print(f"{row['excess']:6.1%} above the best (target {TARGET:.0%})  {case}: {row['found']}, {row['found_us']} us")
    print(f"        {row['timed']} timed in {row['seconds']} s, {row['cpu_seconds']} s of CPU time")
    print(f"        best of {row['candidates']}: {row['best']}, {row['best_us']} us")
    print(f"        of least cost: {row['least_cost']}, {row['least_cost_us']} us", flush=True)


def record(found: dict[str, Any]) -> None:
    """Keep the cases of this run, and of earlier ones what is not among them."""
    kept = json.loads(RESULTS.read_text())["cases"] if RESULTS.exists() else {}
    cases = {case: (kept | found)[case] for case in UNSEEN if case in kept | found}
    head = description("python benchmarks/search.py") | {"card": "RX 580, simulated"}
    RESULTS.write_text(json.dumps(head | {"target_excess": TARGET, "cases": cases}, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="all, if none is named")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--folder", type=Path, default=ROOT / "out" / "search", help="of the exhaustive search's times")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    for case in arguments.cases or UNSEEN:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        found[case] = compare(case, arguments.seconds, arguments.folder / f"{case.replace(' ', '-')}.sqlite")
        show(case, found[case])
        if arguments.record:
            record(found)
    print(f"{sum(row['excess'] <= TARGET for row in found.values())} of {len(found)} cases within {TARGET:.0%} of the best")


if __name__ == "__main__":
    main()
