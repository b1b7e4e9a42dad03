"""Predicts a launch's time: picks work-groups to record, replays them, and says what the launch as a whole takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

from amdc.cache import Cache
from amdc.code_object import CodeObject, KernelInfo, group_limits, groups_per_cu
from amdc.errors import InternalError, UsageError
from amdc.sim.kernarg import LaunchShape
from amdc.sim.timing import sampling
from amdc.sim.timing.engine import Replay, replay
from amdc.sim.timing.machine import machine
from amdc.sim.timing.operations import Kind, Operation, kernel_operations, working_clocks
from amdc.sim.timing.report import InstructionTiming, LaunchTiming
from amdc.sim.timing.trace import Recording
from amdc.sim.translate.blocks import Explorer, branch_target, is_control
from amdc.target import Card, Target

INSTRUCTIONS_A_WORD = 8  # of a trace, about: GEMM has 10, streams have fewer
LOOP_GUESS = 32  # times that code with a loop is taken to run through, to choose how many work-groups to record
BUSY_ENOUGH = 0.5  # of the clocks, for a unit to be what bounds a kernel


@dataclass(frozen=True)
class _Kernel:
    """A kernel's static facts."""

    blocks: list[list[Operation]]
    instructions: int
    loops: bool


class Timer:
    """Predicts times on one card. `cache` holds the compiled engine."""

    def __init__(self, target: Target, card: Card, cache: Cache) -> None:
        self.target, self.card = target, card
        self.machine = machine(card)
        self._cache = cache
        self._kernels: dict[tuple[bytes, int], _Kernel] = {}

    def sample(self, code: CodeObject, kernel: KernelInfo, shape: LaunchShape, first: Recording | None = None) -> sampling.Sample:
        """The work-groups to record. `first`: one of them, recorded to see how long they are; without it that is guessed."""
        if first:
            traces = first.traces()
            instructions = INSTRUCTIONS_A_WORD * len(traces[0]) if traces else sampling.WAVE_BUDGET
        else:
            facts = self._facts(code, kernel)
            instructions = facts.instructions * self._group_waves(shape) * (LOOP_GUESS if facts.loops else 1)
        resident = self._groups_per_cu(kernel, shape) * self.machine.compute_units
        return sampling.choose(math.prod(shape.grid), resident, instructions)

    def time(
        self, code: CodeObject, kernel: KernelInfo, shape: LaunchShape, sample: sampling.Sample, recording: Recording
    ) -> LaunchTiming:
        """The launch's time from what was recorded. Raises `UsageError` where there was no room for as many work-groups as the
        card holds at once."""
        traces = recording.traces()
        if len(traces) < len(sample.groups):
            shrunk = sampling.shrink(sample, len(traces))
            if shrunk is None:
                raise UsageError(f"kernel {kernel.name}: its work-groups run too long to be timed; time a smaller problem")
            sample, traces = shrunk, traces[: len(shrunk.groups)]
        facts, per_cu = self._facts(code, kernel), self._groups_per_cu(kernel, shape)
        played = replay(facts.blocks, traces, self.machine, self.target, per_cu, self._group_waves(shape), self._cache)
        return self._report(kernel, shape, sample, facts, played)

    def _report(
        self, kernel: KernelInfo, shape: LaunchShape, sample: sampling.Sample, facts: _Kernel, played: Replay
    ) -> LaunchTiming:
        total, traced = math.prod(shape.grid), len(sample.groups)
        clocks, scale = sampling.extrapolate(played.flushed, played.finishes, sample), total / traced
        cus, simds, counts = self.machine.compute_units, self.target.simds_per_cu, played.counts
        shares = {"VALU": cus * simds, "SALU": cus * simds, "LDS": cus, "VMEM": cus, "L2": 1, "DRAM": 1}
        busy = {unit: played.busy[unit] * scale / (clocks * share) for unit, share in shares.items()}
        line = self.target.cache_line * scale
        us, group_waves, per_cu = (
            self._microseconds(clocks, worked(facts.blocks, played) * scale / (clocks * cus * simds)),
            self._group_waves(shape),
            self._groups_per_cu(kernel, shape),
        )
        return LaunchTiming(
            kernel=kernel.name,
            grid=shape.grid,
            block=shape.block,
            clocks=clocks,
            microseconds=us,
            launch_us=self.target.launch_us,
            bound=bound(busy, us, self.target.launch_us),
            busy=busy,
            waves_per_simd=-(-per_cu * group_waves // simds),
            waves_in_flight=played.wave_time * scale / clocks / (cus * simds),
            limiter="grid" if total < per_cu * cus else self._limiter(kernel, shape),
            dram_bytes=(counts["dram_reads"] + counts["writebacks"] + counts["dirty_left"]) * line,
            l2_bytes=(counts["l2_hits"] + counts["l2_misses"]) * line,
            l1_hit_rate=_rate(counts["l1_hits"], counts["l1_misses"]),
            l2_hit_rate=_rate(counts["l2_hits"], counts["l2_misses"]),
            lds_conflict_clocks=_conflicts(facts, played),
            groups=total,
            simulated=traced,
            instructions=instruction_timings(facts.blocks, played),
        )

    def _microseconds(self, clocks: float, activity: float) -> float:
        """A board at its power limit lowers its clock: taken as linear in the share of time for which the SIMDs' lanes all work
        (clpeak: fp32 and integers are held down, fp64 is not)."""
        top, loaded = self.machine.clock_ghz, self.machine.loaded_ghz
        return clocks / (top - (top - loaded) * min(1.0, activity)) / 1e3

    def _facts(self, code: CodeObject, kernel: KernelInfo) -> _Kernel:
        key = code.text, kernel.entry
        if key not in self._kernels:
            flow = Explorer(code, kernel).explore()
            control = [i for i in flow.instructions if is_control(i) == "branch"]
            loops = any(branch_target(branch) <= branch.address for branch in control)
            self._kernels[key] = _Kernel(kernel_operations(flow), sum(1 for _ in flow.instructions), loops)
        return self._kernels[key]

    def _group_waves(self, shape: LaunchShape) -> int:
        return -(-math.prod(shape.block) // self.target.wave_size)

    def _limiter(self, kernel: KernelInfo, shape: LaunchShape) -> str:
        limits = group_limits(kernel, self.target, math.prod(shape.block), shape.dynamic_lds)
        return min(limits, key=lambda name: limits[name])

    def _groups_per_cu(self, kernel: KernelInfo, shape: LaunchShape) -> int:
        groups = groups_per_cu(kernel, self.target, math.prod(shape.block), shape.dynamic_lds)
        if not groups:
            raise InternalError(f"kernel {kernel.name} asks for more registers or LDS than a CU has")
        return groups


def bound(busy: dict[str, float], microseconds: float, launch_us: float) -> str:
    """What limits a launch: see `LaunchTiming`."""
    if microseconds < launch_us:
        return "launch"
    unit = max(busy, key=lambda name: busy[name])
    return unit if busy[unit] >= BUSY_ENOUGH else "latency"


def worked(blocks: list[list[Operation]], played: Replay) -> float:
    """The clocks of one SIMD for which vector instructions keep all its lanes at work."""
    operations = [operation for block in blocks for operation in block]
    vector = [operation.instructions if operation.kind == Kind.VALU else () for operation in operations]
    clocks = [sum(working_clocks(instruction.op) for instruction in instructions) for instructions in vector]
    return float((played.issues * clocks).sum())


def instruction_timings(blocks: list[list[Operation]], played: Replay) -> tuple[InstructionTiming, ...]:
    """By instruction, in the order of their addresses."""
    found, number = [], 0
    for block in blocks:
        for operation in block:
            issues, busy, stall = int(played.issues[number]), played.op_busy[number], played.op_stall[number]
            for position, instruction in enumerate(operation.instructions):
                share = busy / len(operation.instructions)
                waited = stall if position == 0 else 0.0
                found.append(InstructionTiming(instruction.address, instruction.op.name, issues, float(share), float(waited)))
            number += 1
    return tuple(sorted(found, key=lambda timing: timing.address))


def _conflicts(facts: _Kernel, played: Replay) -> float:
    """The share of LDS clocks beyond what the accesses of full waves take without conflicts."""
    operations = [operation for block in facts.blocks for operation in block]
    lds = [(i, o.clocks) for i, o in enumerate(operations) if o.kind == Kind.LDS and played.issues[i]]
    spent = sum(played.op_busy[i] for i, _ in lds)
    least = sum(min(played.op_busy[i], int(played.issues[i]) * clocks) for i, clocks in lds)
    return float(1 - least / spent) if spent else 0.0


def _rate(hits: int, misses: int) -> float:
    return hits / (hits + misses) if hits + misses else 0.0
