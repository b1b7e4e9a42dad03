"""What the timing layer says of a launch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InstructionTiming:
    """One instruction, over all simulated waves. `address` is the code object's. `issues`: how often a wave issued it; `busy`:
    clocks that it kept its unit; `stall`: clocks that waves waited at it (of a run of vector instructions: at its first)."""

    address: int
    name: str
    issues: int
    busy: float
    stall: float


@dataclass(frozen=True)
class LaunchTiming:
    """A launch's predicted time. `clocks`: from its start to its last completion, what L2 has to write back included, without
    launch overhead; `microseconds` the same at the card's sustained clock; `launch_us` what a launch adds.

    `bound`: "VALU", "SALU", "LDS", "VMEM", "L2", "DRAM" (the busiest unit, where it is busy half of the time), "launch" (where
    the launch costs more than the kernel) or "latency". `busy`: each unit's share of the clocks, averaged over the card, for L2
    and DRAM of the busiest channel. `waves_per_simd`: occupancy that the resources allow, `limiter` what limits it ("VGPR",
    "SGPR", "LDS", "work-group", "waves", "grid"). `waves_in_flight`: waves a SIMD, averaged over time. Bytes are those of the
    whole launch, scaled up from the `simulated` of its `groups` work-groups. `lds_conflict_clocks`: the share of the LDS's busy
    clocks that bank conflicts add."""

    kernel: str
    grid: tuple[int, int, int]
    block: tuple[int, int, int]
    clocks: float
    microseconds: float
    launch_us: float
    bound: str
    busy: dict[str, float]
    waves_per_simd: int
    waves_in_flight: float
    limiter: str
    dram_bytes: float
    l2_bytes: float
    l1_hit_rate: float
    l2_hit_rate: float
    lds_conflict_clocks: float
    groups: int
    simulated: int
    instructions: tuple[InstructionTiming, ...]

    @property
    def total_us(self) -> float:
        """Kernel and launch, in microseconds."""
        return self.microseconds + self.launch_us
