"""From what one wave asks, how many waves there are, and the card: predicted microseconds, and what bounds them.

The busiest CU works through its work-groups in rounds of as many as it holds at once. A round lasts as long as the unit that is
asked most of needs, and no less than one wave takes alone: bottleneck analysis (Lazowska et al., "Quantitative System
Performance", chapter 5), with the last, partial round counted by itself. L2 and DRAM bound all CUs together.
"""

from __future__ import annotations

from dataclasses import dataclass

from amdc.cost.facts import KernelFacts, Shape
from amdc.cost.mix import Mix
from amdc.sim.timing.machine import machine
from amdc.target import Card, Target


@dataclass(frozen=True)
class CostEstimate:
    """`us`: predicted microseconds of one launch, the time that launching takes included. `bound`: what takes longest, of "VALU",
    "LDS", "VMEM", "L2", "DRAM", "latency", "launch"."""

    us: float
    bound: str


def predict(
    facts: KernelFacts, trips: tuple[float, ...], groups: int, nbytes: float, hardware: Target, card: Card | None = None
) -> CostEstimate:
    """One launch of a compiled kernel whose loops (`facts.loops`) run `trips` iterations in all; otherwise as `estimate`."""
    return estimate(facts.total(trips), facts.shape, groups, nbytes, hardware, card)


def estimate(wave: Mix, shape: Shape, groups: int, nbytes: float, hardware: Target, card: Card | None = None) -> CostEstimate:
    """One launch of `groups` work-groups whose waves ask for `wave`. `nbytes`: bytes that must pass between chip and DRAM; the
    card is by default the target's."""
    model = machine(card or hardware.card())
    most = -(-groups // model.compute_units)  # of the busiest CU
    full, rest = divmod(most, max(shape.groups_per_cu, 1))
    rounds = [(full, min(most, shape.groups_per_cu))] * (full > 0) + [(1, rest)] * (rest > 0)
    bounds: dict[str, float] = {}
    for times, resident in rounds:
        for unit, clocks in _round(wave, shape, resident, hardware.simds_per_cu).items():
            bounds[unit] = bounds.get(unit, 0) + times * clocks
    waves = groups * shape.group_waves
    bounds["L2"] = waves * (wave.load_bytes + wave.store_bytes) / (model.l2_bytes * model.l2_channels)
    bounds["DRAM"] = nbytes / model.dram_bytes_per_clock
    us = {unit: clocks / ((model.loaded_ghz if unit == "VALU" else model.clock_ghz) * 1e3) for unit, clocks in bounds.items()}
    longest = max(us, key=us.__getitem__)
    return CostEstimate(us[longest] + hardware.launch_us, longest if us[longest] > hardware.launch_us else "launch")


def _round(wave: Mix, shape: Shape, resident: int, simds: int) -> dict[str, float]:
    """Clocks of each bound for `resident` work-groups that start together on one CU."""
    waves = resident * shape.group_waves
    on_one_simd = -(-waves // simds)
    return {
        "VALU": on_one_simd * wave.valu,
        "LDS": waves * wave.lds,
        "VMEM": waves * wave.vmem,
        "latency": wave.alone,
    }
