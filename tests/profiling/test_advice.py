"""Every hint follows from its figure: it is there where the figure is, and not where it is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from amdc.profile.advice import hints
from amdc.profile.instructions import Cost
from amdc.profile.summarize import totals
from amdc.program import Launch
from tests.profiling.hand_made import CARD, HARDWARE, changed, cost, launch, predicted, summary

ONLY = {"VALU": 0.0, "SALU": 0.0, "LDS": 0.0, "VMEM": 0.0, "L2": 0.0, "DRAM": 0.0}


def figures(
    given: Launch | None = None, costs: Sequence[Cost] = (), kernel: dict[str, Any] | None = None, **timing: Any
) -> list[str]:
    """The figures of the hints about one launch of a kernel, long enough that its launch does not count."""
    samples = predicted((given or launch(), changed(**{"microseconds": 1000.0, **timing})))
    records, kernels = summary(samples, **(kernel or {}))
    return [hint.figure for hint in hints(totals(records), records, kernels, {"k": costs}, HARDWARE, CARD)]


def test_nothing_to_say_of_a_kernel_at_its_limit() -> None:
    assert figures() == []


def test_launches() -> None:
    records, kernels = summary(predicted((launch(), changed(microseconds=10.0)), (launch(), changed(microseconds=42.0))))
    found = hints(totals(records), records, kernels, {}, HARDWARE, CARD)
    assert found[0].figure == "launches take 50%; 1 of 2 kernels run shorter than theirs (1 of k)" and found[0].us == 52


def test_spills() -> None:
    assert figures(kernel={"scratch_bytes": 24}) == ["24 bytes of scratch memory a lane"]


def test_traffic() -> None:
    dram = ONLY | {"DRAM": 0.9}
    assert figures(dram_bytes=3e6, busy=dram) == ["DRAM bound: 3.0 times the least bytes (3.0 instead of 1.0 MB)"]
    sustained = CARD.dram_gbps * HARDWARE.dram_efficiency * 1e6  # bytes of one millisecond
    assert figures(launch(nbytes=int(sustained)), dram_bytes=sustained, busy=dram) == [
        "DRAM bound at 86% of the pin rate, of which streams reach 86%"
    ]
    assert figures(launch(nbytes=int(sustained)), dram_bytes=sustained) == []  # bound by the VALU


@pytest.mark.parametrize(
    ("groups", "figure"),
    [
        (9, "9 work-groups on 36 CUs: 75% of the card's time is idle"),
        (48, "48 work-groups on 36 CUs, 2 on the fullest: 33% of the card's time is idle"),
        (36, None),
        (70, None),
    ],
)
def test_uneven_groups(groups: int, figure: str | None) -> None:
    assert figures(launch(groups=groups)) == ([figure] if figure else [])


def test_a_grid_that_fills_the_card_thinly() -> None:
    assert figures(launch(groups=36), busy=ONLY, limiter="grid", waves_in_flight=0.9) == [
        "latency bound: 36 work-groups keep 0.9 of 4 waves a SIMD in flight"
    ]
    assert figures(launch(groups=36), busy=ONLY, limiter="grid", waves_in_flight=3.5) == []


def test_registers_that_keep_waves_out() -> None:
    """64 VGPRs allow 4 waves of 256 registers a lane; 5 waves take at most 48."""
    assert figures(busy=ONLY) == ["latency bound with 4 waves a SIMD, limited by VGPR (64)"]
    records, kernels = summary(predicted((launch(), changed(busy=ONLY, microseconds=1000.0))))
    assert hints(totals(records), records, kernels, {}, HARDWARE, CARD)[0].advice.startswith("at most 48 VGPRs give 5 waves")


def test_bank_conflicts() -> None:
    busy = ONLY | {"LDS": 0.8}
    assert figures(busy=busy, lds_conflict_clocks=0.38) == ["LDS is busy 80% of the time, 38% of that with bank conflicts"]
    assert figures(busy=busy, lds_conflict_clocks=0.05) == []  # nor are there multiply-adds that read too much


def test_lds_reads_of_a_small_tile() -> None:
    """A 4x4 tile: for 16 multiply-adds two reads of 16 bytes, which take 8 clocks a wave each."""
    reads, macs = cost("ds_read_b128", issues=2, busy=16), cost("v_mac_f32", issues=16, busy=64)
    busy = ONLY | {"LDS": 0.9, "VALU": 0.4}
    expected = "LDS is busy 90% of the time, the VALU 40%: 2.0 bytes read a multiply-add"
    assert figures(costs=[reads, macs], busy=busy) == [expected]
    assert figures(costs=[reads, macs]) == []  # bound by the VALU


def test_l2() -> None:
    found = figures(busy=ONLY | {"L2": 0.9}, l1_hit_rate=0.25)
    assert found == ["L2 is busy 90% of the time; 25% of the lines are found in L1"]


def test_scattered_access() -> None:
    """A dword load of a wave takes 4 clocks where its lanes' addresses are consecutive."""
    busy = ONLY | {"VMEM": 0.7}
    near, far = cost("buffer_load_dword", issues=10, busy=40), cost("buffer_load_dword", issues=10, busy=640)
    found = figures(costs=[near, far], busy=busy)
    assert len(found) == 1 and found[0].startswith("address units are busy 70% of the time; buffer_load_dword")
    assert found[0].endswith("takes 64 clocks a wave, coalesced 4")
    assert figures(costs=[near], busy=busy) == [] and figures(costs=[far]) == []


def test_vector_instructions_that_are_no_multiply_adds() -> None:
    macs, adds = cost("v_mac_f32", issues=60, busy=240), cost("v_add_u32", issues=40, busy=160)
    found = figures(costs=[macs, adds])
    assert len(found) == 1 and found[0].startswith("VALU bound: 60% of its clocks are multiply-adds; the most other at v_add_u32")
    assert figures(costs=[macs, cost("v_add_u32", issues=10, busy=40)]) == []


def test_operations_of_quarter_rate() -> None:
    found = figures(costs=[cost("v_exp_f32", issues=10, busy=160), cost("v_add_f32", issues=60, busy=240)])
    assert len(found) == 1 and found[0].startswith(
        "VALU bound: 40% of its clocks in operations of quarter rate, most at v_exp_f32"
    )


def test_waiting() -> None:
    wait = cost("s_waitcnt", issues=10, busy=0, us=400.0, stalled=400.0)
    busy = ONLY | {"VALU": 0.3}
    found = figures(costs=[wait], busy=busy, limiter="waves")
    assert found == ["latency bound: waves wait 40% of the time at s_waitcnt vmcnt(0) (0x1000)"]
    assert figures(costs=[wait]) == []  # bound by the VALU: other waves run meanwhile


def test_barriers() -> None:
    found = figures(costs=[cost("s_barrier", issues=10, busy=0, us=200.0, stalled=200.0)])
    assert found == ["waves spend 20% of the time at barriers"]


def test_small_kernels_are_not_spoken_of() -> None:
    """5 us of more than a thousand are not worth a hint, whatever is wrong with them."""
    spilling = launch("small", groups=1)
    samples = predicted((launch(), changed(microseconds=1000.0)), (spilling, changed(microseconds=5.0)))
    records, kernels = summary(samples)
    assert hints(totals(records), records, kernels, {}, HARDWARE, CARD) == ()
