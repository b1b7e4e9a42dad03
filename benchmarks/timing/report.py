"""What was predicted, as lines to print and as a dictionary to record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.timing.agreement import Agreement, agreement
from benchmarks.timing.clpeak import Case
from benchmarks.timing.rows import SgemmRow, neighbours, transposed_pairs

CORE = "core"
CLASSES = (CORE, "mapping > 1", "split k")
CORE_TARGETS = {"median_error": 0.12, "p90_error": 0.30, "spearman": 0.95}
CLPEAK_TARGETS = {"compute": 0.05, "bandwidth": 0.10}
LAUNCH_BOUND_US = 100.0  # rows below it are governed by the launch
GEMV_COLUMNS = 4


@dataclass(frozen=True)
class Predicted:
    """One measured row with its prediction, GFLOPS each, its class, and what the model says bounds it."""

    row: SgemmRow
    group: str
    gflops: float
    bound: str

    @property
    def ratio(self) -> float:
        return self.gflops / self.row.gflops

    def record(self) -> dict[str, Any]:
        figures = {"measured_gflops": self.row.gflops, "predicted_gflops": round(self.gflops, 1), "ratio": round(self.ratio, 3)}
        half = "fitted" if self.row.fitted_on else "checked"
        return {"row": self.row.index, "label": self.row.label, "class": self.group, "half": half, "bound": self.bound} | figures


def _agreement(predicted: Sequence[Predicted]) -> Agreement:
    return agreement([p.gflops for p in predicted], [p.row.gflops for p in predicted])


def groups(predicted: Sequence[Predicted]) -> dict[str, list[Predicted]]:
    """By class, then by what cuts across the classes: the halves of the core, kind, launch-bound and GEMV rows, bound."""
    found: dict[str, list[Predicted]] = defaultdict(list)
    for p in predicted:
        found[p.group].append(p)
        if p.group == CORE:
            found[f"core, {'fitted' if p.row.fitted_on else 'checked'} half"].append(p)
            found[f"core, {p.row.kind}"].append(p)
            if p.row.k == 2048:
                found["core, k = 2048"].append(p)
        if p.row.microseconds < LAUNCH_BOUND_US:
            found[f"below {LAUNCH_BOUND_US:.0f} us"].append(p)
        if p.row.n <= GEMV_COLUMNS:
            found[f"n at most {GEMV_COLUMNS} (GEMV)"].append(p)
    first = [name for name in CLASSES if name in found]
    return {name: found[name] for name in (*first, *sorted(set(found) - set(first)))}


def clpeak_lines(results: Sequence[tuple[Case, float]]) -> Iterator[str]:
    """A table of clpeak's tests."""
    yield f"{'clpeak':28} {'measured':>10} {'predicted':>10} {'ratio':>7}"
    for case, figure in results:
        ratio = figure / case.measured
        yield f"{case.group:10} {case.label:17} {case.measured:10.1f} {figure:10.1f} {ratio:7.3f} {case.unit}"
    for group, limit in CLPEAK_TARGETS.items():
        worst = max(abs(figure / case.measured - 1) for case, figure in results if case.group == group)
        yield f"{group}: largest error {worst:.1%} (target: {limit:.0%})"


def sgemm_lines(predicted: Sequence[Predicted], every_row: bool) -> Iterator[str]:
    """The agreement by class, then what single effects come to; with `every_row` first a line a row."""
    if every_row:
        yield f"{'row':58} {'class':14} {'measured':>9} {'predicted':>9} {'ratio':>6} bound"
        for p in predicted:
            yield f"{p.row.label:58} {p.group:14} {p.row.gflops:9.1f} {p.gflops:9.1f} {p.ratio:6.2f} {p.bound}"
    yield f"{'SGEMM, R9 Nano, by class':28} {'rows':>5} {'median error':>13} {'90th perc.':>11} {'median ratio':>13} Spearman"
    for name, members in groups(predicted).items():
        a = _agreement(members)
        yield f"{name:28} {a.count:5} {a.median_error:13.1%} {a.p90_error:11.1%} {a.median_ratio:13.3f} {a.spearman:8.3f}"
    error, tail, rank = CORE_TARGETS.values()
    yield f"{'target (core)':34} {error:13.1%} {tail:11.1%} {'':13} {rank:8.3f}"
    yield from _effect_lines(predicted)
    yield from _worst_lines(predicted)


def effects(predicted: Sequence[Predicted]) -> dict[str, dict[str, float]]:
    """Medians over the pairs of rows that show one effect, measured and predicted: k = 2048 over its neighbours, TN over NN."""
    of = {p.row: p for p in predicted}
    camping = [(of[row], [of[o] for o in others if o in of]) for row, others in neighbours(list(of))]
    pairs = {
        "k = 2048 / other k": [(p, others) for p, others in camping if others],
        "TN / NN": [(of[t], [of[n]]) for t, n in transposed_pairs(list(of))],
    }
    found = {}
    for name, members in pairs.items():
        if members:
            measured = [p.row.gflops / np.mean([o.row.gflops for o in others]) for p, others in members]
            modelled = [p.gflops / np.mean([o.gflops for o in others]) for p, others in members]
            found[name] = {"pairs": len(members), "measured": float(np.median(measured)), "predicted": float(np.median(modelled))}
    return found


def _worst_lines(predicted: Sequence[Predicted], count: int = 6) -> Iterator[str]:
    """The rows of the core that lie farthest from silicon."""
    core = sorted((p for p in predicted if p.group == CORE), key=lambda p: abs(p.ratio - 1), reverse=True)
    yield "farthest of the core: " + "; ".join(f"{p.row.label} {p.ratio:.2f}" for p in core[:count])


def _effect_lines(predicted: Sequence[Predicted]) -> Iterator[str]:
    for name, figures in effects(predicted).items():
        pairs, measured, modelled = figures["pairs"], figures["measured"], figures["predicted"]
        yield f"{name}: median ratio {measured:.2f} measured, {modelled:.2f} predicted ({pairs:.0f} pairs)"


def _rounded(values: dict[str, float]) -> dict[str, float | None]:
    return {name: None if value != value else round(value, 4) for name, value in values.items()}


def record(clpeak: Sequence[tuple[Case, float]], predicted: Sequence[Predicted]) -> dict[str, Any]:
    """All of it, for benchmarks/results/; NaN as null."""
    return {
        "clpeak": [asdict(case) | {"unit": case.unit, "predicted": round(figure, 2)} for case, figure in clpeak],
        "targets": {"clpeak error": CLPEAK_TARGETS, "core": CORE_TARGETS},
        "classes": {name: _rounded(asdict(_agreement(members))) for name, members in groups(predicted).items()},
        "effects": {name: _rounded(figures) for name, figures in effects(predicted).items()},
        "rows": [p.record() for p in predicted],
    }
