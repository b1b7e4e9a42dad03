"""Facts of a compiled SGEMM, its trip counts from the launch's arguments, and what is predicted of it."""

from __future__ import annotations

import struct
from functools import cache

import numpy as np
import pytest

import amdc.sim
from amdc.code_object import CodeObject
from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.toolchain import find_toolchain
from amdc.cost import Counts, KernelFacts, Mix, Predictor, Shape, Tracer, estimate, predict
from amdc.sim.kernarg import LaunchShape
from amdc.target import target

GFX803 = target("gfx803")
SINGLE = LaunchShape((1, 1, 1), (64, 1, 1))
SUMS = """
extern "C" __attribute__((global)) void kernel(const float *x, float *y, unsigned rows, unsigned n) {
    unsigned lane = __builtin_amdgcn_workitem_id_x();
    float sum = 0;
    for (unsigned r = 0; r < rows; ++r) {
        float part = 0;
#pragma clang loop unroll(disable)
        for (unsigned i = 0; i < n; ++i) part += x[i * 64 + lane] * x[r];
        sum += part * part;
    }
    y[lane] = sum;
}
"""


@cache
def _code() -> bytes:
    return find_toolchain().compile_one(KernelSource("kernel", SUMS, block=(64, 1, 1)), "gfx803")


def _counts(rows: int, n: int) -> Counts:
    return Tracer(CodeObject.parse(_code(), "sums"), "kernel").count(_kernarg(rows, n), SINGLE)


def _kernarg(rows: int, n: int) -> bytes:
    """Two pointers that nothing follows, and the sizes."""
    return struct.pack("<QQII", 0, 0, rows, n)


def test_trip_counts_are_those_of_the_simulator() -> None:
    rows, n = 3, 17
    gpu = amdc.sim.Device("gfx803", profile=True)
    module = gpu.load(_code())
    x, y = gpu.to_device(np.ones(n * 64, np.float32)), gpu.empty(64)
    module.launch("kernel", (1, 1, 1), (64, 1, 1), [x, y, np.uint32(rows), np.uint32(n)])
    counts = _counts(rows, n)
    assert counts.known
    assert counts.blocks == {address: count for address, count in module.block_counts["kernel"].items() if count}


def test_trip_counts_follow_divisions() -> None:
    """LLVM divides by a reciprocal in floating point."""
    text = SUMS.replace("unsigned lane", "n = n / rows; unsigned lane")
    code = CodeObject.parse(find_toolchain().compile_one(KernelSource("kernel", text, block=(64, 1, 1)), "gfx803"), "sums")
    counts = Tracer(code, "kernel").count(_kernarg(3, 3000), SINGLE)
    assert counts.known
    assert max(counts.blocks.values()) == 3 * 1000


def test_loops_of_compiled_code() -> None:
    facts = KernelFacts.read(CodeObject.parse(_code(), "sums"), "kernel", 64)
    assert [loop.parent for loop in facts.loops] == [-1, 0]
    assert facts.bodies[1].load_bytes == 64 * 4
    assert facts.bodies[1].valu >= 4
    assert facts.bodies[1].alone > 190  # each iteration waits for its own load
    assert facts.shape == Shape(1, 40, 10)


def test_total_follows_the_trip_counts() -> None:
    facts = KernelFacts.read(CodeObject.parse(_code(), "sums"), "kernel")
    once, more = facts.total((3, 3 * 16)), facts.total((3, 3 * 17))
    assert more.load_bytes - once.load_bytes == 3 * facts.bodies[1].load_bytes
    along = facts.along(_counts(3, 17).blocks)
    assert along.load_bytes == pytest.approx(more.load_bytes)
    assert predict(facts, (3, 3 * 1700), 1, 0, GFX803).bound == "latency"


def test_predictor_follows_the_arguments() -> None:
    """More iterations take longer, the more the longer; the DRAM bound counts the bytes that are named."""
    code, predictor = CodeObject.parse(_code(), "sums"), Predictor(GFX803)
    us = [predictor.launch(code, "kernel", SINGLE, _kernarg(rows, 100), 0).us - GFX803.launch_us for rows in (10, 20, 40)]
    assert us[1] - us[0] == pytest.approx((us[2] - us[1]) / 2)
    assert us[0] > 0
    bound = predictor.launch(code, "kernel", SINGLE, _kernarg(1, 1), 1e9)
    assert (bound.bound, bound.us - GFX803.launch_us) == ("DRAM", pytest.approx(1e6 / (256 * 0.875), rel=0.01))


