"""The timing model against real gfx803 silicon: clpeak's tests on an RX 570 and an R9 Nano, SGEMMs measured on an R9 Nano.

    python benchmarks/validate_timing.py [--data FILE] [--only clpeak|sgemm] [--rows] [--record]

Every figure called predicted comes from the simulated card; every one called measured from a log of a real one. Classes of rows:
core           the kernel has the row's tile, and neither split k (GSU) nor a mapping of work-groups (WGM) was used; has targets
mapping > 1    the same tile, but rocBLAS walked the work-groups in another order, and was later found to compute wrong results
tile not ours  without split k, a tile that the kernel does not have: not predicted
split k        the sum over k made by several work-groups, with atomics: not predicted, amdc's kernel has no counterpart
The rows' order in the file gives the halves: constants may be fitted on even rows alone, and are checked on the odd ones.
Exit status: 0 done (whether or not targets are met: the table says it), 2 usage.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

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


def predict_rows(rows: Sequence[SgemmRow]) -> list[Predicted]:
    """Those that the kernel can run."""
    found = []
    for row in rows:
        group = classify(row, sgemm.has_tile)
        if group in ("core", "mapping > 1"):
            print(f"\r{row.label:60}", end="", file=sys.stderr, flush=True)
            gflops, timing = sgemm.predict(row)
            found.append(Predicted(row, group, gflops, timing.bound))
    print(f"\r{'':60}\r", end="", file=sys.stderr)
    return found


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the measured rows (CSV)")
    parser.add_argument("--only", choices=("clpeak", "sgemm"))
    parser.add_argument("--rows", action="store_true", help="print every row")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/timing_validation.json and .png")
    return parser.parse_args()


def main() -> None:
    arguments, started = _arguments(), time.perf_counter()
    try:
        rows = read_rows(arguments.data) if arguments.only != "clpeak" else []
    except UsageError as error:
        sys.exit(print(f"error: {error}", file=sys.stderr) or 2)
    tests = [(case, clpeak.predict(case)) for case in clpeak.CASES] if arguments.only != "sgemm" else []
    if tests:
        print(*clpeak_lines(tests), "", sep="\n")
    predicted = predict_rows(rows)
    if predicted:
        print(*sgemm_lines(predicted, arguments.rows), sep="\n")
        print(f"not predicted: {len(rows) - len(predicted)} of {len(rows)} rows, which amdc's kernel has no counterpart to")
    print(f"{time.perf_counter() - started:.0f} s")
    if arguments.record:
        head = description("python benchmarks/validate_timing.py")
        (RESULTS / "timing_validation.json").write_text(json.dumps(head | record(tests, predicted), indent=1) + "\n")
        points = {name: [(p.row.gflops, p.gflops) for p in members] for name, members in groups(predicted).items()}
        draw({name: points[name] for name in CLASSES if name in points}, RESULTS / "timing_validation.png")


if __name__ == "__main__":
    main()
