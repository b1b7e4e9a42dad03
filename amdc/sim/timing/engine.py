"""The native engine: its structures (native/state.h: keep both in the same order), its compilation, and one call of it."""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy

from amdc.cache import Cache, content_key
from amdc.errors import UsageError
from amdc.sim.host_compiler import find_host_compiler
from amdc.sim.timing.machine import BRANCH_NOT_TAKEN, BRANCH_TAKEN, ISSUE, TICKS, Machine
from amdc.sim.timing.operations import Operation
from amdc.target import Target

NATIVE = Path(__file__).parent / "native"


class _Op(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("kind", "vm", "lgkm", "pad")] + [("ticks", ctypes.c_int64)]


class _Block(ctypes.Structure):
    _fields_ = [("first", ctypes.c_uint32), ("count", ctypes.c_uint32)]


class _Machine(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_uint32)
        for name in (
            *("cus", "simds", "groups_per_cu", "waves_per_group"),
            *("l1_sets", "l1_ways", "l2_channels", "l2_sets", "l2_ways"),
            *("dram_channels", "interleave", "scalar_sharers"),
        )
    ] + [
        (name, ctypes.c_int64)
        for name in (
            *("issue", "lds_latency", "l1_latency", "l2_latency", "dram_latency", "smem_latency", "store_latency"),
            *(
                "lds_queue",
                "address_queue",
                "l2_queue",
                "dram_queue",
                "scalar_line",
                "port_line",
                "l2_line",
                "dram_line",
                "dispatch_wave",
                "start",
                "barrier",
                "taken",
            ),
        )
    ]


class _Group(ctypes.Structure):
    _fields_ = [
        ("words", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("start", ctypes.c_int64),
        ("finish", ctypes.c_int64),
    ]


class _OpReport(ctypes.Structure):
    _fields_ = [("issues", ctypes.c_uint64), ("busy", ctypes.c_int64), ("stall", ctypes.c_int64)]


class _Report(ctypes.Structure):
    _fields_ = (
        [(name, ctypes.c_int64) for name in ("end", "flushed", "valu", "salu", "lds", "address", "wave_time")]
        + [
            (name, ctypes.c_uint64)
            for name in (
                *("l1_hits", "l1_misses", "scalar_hits", "scalar_misses", "l2_hits", "l2_misses", "dram_reads", "write_lines"),
                *("writebacks", "dirty_left", "events"),
            )
        ]
        + [(name, ctypes.c_int64) for name in ("most_l2", "most_dram")]
    )


@dataclass(frozen=True)
class Replay:
    """What one call of the engine gave. Times in clocks, by operation, work-group, or summed over the card."""

    end: float
    flushed: float
    busy: dict[str, float]
    wave_time: float
    counts: dict[str, int]
    issues: numpy.ndarray
    op_busy: numpy.ndarray
    op_stall: numpy.ndarray
    finishes: numpy.ndarray


@functools.cache
def _library(cache: Cache) -> ctypes.CDLL:
    compiler, files = find_host_compiler(), {path.name: path.read_text() for path in sorted(NATIVE.iterdir())}
    key = content_key("timing engine", *files.values(), compiler.identity)
    path = cache.get_or_make(key, lambda output: compiler.build(files["engine.c"], output, include=NATIVE))
    library = ctypes.CDLL(str(path))
    cache.release(key)
    return library


@functools.cache
def _native_machine(card: Machine, target: Target, groups_per_cu: int, group_waves: int) -> _Machine:
    line, ticks = target.cache_line, TICKS
    l2_lines = target.l2_size // line // card.l2_channels
    sizes = (
        *(card.compute_units, target.simds_per_cu, groups_per_cu, group_waves),
        *(target.l1_size // line // card.l1_ways, card.l1_ways),
        *(
            card.l2_channels,
            l2_lines // card.l2_ways,
            card.l2_ways,
            card.dram_channels,
            card.interleave // line,
            card.scalar_sharers,
        ),
    )
    channel = card.dram_bytes_per_clock / card.dram_channels
    clocks = (
        *(ISSUE, card.lds_latency, card.l1_latency, card.l2_latency, card.dram_latency, card.scalar_latency, card.store_latency),
        *(
            card.lds_queue,
            card.address_queue,
            card.l2_queue * line / card.l2_bytes,
            card.dram_queue * line / channel,
            line / card.scalar_bytes,
            line / card.port_bytes,
            line / card.l2_bytes,
            line / channel,
        ),
        *(card.dispatch_wave, card.start, card.barrier, BRANCH_TAKEN - BRANCH_NOT_TAKEN),
    )
    return _Machine(*sizes, *(round(value * ticks) for value in clocks))


def replay(
    blocks: Sequence[Sequence[Operation]],
    traces: Sequence[numpy.ndarray],
    card: Machine,
    target: Target,
    groups_per_cu: int,
    group_waves: int,
    cache: Cache,
) -> Replay:
    """Replay `traces`, work-groups in the order of their dispatch. Raises `UsageError` where the host's memory is short."""
    operations = [operation for block in blocks for operation in block]
    ops = (_Op * len(operations))(*(_Op(o.kind, o.vm, o.lgkm, 0, o.clocks * TICKS) for o in operations))
    firsts = numpy.cumsum([0, *(len(block) for block in blocks)])
    tables = (_Block * len(blocks))(*(_Block(int(first), len(block)) for first, block in zip(firsts, blocks, strict=False)))
    groups = (_Group * len(traces))(*(_Group(words.ctypes.data, len(words)) for words in traces))
    by_op, report = (_OpReport * len(operations))(), _Report()
    native = _native_machine(card, target, groups_per_cu, group_waves)
    failed = _library(cache).simulate(
        ops, tables, ctypes.byref(native), groups, ctypes.c_uint64(len(traces)), by_op, ctypes.byref(report)
    )
    if failed:
        raise UsageError("the host has no memory left for the timing model; close other programs")
    columns = numpy.ctypeslib.as_array(by_op)
    names = (
        "l1_hits",
        "l1_misses",
        "scalar_hits",
        "scalar_misses",
        "l2_hits",
        "l2_misses",
        "dram_reads",
        "write_lines",
        "writebacks",
        "dirty_left",
        "events",
    )
    units = {"VALU": report.valu, "SALU": report.salu, "LDS": report.lds, "VMEM": report.address}
    units |= {"L2": report.most_l2, "DRAM": report.most_dram}
    return Replay(
        report.end / TICKS,
        report.flushed / TICKS,
        {name: value / TICKS for name, value in units.items()},
        report.wave_time / TICKS,
        {name: getattr(report, name) for name in names},
        columns["issues"].copy(),
        columns["busy"] / TICKS,
        columns["stall"] / TICKS,
        numpy.array([group.finish for group in groups], float) / TICKS,
    )
