"""What the runner prints and writes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

from amdc.onnx_backend.cases import GROUPS
from amdc.onnx_backend.expected import Verdict
from amdc.onnx_backend.outcome import Outcome


def summary(device: str, outcomes: Iterable[Outcome]) -> str:
    """Such as `host: passed 1801 of 1884 (node), 9 of 9 (real)`."""
    counts = group_counts(outcomes)
    return f"{device}: passed " + ", ".join(f"{passed} of {total} ({group})" for group, (passed, total) in counts.items())


def group_counts(outcomes: Iterable[Outcome]) -> dict[str, tuple[int, int]]:
    """Group -> (passed, all), in the suite's order."""
    results = list(outcomes)
    held = {group: [o for o in results if o.group == group] for group in GROUPS}
    return {group: (sum(o.passed for o in some), len(some)) for group, some in held.items() if some}


def failure_table(outcomes: Iterable[Outcome]) -> str:
    """The failures by operator, those with most first; cases of one operator with like reasons stand together."""
    by_operator: dict[str, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for outcome in outcomes:
        if not outcome.passed:
            by_operator[outcome.operator or "?"][re.sub(r"[\d.e+-]*\d", "#", outcome.reason)].append(outcome)
    lines = []
    for operator, reasons in sorted(by_operator.items(), key=lambda item: (-sum(map(len, item[1].values())), item[0])):
        lines.append(f"{operator}: {sum(map(len, reasons.values()))}")
        for failures in sorted(reasons.values(), key=len, reverse=True):
            names = ", ".join(o.name for o in failures)
            lines.append(f"  {len(failures)}  {failures[0].reason}\n      {names}")
    return "\n".join(lines)


def verdict_text(device: str, verdict: Verdict) -> str:
    """What the list of expected failures did not foresee; empty where it holds."""
    lines = [f"{device}: fails, but is not listed: {o.name} ({o.operator}): {o.reason}" for o in verdict.new_failures]
    lines += [f"{device}: is listed, but passes: {name}; take it off the list" for name in verdict.stale]
    lines += [f"{device}: is listed, but there is no such case: {name}" for name in verdict.unknown]
    return "\n".join(lines)
