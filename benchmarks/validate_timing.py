"""The timing model against real gfx803 silicon: clpeak's tests on an RX 570 and an R9 Nano, SGEMMs measured on an R9 Nano.

    python benchmarks/validate_timing.py [--data FILE] [--only clpeak|sgemm] [--core] [--rows] [--record]

Every figure called predicted comes from the simulated card; every one called measured from a log of a real one. Classes of rows:
core           the kernel has the row's tile, and neither split k (GSU) nor a mapping of work-groups (WGM) was used; has targets
mapping > 1    the same tile, but rocBLAS walked the work-groups in another order, and was later found to compute wrong results
split k        k cut over several work-groups: rocBLAS scales C and then adds with atomics, which was later found wrong too; amdc
               adds the pieces with a second kernel
tile not ours  a tile or a cut of k that the kernel does not have: not predicted
The rows' order in the file gives the halves: constants may be fitted on even rows alone, and are checked on the odd ones.
Exit status: 0 done (whether or not targets are met: the table says it), 2 usage.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from amdc.errors import UsageError  # noqa: E402
from benchmarks.machine import description  # noqa: E402
from benchmarks.timing import clpeak, sgemm  # noqa: E402
from benchmarks.timing.plot import draw  # noqa: E402
from benchmarks.timing.report import CLASSES, Predicted, clpeak_lines, groups, record, sgemm_lines  # noqa: E402
from benchmarks.timing.rows import SgemmRow, classify, read_rows  # noqa: E402

DATA = ROOT.parent / "shared/data/sgemm_r9nano_measured.csv"
RESULTS = ROOT / "benchmarks/results"
T = TypeVar("T")
Result = TypeVar("Result")


def predict_row(row: SgemmRow) -> Predicted:
    """In a process of its own."""
    gflops, timing = sgemm.predict(row)
    return Predicted(row, classify(row, sgemm.has_tile), gflops, timing.bound)


def _work(row: SgemmRow) -> int:
    """About what a row costs to simulate: the groups that are recorded times k."""
    groups = -(-row.m // row.tile_m) * -(-row.n // row.tile_n) * row.split_k
    return min(groups, 512) * row.k // row.split_k * row.tile_m * row.tile_n


def _all(function: Callable[[T], Result], wanted: Sequence[T]) -> list[Result]:
    """Of each, in order; one process a core."""
    if not wanted:
        return []
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)), mp_context=context) as pool:
        futures = [pool.submit(function, one) for one in wanted]
        for done, _ in enumerate(as_completed(futures), start=1):
            print(f"\r{function.__name__}: {done} of {len(wanted)}", end="", file=sys.stderr, flush=True)
    print(f"\r{'':40}\r", end="", file=sys.stderr)
    return [future.result() for future in futures]


def predict_rows(rows: Sequence[SgemmRow]) -> list[Predicted]:
    """Those that the kernel can run, in the file's order; the dearest are begun first."""
    found = _all(predict_row, sorted((row for row in rows if sgemm.has_tile(row)), key=_work, reverse=True))
    return sorted(found, key=lambda predicted: predicted.row.index)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the measured rows (CSV)")
    parser.add_argument("--only", choices=("clpeak", "sgemm"))
    parser.add_argument("--core", action="store_true", help="only the rows that have targets")
    parser.add_argument("--rows", action="store_true", help="print every row")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/timing_validation.json and .png")
    arguments = parser.parse_args()
    if arguments.record and arguments.only:
        parser.error("--record writes all of it: leave --only out")
    return arguments


def main() -> None:
    arguments, started = _arguments(), time.perf_counter()
    try:
        rows = read_rows(arguments.data) if arguments.only != "clpeak" else []
    except UsageError as error:
        sys.exit(print(f"error: {error}", file=sys.stderr) or 2)
    cases = clpeak.CASES if arguments.only != "sgemm" else ()
    tests = list(zip(cases, _all(clpeak.predict, cases), strict=True))
    if tests:
        print(*clpeak_lines(tests), "", sep="\n")
    wanted = [row for row in rows if classify(row, sgemm.has_tile) == "core"] if arguments.core else rows
    predicted = predict_rows(wanted)
    if predicted:
        print(*sgemm_lines(predicted, arguments.rows), sep="\n")
        print(f"not predicted: {len(wanted) - len(predicted)} of {len(wanted)} rows, which amdc's kernel has no counterpart to")
    print(f"{time.perf_counter() - started:.0f} s")
    if arguments.record:
        head = description(f"python benchmarks/validate_timing.py{' --core' if arguments.core else ''}")
        (RESULTS / "timing_validation.json").write_text(json.dumps(head | record(tests, predicted), indent=1) + "\n")
        points = {name: [(p.row.gflops, p.gflops) for p in members] for name, members in groups(predicted).items()}
        draw({name: points[name] for name in CLASSES if name in points}, RESULTS / "timing_validation.png")


if __name__ == "__main__":
    main()
