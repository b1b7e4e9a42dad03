"""Whether the fast cost model (amdc/cost) agrees with the timing layer: GEMM, convolution and memory-bound kernels.

    python benchmarks/cost_model.py [CLASS ...] [--candidates N] [--database FILE] [--record]

Candidates of every problem, of those whose formula lets the search consider them, are compiled and timed by the timing layer of
a simulated RX 580 (times stay in the database: a stopped run goes on); the cost model predicts the same launches from code
objects and arguments. Printed: the ratio of both (median and 90th percentile of its error), rank correlation, how often the
candidate that the model likes best is within 5 % and 20 % of the timing layer's best, and the CPU time of an estimate. "formula":
the lowerings' costs, known before compilation. A row takes about 1.5 seconds of CPU time.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from amdc.code_object import CodeObject  # noqa: E402
from amdc.codegen.lowering import LoweringOptions, lower  # noqa: E402
from amdc.codegen.toolchain import find_toolchain  # noqa: E402
from amdc.compiler.driver import import_model, optimise  # noqa: E402
from amdc.compiler.options import CompileOptions  # noqa: E402
from amdc.cost import Predictor, estimate  # noqa: E402
from amdc.runtime.kernarg import pack_launch  # noqa: E402
from amdc.sim.kernarg import LaunchShape  # noqa: E402
from amdc.target import target  # noqa: E402
from amdc.tune import Database, ModelTimer, Timing  # noqa: E402
from amdc.tune.order import FACTOR  # noqa: E402
from amdc.tune.survey import Work, forced_work, survey  # noqa: E402
from amdc.tune.version import stamp  # noqa: E402
from benchmarks.kernel_cases import AGREEMENT  # noqa: E402
from benchmarks.machine import description  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
HARDWARE = target("gfx803")
OPTIONS = CompileOptions()


@dataclass(frozen=True)
class Row:
    """One candidate: microseconds by the timing layer, by the cost model, and by its lowering's formula (None where there is no
    choice)."""

    case: str
    kind: str
    candidate: str
    timed: float
    predicted: float
    formula: float | None


def works(case: str, model: Any, most: int) -> list[tuple[Work, float | None]]:
    """At most `most` candidates' launches with their formula's microseconds, of those that a search would not leave out for their
    cost; all launches where there is no choice."""
    ((_, graph),) = import_model(model, OPTIONS).graphs
    optimise(graph, OPTIONS)
    problems = survey(graph, HARDWARE, OPTIONS.opt_level)
    if not problems:
        lowered = lower(graph, HARDWARE, LoweringOptions(OPTIONS.opt_level))
        return [(Work.of(lowered, case, "-", ["-"], range(len(lowered.program.launches))), None)]
    considered = {
        key: [name for name in problem.ranked if problem.costs[name] <= FACTOR * problem.costs[problem.default]]
        for key, problem in problems.items()
    }
    return [
        (work, problem.costs[name])
        for key, problem in problems.items()
        for name in spread(considered[key], most)
        for work in forced_work(graph, HARDWARE, OPTIONS.opt_level, {key: name})
    ]


def spread(names: Sequence[str], most: int) -> list[str]:
    """At most so many names: the first half of them from the start, the others at even distances behind."""
    first = list(names[: max(most // 2, 1)])
    rest, wanted = names[len(first) :], most - len(first)
    return first + [rest[index * len(rest) // wanted] for index in range(min(wanted, len(rest)))]


def timed(work: Work, code: dict[str, bytes], database: Database) -> float:
    """By the timing layer, or as it said before."""
    card, made = HARDWARE.card().name, stamp(work.candidates, work.templates, ModelTimer.how)
    for known in database.timings(work.problem, HARDWARE.arch, card):
        if known.candidate == work.candidate and known.version == made:
            return known.us
    us = ModelTimer(HARDWARE).time(work, code)
    database.add(Timing(work.problem, HARDWARE.arch, card, work.candidate, us, ModelTimer.how, work.templates, made))
    return us


def predicted(work: Work, code: dict[str, bytes], predictor: Predictor) -> float:
    """By the cost model, from the compiled launches."""
    total = 0.0
    parsed = {key: CodeObject.parse(data, key) for key, data in code.items()}
    addresses = dict.fromkeys(work.buffers, 0)
    for launch in work.launches:
        kernel = work.kernels[launch.kernel]
        kernarg = pack_launch(launch, parsed[kernel.code].kernels[kernel.symbol], kernel.block, addresses)
        shape = LaunchShape(launch.grid, kernel.block)
        total += predictor.launch(parsed[kernel.code], kernel.symbol, shape, kernarg, launch.bytes_moved).us
    return total


def measure(case: str, kind: str, model: Any, database: Database, most: int) -> list[Row]:
    rows, predictor, toolchain = [], Predictor(HARDWARE), find_toolchain()
    for work, formula in works(case, model, most):
        code = {key: toolchain.compile_one(source, HARDWARE.arch) for key, source in work.sources.items()}
        row = Row(case, kind, work.candidate, timed(work, code, database), predicted(work, code, predictor), formula)
        rows.append(row)
        print(f"  {row.timed:9.1f} {row.predicted:9.1f} {formula or 0:9.1f} us  {case}: {work.candidate}", file=sys.stderr)
    return rows


def ranks(values: Sequence[float]) -> list[float]:
    """Positions in ascending order; equal values share the mean of theirs."""
    ordered = sorted(values)
    return [ordered.index(value) + (ordered.count(value) - 1) / 2 for value in values]


def correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's rank correlation; 1 of values that are all alike."""
    a, b = ranks(first), ranks(second)
    return statistics.correlation(a, b) if len(set(a)) > 1 and len(set(b)) > 1 else 1.0


