"""Hints that follow from a kernel's instructions: bank conflicts, scattered accesses, slow operations, waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from amdc.profile.instructions import Cost
from amdc.profile.records import KernelTotal, LaunchRecord, Prediction
from amdc.sim.timing.machine import QUARTER_RATE
from amdc.sim.timing.operations import Kind

CONFLICTS = 0.10  # of the kernel's clocks
SCATTERED = 1.5  # clocks of an access over those of a coalesced one
SCATTERED_BUSY = 0.3  # of the clocks with address units busy
MULTIPLY_ADDS = 0.85  # of VALU clocks, below which the rest is worth a look
QUARTER = 0.15  # of VALU clocks in operations of quarter rate
WAITING = 0.25  # of the kernel's time at one place
BARRIERS = 0.15  # of the kernel's time at barriers
STALLS = {  # what helps where waves wait
    Kind.WAIT: "issue the loads that it waits for earlier, or more of them at once",
    Kind.LOAD: "the address unit's queue is full: wider loads, or fewer of them one after another",
    Kind.STORE: "the address unit's queue is full: wider stores, or fewer of them one after another",
    Kind.SMEM: "load scalars once, before the loop",
    Kind.LDS: "the LDS queue is full: wider accesses (b128), or fewer of them one after another",
}
WAVE, LDS_READ = 64, 128  # lanes; bytes a clock [CLRX]
MULTIPLY_ADD = ("v_mac_f32", "v_mad_f32", "v_madmk_f32", "v_madak_f32", "v_mac_f16", "v_mad_f16")


def instruction_hints(kernel: KernelTotal, longest: LaunchRecord, costs: Sequence[Cost]) -> Iterator[tuple[str, str]]:
    """(figure, advice) pairs; of the kernel's longest launch where they come from its units."""
    if longest.prediction is not None:
        yield from _lds(kernel, longest.prediction, costs)
        yield from _l2(kernel, longest.prediction)
        yield from _scattered(longest.prediction, costs)
    yield from _vector(kernel, costs)
    yield from _waiting(kernel, costs)


def _lds(kernel: KernelTotal, longest: Prediction, costs: Sequence[Cost]) -> Iterator[tuple[str, str]]:
    """Bank conflicts, or else tiles too small for what they read: TM x TN values a lane take 4 (TM + TN) bytes for TM TN
    multiply-adds."""
    busy, read = longest.busy["LDS"], _bytes_a_multiply_add(costs)
    if longest.lds_conflict_clocks * busy >= CONFLICTS:
        yield (
            f"LDS is busy {busy:.0%} of the time, {longest.lds_conflict_clocks:.0%} of that with bank conflicts",
            "pad the rows in LDS, or give neighbouring lanes neighbouring words",
        )
    elif kernel.bound == "LDS" and read:
        yield (
            f"LDS is busy {busy:.0%} of the time, the VALU {longest.busy['VALU']:.0%}: {read:.1f} bytes read a multiply-add",
            "a larger tile a lane reads less: 4x4 needs 2 bytes, 8x8 needs 1",
        )


def _bytes_a_multiply_add(costs: Sequence[Cost]) -> float:
    """Bytes read from LDS, 0 without multiply-adds."""
    multiply_adds = WAVE * sum(cost.issues for cost in costs if cost.instruction.op.name in MULTIPLY_ADD)
    reads = [cost.issues * cost.least_clocks * LDS_READ for cost in costs if cost.instruction.op.name.startswith("ds_read")]
    return sum(reads) / multiply_adds if multiply_adds else 0.0


def _l2(kernel: KernelTotal, longest: Prediction) -> Iterator[tuple[str, str]]:
    if kernel.bound == "L2":
        yield (
            f"L2 is busy {longest.busy['L2']:.0%} of the time; {longest.l1_hit_rate:.0%} of the lines are found in L1",
            "stage what the lanes of a work-group share in LDS, or give each work-group a larger tile",
        )


def _scattered(longest: Prediction, costs: Sequence[Cost]) -> Iterator[tuple[str, str]]:
    """The global access that spends most clocks beyond those of a coalesced one."""
    accesses = [cost for cost in costs if cost.kind in (Kind.LOAD, Kind.STORE) and cost.issues]
    if not accesses or longest.busy["VMEM"] < SCATTERED_BUSY:
        return
    worst = max(accesses, key=lambda cost: cost.busy - cost.issues * cost.least_clocks)
    clocks = worst.busy / worst.issues
    if clocks > SCATTERED * worst.least_clocks:
        yield (
            f"address units are busy {longest.busy['VMEM']:.0%} of the time; {_at(worst)} takes {clocks:.0f} clocks a wave, "
            f"coalesced {worst.least_clocks}",
            "its lanes touch many cache lines: let neighbouring lanes access neighbouring addresses",
        )


def _vector(kernel: KernelTotal, costs: Sequence[Cost]) -> Iterator[tuple[str, str]]:
    vector = [cost for cost in costs if cost.kind == Kind.VALU]
    clocks = sum(cost.busy for cost in vector)
    if kernel.bound != "VALU" or not clocks:
        return
    slow = [cost for cost in vector if cost.least_clocks >= QUARTER_RATE]
    share = sum(cost.busy for cost in slow) / clocks
    if share > QUARTER:
        worst = max(slow, key=lambda cost: cost.busy)
        yield (
            f"VALU bound: {share:.0%} of its clocks in operations of quarter rate, most at {_at(worst)}",
            "compute them once for several elements, or in another form",
        )
    useful = sum(cost.busy for cost in vector if cost.instruction.op.name in MULTIPLY_ADD) / clocks
    if 0 < useful < MULTIPLY_ADDS:
        other = max((cost for cost in vector if cost.instruction.op.name not in MULTIPLY_ADD), key=lambda cost: cost.busy)
        yield (
            f"VALU bound: {useful:.0%} of its clocks are multiply-adds; the most other at {_at(other)}",
            "a larger tile a lane, or unrolling, spreads index arithmetic over more multiply-adds",
        )


def _waiting(kernel: KernelTotal, costs: Sequence[Cost]) -> Iterator[tuple[str, str]]:
    barriers = sum(cost.us for cost in costs if cost.kind == Kind.BARRIER)
    if barriers > BARRIERS * kernel.kernel_us:
        yield (
            f"waves spend {barriers / kernel.kernel_us:.0%} of the time at barriers",
            "they wait for the slowest of their group: share its work more evenly, or let a second LDS buffer replace a barrier",
        )
    if kernel.bound == "latency":
        yield from _longest_wait(kernel, costs)


def _longest_wait(kernel: KernelTotal, costs: Sequence[Cost]) -> Iterator[tuple[str, str]]:
    """The line (without a line table: the instruction) at which waves stall longest, for memory or for its pipe."""
    stalls: dict[str, list[Cost]] = defaultdict(list)
    for cost in costs:
        if cost.kind in STALLS:
            stalls[cost.where or hex(cost.instruction.address)].append(cost)
    if not stalls:
        return
    worst = max(stalls.values(), key=lambda group: sum(cost.stalled_us for cost in group))
    stalled = sum(cost.stalled_us for cost in worst) / kernel.kernel_us
    if stalled > WAITING:
        longest = max(worst, key=lambda cost: cost.stalled_us)
        yield f"latency bound: waves wait {stalled:.0%} of the time at {_at(longest)}", STALLS[longest.kind]


def _at(cost: Cost) -> str:
    return f"{cost.text} ({cost.where or hex(cost.instruction.address)})"