def test_unknown_loop_ends_are_said() -> None:
    text = SUMS.replace("i < n", "i < ((const unsigned *)x)[lane]")
    data = find_toolchain().compile_one(KernelSource("kernel", text, block=(64, 1, 1)), "gfx803")
    assert not Tracer(CodeObject.parse(data, "sums"), "kernel").count(_kernarg(2, 2), SINGLE).known


def _compiled(text: str) -> CodeObject:
    data = find_toolchain().compile_one(KernelSource("kernel", text, block=(256, 1, 1)), "gfx803")
    return CodeObject.parse(data, "sums")


def test_of_waves_that_count_themselves_one_comes_last() -> None:
    """What the last one finishes is a quarter of every wave's work where four share a counter, but the whole of its own way."""
    last = """
    unsigned before = 0;
    if (lane == 0) before = __builtin_amdgcn_atomic_inc32((unsigned *)x, rows - 1, __ATOMIC_RELAXED, "agent");
    if (__builtin_amdgcn_readfirstlane(before) != rows - 1) return;
    float sum = 0;"""
    code = _compiled(SUMS.replace("r < rows", "r < 1").replace("    float sum = 0;", last))
    counts = Tracer(code, "kernel").count(_kernarg(4, 1000), SINGLE)
    assert (max(counts.blocks.values()), max(counts.shares.values())) == (1000, 250)


def test_waves_may_go_different_ways() -> None:
    """The last of four waves alone runs the loop: in the mean a wave has a quarter of it; all wait for that one."""
    code = _compiled(
        SUMS.replace("float sum = 0;", "float sum = 0; if (__builtin_amdgcn_readfirstlane(lane / 64) != 3) rows = 0;")
    )
    group = LaunchShape((1, 1, 1), (256, 1, 1))
    waves = Tracer(code, "kernel").group(_kernarg(1, 1000), group, 4)
    assert [max(wave.blocks.values()) for wave in waves] == [1, 1, 1, 1000]
    assert len(Tracer(_compiled(SUMS), "kernel").group(_kernarg(1, 1000), group, 4)) == 1
    facts = KernelFacts.read(code, "kernel", 256)
    mix = facts.of_group(waves)
    assert mix.load_bytes == pytest.approx(facts.along(waves[3].blocks).load_bytes / 4, rel=0.01)
    assert mix.alone == facts.along(waves[3].blocks).alone


SHAPE = Shape(4, 2, 2)


@pytest.mark.parametrize(
    ("wave", "nbytes", "bound"),
    [
        (Mix(valu=1e6, alone=1e6), 0, "VALU"),
        (Mix(lds=1e6, alone=1e6), 0, "LDS"),
        (Mix(vmem=1e6, alone=1e6), 0, "VMEM"),
        (Mix(alone=1e6), 0, "latency"),
        (Mix(load_bytes=1e9), 0, "L2"),
        (Mix(), 1e9, "DRAM"),
        (Mix(valu=1), 4, "launch"),
    ],
)
def test_bounds(wave: Mix, nbytes: float, bound: str) -> None:
    assert estimate(wave, SHAPE, 36 * 2, nbytes, GFX803).bound == bound


def test_a_peak_kernel_reaches_the_peak() -> None:
    """64 lanes x 2 operations in 4 clocks on each of the chip's SIMDs is fp32_tflops, where no wave waits."""
    result = estimate(Mix(valu=4e6), SHAPE, 36 * 2, 0, GFX803)
    flops = 36 * 2 * 4 * 1e6 * 64 * 2
    assert flops / (result.us - GFX803.launch_us) / 1e6 == pytest.approx(GFX803.card().fp32_tflops)


def test_units_that_are_busy_alike_hinder_each_other() -> None:
    both, one = (estimate(Mix(valu=1e6, lds=lds), SHAPE, 72, 0, GFX803).us - GFX803.launch_us for lds in (2.5e5, 0))
    assert one < both < 2 * one


def test_a_tail_costs_a_round() -> None:
    """One work-group more than the chip holds at once is a round of its own."""
    wave = Mix(valu=1e5)
    full, more = (estimate(wave, SHAPE, groups, 0, GFX803).us - GFX803.launch_us for groups in (72, 73))
    assert more == pytest.approx(full * 1.5)
