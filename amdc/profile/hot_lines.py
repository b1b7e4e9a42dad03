"""The places at which the costliest kernels spend their time: lines of source, or without a line table basic blocks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from amdc.profile.instructions import Cost
from amdc.profile.records import HotKernel, HotLine
from amdc.sim.translate.blocks import Block

LINES = 10  # of each kernel
NAMES = 4  # of instructions that describe a block


def hot_kernel(kernel: str, costs: Sequence[Cost], sources: Mapping[str, str], lines: int = LINES) -> HotKernel:
    """The costliest places of a kernel. `sources` are the texts of its lines."""
    from_source = any(cost.where for cost in costs)
    groups: dict[str, list[Cost]] = defaultdict(list)
    for cost in costs:
        groups[cost.where if from_source else _range(cost.block)].append(cost)
    total = sum(cost.us for cost in costs)
    made = [_line(where, group, sources.get(where, "") if from_source else mix(group), total) for where, group in groups.items()]
    chosen = tuple(sorted(made, key=lambda line: -line.us)[:lines])
    return HotKernel(kernel, total, from_source, chosen, sum(line.share for line in chosen))


def _range(block: Block) -> str:
    return f"0x{block.address:x}..0x{block.next:x}"


def mix(costs: Sequence[Cost]) -> str:
    """What a block consists of: its most frequent instructions, such as "64 v_mac_f32, 8 ds_read_b128"."""
    counts = Counter(cost.instruction.op.name for cost in costs)
    named = [f"{count} {name}" for name, count in counts.most_common(NAMES)]
    rest = len(costs) - sum(count for _, count in counts.most_common(NAMES))
    return ", ".join([*named, *([f"{rest} others"] if rest else [])])


def _line(where: str, group: Sequence[Cost], text: str, total: float) -> HotLine:
    costliest = max(group, key=lambda cost: cost.us)
    us = sum(cost.us for cost in group)
    return HotLine(
        where=where or "(no line)",
        text=text,
        instruction=costliest.text,
        us=us,
        share=us / total if total else 0.0,
        stalled=sum(cost.stalled_us for cost in group) / us if us else 0.0,
        issues=sum(cost.issues for cost in group),
    )
