"""Profiles without a run: launches, timings and instructions written by hand."""

from __future__ import annotations

import dataclasses
from typing import Any

from amdc.bundle import MAIN
from amdc.profile.collect import Sample
from amdc.profile.instructions import Cost
from amdc.profile.records import KernelTotal, LaunchRecord, Profile
from amdc.profile.summarize import kernel_totals, launch_records, layer_totals, totals
from amdc.program import Kernel, Launch, Program
from amdc.sim.decoder import decode_one
from amdc.sim.timing import LaunchTiming
from amdc.sim.translate.blocks import Block
from amdc.target import target

HARDWARE = target("gfx803")
CARD = HARDWARE.card()
TIMING = LaunchTiming(
    kernel="k",
    grid=(360, 1, 1),
    block=(256, 1, 1),
    clocks=134000.0,
    microseconds=100.0,
    launch_us=26.0,
    bound="VALU",
    busy={"VALU": 0.9, "SALU": 0.1, "LDS": 0.2, "VMEM": 0.1, "L2": 0.1, "DRAM": 0.3},
    waves_per_simd=4,
    waves_in_flight=3.5,
    limiter="VGPR",
    dram_bytes=1e6,
    l2_bytes=2e6,
    l1_hit_rate=0.5,
    l2_hit_rate=0.5,
    lds_conflict_clocks=0.0,
    groups=360,
    simulated=360,
    instructions=(),
)


def launch(
    kernel: str = "k", nodes: tuple[str, ...] = ("node",), flops: int = 10**8, nbytes: int = 10**6, groups: int = 360
) -> Launch:
    return Launch(kernel, (groups, 1, 1), (), (), (), nodes[0], nodes, None, flops, nbytes)


def program(*launches: Launch, **resources: Any) -> Program:
    """A program of these launches, whose kernels all have the same resources."""
    kernel = Kernel("symbol", "template", {}, "code", (256, 1, 1), **{"vgprs": 64, "waves_per_simd": 4, **resources})
    kernels = {each.kernel: kernel for each in launches}
    return Program("gfx803", (), (), {}, kernels, launches, 0, 0, 0, 0)


def predicted(*samples: tuple[Launch, LaunchTiming]) -> list[Sample]:
    return [Sample(MAIN, each, timing.total_us, timing) for each, timing in samples]


def changed(**values: Any) -> LaunchTiming:
    """TIMING with other values."""
    return dataclasses.replace(TIMING, **values)


def summary(samples: list[Sample], **resources: Any) -> tuple[tuple[LaunchRecord, ...], tuple[KernelTotal, ...]]:
    """The records and the totals by kernel of samples of one program."""
    programs = {MAIN: program(*(sample.launch for sample in samples), **resources)}
    records = launch_records(samples, programs, CARD)
    return records, kernel_totals(records, programs, CARD)


def profile(samples: list[Sample], device_kind: str = "sim") -> Profile:
    records, kernels = summary(samples)
    return Profile(
        bundle="hand.amdc",
        arch="gfx803",
        device_kind=device_kind,
        device="a device",
        card=CARD.name,
        programs=(MAIN,),
        runs=1,
        totals=totals(records),
        launches=records,
        kernels=kernels,
        layers=layer_totals(records),
        hot=(),
        hints=(),
    )


# by llvm-mc -mcpu=gfx803
MACHINE_CODE = {
    "v_mac_f32": "0105002c",  # v0, v1, v2
    "v_add_u32": "01050032",  # v0, vcc, v1, v2
    "v_add_f32": "01050002",  # v0, v1, v2
    "v_exp_f32": "0141007e",  # v0, v1
    "buffer_load_dword": "001050e001000080",  # v0, v1, s[0:3], 0 offen
    "s_waitcnt": "700f8cbf",  # vmcnt(0)
    "ds_read_b128": "0000fed901000000",  # v[0:3], v1
    "s_barrier": "00008abf",
}


def cost(name: str, issues: float, busy: float, us: float = 1.0, stalled: float = 0.0) -> Cost:
    """An instruction with what it cost, alone in its block."""
    instruction = decode_one(bytes.fromhex(MACHINE_CODE[name]), base=0x1000)
    return Cost(instruction, Block(0x1000, (instruction,)), "", us, stalled, issues, busy)
