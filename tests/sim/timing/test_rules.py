"""The timing model on kernels whose clocks follow from the rules of the GCN3 compute unit (sources: sim/timing/machine.py)."""

from __future__ import annotations

import pytest

from amdc.target import target
from tests.sim.timing.micro import CARD, COUNT, body_clocks, loaded, round_clocks, timed

TARGET = target("gfx803")
SIMDS = 4


def machine():  # type: ignore[no-untyped-def]  # the timing table's row
    timer = loaded()[0].timer
    assert timer is not None
    return timer.machine


@pytest.mark.parametrize(
    ("name", "clocks"),
    [("mac", 4), ("mad", 4), ("rcp", 16), ("mul_lo", 16), ("fma", 16), ("add64", 32), ("fma64", 64), ("scalar", 4)],
)
def test_a_wave_alone_takes_each_instructions_clocks(name: str, clocks: int) -> None:
    assert body_clocks(name) == pytest.approx(clocks * COUNT, rel=0.02)


def test_waves_on_four_simds_do_not_slow_one_another() -> None:
    assert round_clocks("mac", waves=SIMDS) == pytest.approx(round_clocks("mac"), rel=0.02)


def test_two_waves_of_a_simd_share_its_valu() -> None:
    """Twice the work in twice the time of the instructions; each hides the other's loop instructions, but at the end, when the
    older wave, which goes first, has left the younger alone."""
    assert 2 * 4 * COUNT <= round_clocks("mac", waves=2 * SIMDS) <= 1.12 * 2 * 4 * COUNT


def test_scalar_instructions_hide_behind_another_waves_vector_instructions() -> None:
    assert body_clocks("mac_and_scalar") == pytest.approx(2 * 4 * COUNT, rel=0.02)
    together = round_clocks("mac_and_scalar", waves=2 * SIMDS)
    assert together < 1.25 * round_clocks("mac_and_scalar")  # two waves in little more than the time of one
    assert together >= 2 * 4 * COUNT


@pytest.mark.parametrize(
    ("name", "stride", "clocks"),
    [
        ("read_b32", 1, 2),  # 128 bytes a clock
        ("read_b64", 2, 4),
        ("read_b128", 4, 8),
        ("write_b32", 1, 4),  # 64 bytes a clock
        ("write_b64", 2, 8),
        ("read_b32", 0, 2),  # one word for all: a broadcast
        ("read_b32", 2, 4),  # 32 lanes in 16 banks
        ("read_b32", 32, 64),  # all in one bank
        ("read_b32", 33, 2),
    ],
)
def test_lds_rates_and_bank_conflicts(name: str, stride: int, clocks: int) -> None:
    waves = 1 if stride > 4 else 8  # the addresses of more would leave LDS
    busy = max(clocks * waves, 4) * COUNT  # a wave issues one access in 4 clocks
    spent = round_clocks(name, waves, stride)
    latency = machine().lds_latency + 40  # of the wait and the loop, which few waves do not hide
    assert busy <= spent + 0.5 <= busy + latency + 0.5


@pytest.mark.parametrize(("name", "stride", "clocks"), [("load", 1, 4), ("load_x2", 2, 18), ("load_x4", 4, 16), ("load", 16, 16)])
def test_the_address_unit_serves_loads_at_its_rate(name: str, stride: int, clocks: int) -> None:
    """Hits in L1; the last row's lanes are a line apart: four lanes a clock."""
    waves = 4 if stride < 16 else 2
    spent = round_clocks(name, waves, stride)
    busy = COUNT * waves * (clocks if stride < 16 else 64)
    assert busy <= spent + 0.5 <= busy + machine().l1_latency + 60


def test_a_wait_exposes_a_loads_latency() -> None:
    each = body_clocks("load_and_wait") / COUNT
    assert machine().l1_latency <= each <= machine().l1_latency + 16
    lds = body_clocks("read_and_wait") / COUNT
    assert machine().lds_latency <= lds <= machine().lds_latency + 16


def test_a_wave_has_fifteen_loads_under_way() -> None:
    """As many as vmcnt counts: the last of sixteen waits for the first, and then takes a latency of its own."""
    assert COUNT == 16
    assert 2 * machine().l1_latency <= round_clocks("load", waves=1, stride=1) <= 2 * machine().l1_latency + 60


