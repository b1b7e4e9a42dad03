"""Makes the tuned database that ships with amdc (amdc/tune/data/): the kernel search over the benchmark models' operators.

    python benchmarks/tuned_database.py [MODEL ...] [--plan] [--seconds N] [--folder FOLDER]

The models are imported and optimised as at -O3, and the search goes over their problems for a simulated RX 580, for at most N
seconds in all; then the best candidate of each problem is written out. The folder holds the search's own database and the
compiled kernels: a run that was stopped goes on there, models share what they have in common, and what changes of the kernels
have outdated is searched again. A candidate takes about a second of one processor. Where MODELs are named, what the file holds of
other problems stays. `--plan` says what is left to do, and times nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from amdc.compiler.causal import causal_graphs  # noqa: E402
from amdc.compiler.driver import import_model, optimise  # noqa: E402
from amdc.compiler.options import CompileOptions  # noqa: E402
from amdc.target import target  # noqa: E402
from amdc.tune import Database, ModelTimer, Search, after, default_path  # noqa: E402
from amdc.tune.models import tune_graphs  # noqa: E402
from amdc.tune.shipped import Shipped, write  # noqa: E402
from benchmarks.peers.networks import MODELS  # noqa: E402
from benchmarks.workloads import CONTEXT, TOKENS, encoder, gpt2  # noqa: E402

if TYPE_CHECKING:
    from amdc.ir.graph import Graph

ENCODERS = {f"minilm-{TOKENS}": "minilm", f"bert-base-{TOKENS}": "bert"}
OWN = ("resnet50-b1", "efficientnet-lite0-b1", *ENCODERS, "gpt2", "resnet50-b8")  # of the benchmarks themselves: first
NAMES = (*OWN, *(name for name in MODELS if name not in OWN))


def graphs(name: str) -> Iterable[tuple[str, Graph]]:
    """A model's graphs, imported as the benchmarks compile them."""
    if name == "gpt2":
        return causal_graphs(gpt2(), CONTEXT, (TOKENS,), CompileOptions())
    if name in ENCODERS:
        model, inputs = encoder(ENCODERS[name])
        return import_model(model, CompileOptions(example_inputs=inputs)).graphs
    return import_model(MODELS[name](), CompileOptions()).graphs


def report(stage: str, done: int, total: int, what: str) -> None:
    """A line a timing."""
    print(f"  {done}/{total} {what}", file=sys.stderr, flush=True)


def plan(name: str, search: Search, options: CompileOptions) -> None:
    """A line a problem: candidates to time, offered, uses; then the model's sum."""
    left = 0
    for _, graph in graphs(name):
        optimise(graph, options)
        order = search.plan(graph)
        for key, problem in order.problems.items():
            print(f"  {len(order.left(key)):3} of {len(problem.costs):3} to time, {problem.uses:2} uses  {key}")
        left += order.total
    print(f"{name}: {left} candidates to time at most", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=f"of: {', '.join(NAMES)} [all]")
    parser.add_argument("--plan", action="store_true", help="print what is left to do")
    parser.add_argument("--seconds", type=float, default=3600, help="of the search, over all models [3600]")
    parser.add_argument("--folder", type=Path, default=ROOT / "out" / "tuning")
    arguments = parser.parse_args()
    os.environ["AMDC_CACHE_DIR"] = str(arguments.folder)
    options, hardware, expired = CompileOptions(opt_level=3), target("gfx803"), after(arguments.seconds)
    with Database(default_path()) as database:
        search = Search(hardware, ModelTimer(hardware), database, options.opt_level, expired=expired, progress=report)
        for name in arguments.models or NAMES:
            if arguments.plan:
                plan(name, search, options)
                continue
            started = time.monotonic()
            results = tune_graphs(graphs(name), options, search)
            done = sum(result.us is not None for result in results)
            print(f"{name}: {done} of {len(results)} problems, {time.monotonic() - started:.0f} s", flush=True)
        timings = database.all()
    if not arguments.plan:
        kept = Shipped("gfx803").all() if arguments.models else ()
        print(f"{write(timings, 'gfx803', kept=kept)}: of {len(timings)} timings the best of each problem")


if __name__ == "__main__":
    main()
