"""From what one wave asks, how many waves there are, and the card: predicted microseconds, and what bounds them.

The busiest CU works through its work-groups in rounds of as many as it holds at once; the last, partial round counts by itself.
A round lasts no less than one wave takes alone, and no less than its units need; then all CUs share L2 and DRAM: bottleneck
analysis (Lazowska et al., "Quantitative System Performance", chapter 5). As waves keep units busy neither one after the other nor
all at once, times are joined by norms: of the exponents tried, these came closest to the timing layer on GEMM, convolution and
memory-bound kernels (benchmarks/cost_model.py); they are fitted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from amdc.cost.facts import KernelFacts, Shape
from amdc.cost.mix import Mix
from amdc.sim.timing.machine import machine
from amdc.target import Card, Target

OF_A_CU, OF_THE_CARD = 3, 4  # exponents: units of a CU and the waves' own latency; CUs, L2 and DRAM. Fitted


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
    most, held = -(-groups // model.compute_units), max(shape.groups_per_cu, 1)  # of the busiest CU
    busy, clocks = dict.fromkeys(("VALU", "LDS", "VMEM", "latency"), 0.0), 0.0
    for times, resident in ((most // held, held), (1, most % held)):
        waves = resident * shape.group_waves
        units = (-(-waves // hardware.simds_per_cu) * wave.valu, waves * wave.lds, waves * wave.vmem)
        alone = wave.alone if resident else 0.0
        clocks += times * _joined((*units, alone), OF_A_CU)
        for name, value in zip(busy, (*units, alone), strict=True):
            busy[name] += times * value
    l2 = groups * shape.group_waves * (wave.load_bytes + wave.store_bytes) / (model.l2_bytes * model.l2_channels)
    shared = {max(busy, key=busy.__getitem__): clocks, "L2": l2, "DRAM": nbytes / model.dram_bytes_per_clock}
    longest = max(shared, key=shared.__getitem__)
    us = _joined(shared.values(), OF_THE_CARD) / ((model.loaded_ghz if longest == "VALU" else model.clock_ghz) * 1e3)
    return CostEstimate(us + hardware.launch_us, longest if us > hardware.launch_us else "launch")


def _joined(clocks: Iterable[float], exponent: int) -> float:
    """Between the largest of them and their sum."""
    return float(sum(value**exponent for value in clocks) ** (1 / exponent))
