"""The lines of source at which the costliest kernels spend their time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from amdc.profile.instructions import Cost
from amdc.profile.records import HotKernel, HotLine

LINES = 10  # of each kernel


def hot_kernel(kernel: str, costs: Sequence[Cost], sources: Mapping[str, str], lines: int = LINES) -> HotKernel:
    """The costliest lines of a kernel. Without a line table each instruction is a line of its own."""
    groups: dict[str, list[Cost]] = defaultdict(list)
    for cost in costs:
        groups[cost.where or f"+0x{cost.address:x}"].append(cost)
    total = sum(cost.us for cost in costs)
    made = [_line(where, group, sources, total) for where, group in groups.items()]
    chosen = tuple(sorted(made, key=lambda line: -line.us)[:lines])
    return HotKernel(kernel, total, chosen, sum(line.share for line in chosen))


def _line(where: str, group: Sequence[Cost], sources: Mapping[str, str], total: float) -> HotLine:
    costliest = max(group, key=lambda cost: cost.us)
    us = sum(cost.us for cost in group)
    return HotLine(
        where=where,
        text=sources.get(where, ""),
        instruction=costliest.text,
        us=us,
        share=us / total if total else 0.0,
        stalled=sum(cost.stalled_us for cost in group) / us if us else 0.0,
        issues=sum(cost.issues for cost in group),
    )
