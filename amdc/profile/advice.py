"""What to try next: each hint follows from a figure of the run, and names it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from amdc.profile.advice_instructions import instruction_hints
from amdc.profile.instructions import Cost
from amdc.profile.records import Hint, KernelTotal, LaunchRecord, Totals
from amdc.target import Card, Target

WORTH = 0.02  # of the run's time above a kernel's roofline limit, for the kernel to be spoken of
LAUNCHES = 0.25  # of the run's time in launches
AMPLIFIED = 1.5  # DRAM bytes over the least bytes
AT_THE_LIMIT = 0.95  # of the sustained DRAM rate
EVEN = 0.8  # of the CUs' time, where work-groups fill them evenly enough
THIN = 0.75  # of the waves that fit, below which a grid keeps too few in flight
NAMED = 3  # kernels, the most frequent of the short ones
MOST = 12  # hints


def hints(
    sums: Totals,
    records: Sequence[LaunchRecord],
    kernels: Sequence[KernelTotal],
    costs: Mapping[str, Sequence[Cost]],
    hardware: Target,
    card: Card,
) -> tuple[Hint, ...]:
    """The hints, those with the most to gain first. None without predictions: events tell how long, not why."""
    found = list(_launches(sums, records))
    for kernel in kernels:
        gain = kernel.kernel_us - kernel.floor_us
        if kernel.bound is None or gain < WORTH * sums.us:
            continue
        mine = [record for record in records if record.kernel == kernel.kernel]
        longest = max(mine, key=lambda record: record.kernel_us)
        nodes = longest.nodes if len(mine) > 1 else ()
        of_all = (*_spills(kernel), *_traffic(kernel, mine, hardware), *_waves(kernel, hardware))
        of_longest = (*_groups(longest, kernel, card), *instruction_hints(kernel, longest, costs.get(kernel.kernel, ())))
        found += [Hint(kernel.kernel, (), figure, advice, gain) for figure, advice in of_all]
        found += [Hint(kernel.kernel, nodes, figure, advice, gain) for figure, advice in of_longest]
    return tuple(sorted(found, key=lambda hint: -hint.us)[:MOST])


def _launches(sums: Totals, records: Sequence[LaunchRecord]) -> Iterator[Hint]:
    if sums.launch_us is None or sums.launch_us < LAUNCHES * sums.us:
        return
    short = Counter(r.kernel for r in records if r.prediction and r.prediction.kernel_us < r.prediction.launch_us)
    most = ", ".join(f"{count} of {kernel}" for kernel, count in short.most_common(NAMED))
    shorter = f"{short.total()} of {sums.launches} kernels run shorter than theirs"
    yield Hint(
        kernel="(the run)",
        nodes=(),
        figure=f"launches take {sums.launch_us / sums.us:.0%}; {shorter} ({most})",
        advice="a larger batch spreads them over more work; fused with their neighbours, short kernels need none",
        us=sums.launch_us,
    )


def _spills(kernel: KernelTotal) -> Iterator[tuple[str, str]]:
    if kernel.scratch_bytes:
        yield (
            f"{kernel.scratch_bytes} bytes of scratch memory a lane",
            f"registers spill at {kernel.vgprs} VGPRs: a smaller tile a lane",
        )


def _traffic(kernel: KernelTotal, records: Sequence[LaunchRecord], hardware: Target) -> Iterator[tuple[str, str]]:
    if kernel.bound != "DRAM":
        return
    moved = sum(r.prediction.dram_bytes for r in records if r.prediction)
    least = sum(r.bytes_moved for r in records)
    if least and moved > AMPLIFIED * least:
        yield (
            f"DRAM bound: {moved / least:.1f} times the least bytes ({moved / 1e6:.1f} instead of {least / 1e6:.1f} MB)",
            "operands are read again after they left the L2: larger tiles, or an order of work-groups that shares them",
        )
    elif kernel.dram_share >= AT_THE_LIMIT * hardware.dram_efficiency:
        yield (
            f"DRAM bound at {kernel.dram_share:.0%} of the pin rate, of which streams reach {hardware.dram_efficiency:.0%}",
            "only fewer bytes help: a narrower type, or fusion with the kernel that writes its input",
        )


def _groups(longest: LaunchRecord, kernel: KernelTotal, card: Card) -> Iterator[tuple[str, str]]:
    """Of work-groups that do not fill the CUs evenly (the last of them run while other CUs are idle), or only thinly."""
    rounds = -(-longest.work_groups // card.compute_units)
    used = longest.work_groups / (rounds * card.compute_units)
    if used < EVEN:
        most = f", {rounds} on the fullest" if rounds > 1 else ""
        yield (
            f"{longest.work_groups} work-group{'s' * (longest.work_groups > 1)} on {card.compute_units} CUs{most}: "
            f"{1 - used:.0%} of the card's time is idle",
            "smaller tiles, or long sums split among work-groups",
        )
        return
    found = longest.prediction
    if kernel.bound == "latency" and found and found.limiter == "grid" and found.waves_in_flight < THIN * found.waves_per_simd:
        waves = f"{found.waves_in_flight:.1f} of {found.waves_per_simd} waves a SIMD in flight"
        yield (
            f"latency bound: {longest.work_groups} work-groups keep {waves}",
            "more work-groups hide more latency: smaller tiles, or long sums split among them",
        )


def _waves(kernel: KernelTotal, hardware: Target) -> Iterator[tuple[str, str]]:
    if kernel.bound != "latency":
        return
    waves = f"latency bound with {kernel.waves_per_simd:g} waves a SIMD, limited by {kernel.limiter}"
    more = int(kernel.waves_per_simd) + 1
    if kernel.limiter == "VGPR":
        granule = hardware.vgpr_granule
        allowed = hardware.vgprs_per_lane // more // granule * granule
        yield f"{waves} ({kernel.vgprs})", f"at most {allowed} VGPRs give {more} waves; or load further ahead of use"
    elif kernel.limiter == "LDS":
        yield f"{waves} ({kernel.lds_bytes} bytes a work-group)", "less LDS a work-group, or load further ahead of use"
