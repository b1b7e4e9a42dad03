"""Makes the tuned database that ships with amdc (amdc/tune/data/): the kernel search over the benchmark models' operators.

    python benchmarks/tuned_database.py [MODEL ...] [--seconds N] [--folder FOLDER]

Each model is compiled with a budget of so many seconds for the search, for a simulated RX 580; the best candidate of each
problem is then written out. The folder holds the search's own database and the compiled kernels: a run that was stopped goes on
there, and what changes of the kernels have outdated is searched again.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from amdc.tune import Database, default_path  # noqa: E402
from amdc.tune.shipped import write  # noqa: E402
from benchmarks.workloads import WORKLOADS  # noqa: E402


def report(stage: str, done: int, total: int, what: str) -> None:
    """The search's progress alone, a line a timing."""
    if stage == "tune":
        print(f"  {done}/{total} {what}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help=f"of: {', '.join(WORKLOADS)} [all but what shares a compilation]")
    parser.add_argument("--seconds", type=float, default=600, help="of the search, for each model [600]")
    parser.add_argument("--folder", type=Path, default=ROOT / "out" / "tuning")
    arguments = parser.parse_args()
    os.environ["AMDC_CACHE_DIR"] = str(arguments.folder)
    for name in arguments.models or [name for name in WORKLOADS if not name.startswith("gpt2-prefill")]:
        started = time.monotonic()
        bundle = WORKLOADS[name].compile(3, tune_seconds=arguments.seconds, progress=report)
        print(f"{name}: {bundle.options['tuning']['used']} problems tuned, {time.monotonic() - started:.0f} s", flush=True)
    with Database(default_path()) as database:
        timings = database.all()
    print(f"{write(timings, 'gfx803')}: of {len(timings)} timings the best of each problem")


if __name__ == "__main__":
    main()
