"""From the samples of a run to its records: launches, and their totals by kernel, by layer and in all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from amdc.profile.collect import Sample
from amdc.profile.records import KernelTotal, LaunchRecord, LayerTotal, Prediction, Totals
from amdc.profile.roofline import floor_us
from amdc.program import Kernel, Program
from amdc.sim.timing import LaunchTiming
from amdc.sim.timing.timer import bound
from amdc.target import Card


def launch_records(samples: Sequence[Sample], programs: Mapping[str, Program], card: Card) -> tuple[LaunchRecord, ...]:
    """A record a launch, each starting where the one before ends."""
    total = sum(sample.us for sample in samples) or 1.0
    records: list[LaunchRecord] = []
    start = 0.0
    for index, sample in enumerate(samples):
        records.append(_record(index, sample, programs[sample.program], card, start, total))
        start += sample.us
    return tuple(records)


def _record(index: int, sample: Sample, program: Program, card: Card, start: float, total: float) -> LaunchRecord:
    launch, prediction = sample.launch, _prediction(sample.timing) if sample.timing else None
    busy_us = prediction.kernel_us if prediction else sample.us
    moved = prediction.dram_bytes if prediction else launch.bytes_moved
    return LaunchRecord(
        index=index,
        program=sample.program,
        kernel=launch.kernel,
        nodes=launch.source or (launch.node,),
        grid=launch.grid,
        block=program.kernels[launch.kernel].block,
        start_us=start,
        us=sample.us,
        share=sample.us / total,
        flops=launch.flops,
        bytes_moved=launch.bytes_moved,
        floor_us=floor_us(launch, card)[0],
        peak_share=_peak_share(launch.flops, busy_us, card),
        dram_share=_dram_share(moved, busy_us, card),
        prediction=prediction,
    )


def _prediction(timing: LaunchTiming) -> Prediction:
    return Prediction(
        kernel_us=timing.microseconds,
        launch_us=timing.launch_us,
        clocks=timing.clocks,
        bound=timing.bound,
        kernel_bound=bound(timing.busy, timing.microseconds, launch_us=0.0),
        busy=timing.busy,
        waves_per_simd=timing.waves_per_simd,
        waves_in_flight=timing.waves_in_flight,
        limiter=timing.limiter,
        dram_bytes=timing.dram_bytes,
        l2_bytes=timing.l2_bytes,
        l1_hit_rate=timing.l1_hit_rate,
        l2_hit_rate=timing.l2_hit_rate,
        lds_conflict_clocks=timing.lds_conflict_clocks,
        simulated=timing.simulated,
    )


def _peak_share(flops: float, us: float, card: Card) -> float:
    return flops / (us * card.fp32_tflops * 1e6) if us else 0.0


def _dram_share(nbytes: float, us: float, card: Card) -> float:
    return nbytes / (us * card.dram_gbps * 1e3) if us else 0.0


def kernel_totals(records: Sequence[LaunchRecord], programs: Mapping[str, Program], card: Card) -> tuple[KernelTotal, ...]:
    """A total a kernel, the costliest first."""
    mine: dict[str, list[LaunchRecord]] = defaultdict(list)
    for record in records:
        mine[record.kernel].append(record)
    made = [_kernel_total(rows, programs[rows[0].program].kernels[name], card) for name, rows in mine.items()]
    return tuple(sorted(made, key=lambda row: -row.us))


def _kernel_total(rows: Sequence[LaunchRecord], kernel: Kernel, card: Card) -> KernelTotal:
    busy_us = sum(row.kernel_us for row in rows)
    known = [row.prediction for row in rows if row.prediction]
    moved = sum(p.dram_bytes for p in known) if known else sum(row.bytes_moved for row in rows)
    return KernelTotal(
        kernel=rows[0].kernel,
        template=kernel.template,
        launches=len(rows),
        us=sum(row.us for row in rows),
        kernel_us=busy_us,
        share=sum(row.share for row in rows),
        floor_us=sum(row.floor_us for row in rows),
        peak_share=_peak_share(sum(row.flops for row in rows), busy_us, card),
        dram_share=_dram_share(moved, busy_us, card),
        vgprs=kernel.vgprs,
        sgprs=kernel.sgprs,
        lds_bytes=kernel.lds_bytes,
        scratch_bytes=kernel.scratch_bytes,
        waves_per_simd=kernel.waves_per_simd,
        bound=_most([(p.kernel_bound, p.kernel_us) for p in known]),
        limiter=_most([(p.limiter, p.kernel_us) for p in known]),
        waves_in_flight=_mean([(p.waves_in_flight, p.kernel_us) for p in known]),
    )


def _most(weighted: Sequence[tuple[str, float]]) -> str | None:
    """The word with the largest sum of weights."""
    sums: dict[str, float] = defaultdict(float)
    for word, weight in weighted:
        sums[word] += weight
    return max(sums, key=lambda word: sums[word]) if sums else None


def _mean(weighted: Sequence[tuple[float, float]]) -> float | None:
    weights = sum(weight for _, weight in weighted)
    return sum(value * weight for value, weight in weighted) / weights if weights else None


def layer_totals(records: Sequence[LaunchRecord]) -> tuple[LayerTotal, ...]:
    """The run by groups of the user's nodes, in the order of their first launches."""
    groups: list[tuple[set[str], list[LaunchRecord]]] = []
    for record in records:
        joined = [group for group in groups if group[0] & set(record.nodes)]
        for group in joined[1:]:
            joined[0][0].update(group[0])
            joined[0][1].extend(group[1])
            groups.remove(group)
        if joined:
            joined[0][0].update(record.nodes)
            joined[0][1].append(record)
        else:
            groups.append((set(record.nodes), [record]))
    return tuple(_layer(rows) for _, rows in groups)


def _layer(rows: Sequence[LaunchRecord]) -> LayerTotal:
    return LayerTotal(
        nodes=tuple(dict.fromkeys(node for row in rows for node in row.nodes)),
        launches=tuple(sorted(row.index for row in rows)),
        us=sum(row.us for row in rows),
        share=sum(row.share for row in rows),
        floor_us=sum(row.floor_us for row in rows),
    )


def totals(records: Sequence[LaunchRecord]) -> Totals:
    """The sums over a run."""
    us, least = sum(row.us for row in records), sum(row.floor_us for row in records)
    known = [row.prediction for row in records if row.prediction]
    return Totals(
        launches=len(records),
        us=us,
        flops=sum(row.flops for row in records),
        bytes_moved=sum(row.bytes_moved for row in records),
        floor_us=least,
        floor_share=least / us if us else 0.0,
        kernel_us=sum(p.kernel_us for p in known) if known else None,
        launch_us=sum(p.launch_us for p in known) if known else None,
        dram_bytes=sum(p.dram_bytes for p in known) if known else None,
    )