def test_work_between_load_and_wait_hides_the_latency() -> None:
    """64 multiply-adds take 256 clocks, more than a hit in L1."""
    assert body_clocks("load_then_mac") == pytest.approx(64 * 4, abs=16)


def test_barriers_make_waves_wait_for_the_last() -> None:
    alone, uneven = round_clocks("mac", waves=1), round_clocks("uneven", waves=4)
    assert 2 * 4 * COUNT <= uneven <= 2 * 4 * COUNT + alone + 2 * machine().barrier
    assert round_clocks("barrier", waves=4) == pytest.approx(COUNT * (machine().barrier + 4), rel=0.5)


def test_a_stream_comes_at_the_rate_of_dram() -> None:
    groups, nbytes = 36 * 8 * 4, 64 << 20
    timing = timed("stream", 3, waves=4, groups=groups, stride=4, nbytes=nbytes)
    assert timing.dram_bytes == pytest.approx(groups * 4096 * 4 * 3, rel=0.02)
    rate = timing.dram_bytes / timing.microseconds / 1e3
    limit = TARGET.card(CARD).dram_gbps * TARGET.card(CARD).dram_efficiency
    assert 0.85 * limit <= rate <= 1.001 * limit
    assert timing.bound == "DRAM" and timing.l1_hit_rate < 0.01 and timing.l2_hit_rate < 0.01


def test_what_lies_in_l2_comes_faster_than_from_dram() -> None:
    """All work-groups read the same 64 KiB: past L1's 16 KiB, within L2's 2 MiB."""
    hits = timed("load_x4", 2, waves=16, groups=36 * 2, stride=16)
    assert hits.l2_hit_rate > 0.9
    assert hits.dram_bytes < 0.1 * hits.l2_bytes and hits.bound in ("L2", "VMEM")


def test_lines_of_one_channel_come_one_a_clock() -> None:
    """Lanes 2 KiB apart are in one of Polaris's 8 channels of 256 bytes and in two sets of L1; 2,304 bytes apart in many."""
    one, all = (timed("load", 2, waves=4, groups=36, stride=stride, nbytes=1 << 18) for stride in (512, 576))
    assert one.l1_hit_rate < 0.5 and one.bound == "L2"
    assert one.clocks == pytest.approx(one.l2_bytes / TARGET.cache_line, rel=0.1)
    assert all.clocks < one.clocks / 4


def test_lines_far_apart_do_not_share_a_few_sets_of_l2() -> None:
    """64 lines 64 KiB apart: by the plain number of a line they would fall on two sets of 16 ways."""
    assert timed("load", 4, waves=4, groups=36, stride=16384, nbytes=1 << 22).l2_hit_rate > 0.9


def test_the_last_groups_run_alone() -> None:
    """One work-group more than the card holds at once takes a second round."""
    per_cu = 10
    full = timed("mac", 60, waves=4, groups=36 * per_cu).clocks
    beyond = timed("mac", 60, waves=4, groups=36 * per_cu + 1).clocks
    alone = timed("mac", 60, waves=4, groups=1).clocks
    assert full == pytest.approx(per_cu * 60 * 4 * COUNT, rel=0.1)
    assert 0.5 * alone <= beyond - full <= 1.1 * alone  # older waves go first, so some work-groups end well before the last


def test_occupancy_and_its_limit() -> None:
    timing = timed("mac", 5, waves=4, groups=36 * 10)
    assert (timing.waves_per_simd, timing.limiter) == (10, "waves")
    lds = timed("read_b32", 5, waves=4, groups=36 * 10)
    assert (lds.waves_per_simd, lds.limiter) == (4, "LDS")
    assert timed("mac", 5).limiter == "grid"


def test_a_long_launch_is_extrapolated_in_proportion() -> None:
    few, many = (timed("mac", 20, waves=4, groups=36 * 10 * rounds).clocks for rounds in (4, 40))
    assert many == pytest.approx(10 * few, rel=0.05)


def test_two_runs_say_the_same() -> None:
    first, second = (timed("stream", 2, waves=4, groups=500, stride=4, nbytes=64 << 20) for _ in range(2))
    assert first == second
    loaded.cache_clear()
    assert timed("load_x4", 3, waves=4, groups=50, stride=4) == timed("load_x4", 3, waves=4, groups=50, stride=4)
