"""From samples to records, and their totals by kernel, layer and run."""

from __future__ import annotations

import json

import pytest

from amdc.bundle import MAIN
from amdc.profile.collect import Sample
from amdc.profile.summarize import layer_totals, totals
from tests.profiling.hand_made import CARD, changed, launch, predicted, profile, summary


def test_launches_follow_each_other_and_reach_shares() -> None:
    """100 us for 1e8 FLOP is 1 TFLOP/s; 1e6 predicted bytes in 100 us are 10 GB/s, 4e6 least bytes have no part in that."""
    records, _ = summary(predicted((launch(nbytes=4 * 10**6), changed()), (launch(), changed(microseconds=50.0))))
    assert [record.start_us for record in records] == [0.0, 126.0]
    assert records[0].share == pytest.approx(126 / 202) and records[0].kernel_us == 100.0
    assert records[0].peak_share == pytest.approx(1 / CARD.fp32_tflops)
    assert records[0].dram_share == pytest.approx(10 / CARD.dram_gbps)
    assert records[0].floor_us == pytest.approx(max(100 / CARD.fp32_tflops, 4e3 / CARD.dram_gbps))


def test_measured_launches_say_nothing_that_events_do_not_tell() -> None:
    samples = [Sample(MAIN, launch(), 200.0)]
    records, kernels = summary(samples)
    assert records[0].prediction is None and records[0].kernel_us == records[0].us == 200.0
    assert records[0].dram_share == pytest.approx(1e6 / (200 * CARD.dram_gbps * 1e3))
    assert (kernels[0].bound, kernels[0].limiter, kernels[0].waves_in_flight) == (None, None, None)
    tree = json.loads(json.dumps(profile(samples, "hip").as_json()))
    assert "prediction" not in tree["launches"][0] and "bound" not in tree["kernels"][0]
    assert not {"kernel_us", "launch_us", "dram_bytes"} & set(tree["totals"])


def test_the_kernels_own_bound_is_told_where_the_launch_costs_more() -> None:
    records, kernels = summary(predicted((launch(), changed(microseconds=10.0, bound="launch"))))
    assert records[0].prediction is not None
    assert (records[0].prediction.bound, records[0].prediction.kernel_bound, kernels[0].bound) == ("launch", "VALU", "VALU")


def test_a_kernels_bound_is_that_of_most_of_its_time() -> None:
    dram = changed(busy={"VALU": 0.1, "DRAM": 0.9}, microseconds=300.0, waves_in_flight=1.5)
    _, kernels = summary(predicted((launch(), changed()), (launch(), changed()), (launch("other"), changed()), (launch(), dram)))
    first, second = kernels
    assert (first.kernel, first.launches, first.bound) == ("k", 3, "DRAM") and second.kernel == "other"
    assert first.us == pytest.approx(100 + 100 + 300 + 3 * 26) and first.share + second.share == pytest.approx(1)
    assert first.waves_in_flight == pytest.approx((100 * 3.5 + 100 * 3.5 + 300 * 1.5) / 500)


def test_launches_with_a_node_in_common_are_one_layer() -> None:
    """a splits into two launches, the third joins what were two layers so far; every launch is in exactly one layer."""
    names = [("a",), ("a", "b"), ("c",), ("d",), ("d", "b", "e")]
    records, _ = summary(predicted(*((launch(nodes=nodes), changed()) for nodes in names)))
    layers = layer_totals(records)
    assert [(layer.nodes, layer.launches) for layer in layers] == [(("a", "b", "d", "e"), (0, 1, 3, 4)), (("c",), (2,))]
    assert sum(layer.us for layer in layers) == pytest.approx(sum(record.us for record in records))


def test_totals() -> None:
    records, _ = summary(predicted((launch(), changed()), (launch(), changed(microseconds=74.0))))
    sums = totals(records)
    assert (sums.launches, sums.us, sums.kernel_us, sums.launch_us) == (2, 226.0, 174.0, 52.0)
    assert sums.floor_share == pytest.approx(2 * records[0].floor_us / 226)