def agreement(rows: Sequence[Row], value: str) -> dict[str, Any]:
    """Statistics of one of a row's predictions against the timing layer."""
    pairs = [(row.timed, getattr(row, value)) for row in rows]
    errors = sorted(math.exp(abs(math.log(guess / us))) - 1 for us, guess in pairs)
    cases = [[row for row in rows if row.case == case] for case in dict.fromkeys(row.case for row in rows)]
    picks = [
        min(case, key=lambda row: getattr(row, value)).timed / min(row.timed for row in case) for case in cases if len(case) > 1
    ]
    within = [correlation([row.timed for row in case], [getattr(row, value) for row in case]) for case in cases if len(case) > 2]
    found: dict[str, Any] = {
        "rows": len(rows),
        "median_error": statistics.median(errors),
        "p90_error": errors[math.ceil(0.9 * len(errors)) - 1],
        "rank_correlation": correlation(*zip(*pairs, strict=True)) if len(pairs) > 2 else None,
    }
    if picks:
        shares = {
            f"best_within_{percent}_percent": sum(p <= 1 + percent / 100 for p in picks) / len(picks) for percent in (5, 20)
        }
        found |= {"choices": len(picks), "rank_correlation_within_a_choice": statistics.median(within), **shares}
    return found


def estimate_microseconds() -> float:
    """CPU time of one estimate of the sums of a wave."""
    from amdc.cost import Mix, Shape

    wave, times = Mix(valu=1e5, lds=1e4, vmem=1e3, load_bytes=1e5, alone=2e5), 2000
    started = time.process_time()
    for groups in range(1, times + 1):
        estimate(wave, Shape(4, 2, 2), groups, 1e6, HARDWARE)
    return (time.process_time() - started) / times * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = list(dict.fromkeys(kind for kind, _ in AGREEMENT.values()))
    parser.add_argument("classes", nargs="*", default=kinds, help=f"of: {', '.join(kinds)}")
    parser.add_argument("--database", type=Path, default=Path(tempfile.gettempdir()) / "amdc-cost-model.sqlite")
    parser.add_argument("--candidates", type=int, default=8, help="of a problem, spread over their ranking [8]")
    parser.add_argument("--record", action="store_true", help="write benchmarks/results/cost_model.json")
    arguments = parser.parse_args()
    rows: list[Row] = []
    with Database(arguments.database) as database:
        for case, (kind, model) in AGREEMENT.items():
            if kind in arguments.classes:
                rows += measure(case, kind, model, database, arguments.candidates)
    result: dict[str, Any] = {"cpu_microseconds_an_estimate": round(estimate_microseconds(), 1)}
    for kind in arguments.classes:
        of_kind = [row for row in rows if row.kind == kind]
        result[kind] = {"from code": agreement(of_kind, "predicted")}
        if chosen := [row for row in of_kind if row.formula is not None]:
            result[kind]["formula"] = agreement(chosen, "formula")
    print(json.dumps(result, indent=1))
    if arguments.record:
        head = description("python benchmarks/cost_model.py")
        (RESULTS / "cost_model.json").write_text(json.dumps(head | {"card": "RX 580, simulated", **result}, indent=1) + "\n")


if __name__ == "__main__":
    main()
