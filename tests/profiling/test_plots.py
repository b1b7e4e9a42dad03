"""The geometry of the timeline and of the roofline plot."""

from __future__ import annotations

import itertools

import pytest

from amdc.cli.profile_plots import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axes, roofline, round_step, round_values, timeline
from tests.profiling.hand_made import CARD, HARDWARE, changed, launch, predicted, profile


def test_bars_fill_the_timeline_without_gaps() -> None:
    bars, ticks = timeline(profile(predicted((launch(), changed()), (launch(), changed(microseconds=48.0)))))
    assert bars[0].launch == pytest.approx(13) and bars[0].kernel == pytest.approx(50)  # 26 and 100 of 200 us
    assert bars[1].x == pytest.approx(63) and bars[1].x + bars[1].launch + bars[1].kernel == pytest.approx(100)
    assert bars[0].fill == pytest.approx(bars[0].record.floor_us / 100)
    assert [tick.text for tick in ticks][:3] == ["0 us", "20 us", "40 us"] and ticks[-1].at == pytest.approx(100)


@pytest.mark.parametrize(("value", "step"), [(0.7, 1), (1, 1), (1.2, 2), (34, 50), (5000, 5000)])
def test_round_steps(value: float, step: float) -> None:
    assert round_step(value) == step


def test_round_values_of_an_axis() -> None:
    assert round_values((0.3, 25)) == [0.5, 1, 2, 5, 10, 20]
    assert round_values((1e-3, 1.5e4)) == [1e-3, 1e-2, 0.1, 1, 10, 100, 1e3, 1e4]


def test_axes_span_the_frame() -> None:
    axes = Axes((0.1, 10), (1, 100))
    assert (axes.x(0.1), axes.x(1), axes.x(10)) == pytest.approx((LEFT, (LEFT + WIDTH - RIGHT) / 2, WIDTH - RIGHT))
    assert (axes.y(1), axes.y(100)) == pytest.approx((HEIGHT - BOTTOM, TOP))


def test_points_stand_where_their_launches_are() -> None:
    """A launch at the peak lies on the roof, one of a quarter of the time has a quarter of its area; copies have no place."""
    at_peak = launch(flops=round(CARD.fp32_tflops * 1e6 * 100))
    samples = predicted((at_peak, changed()), (launch(), changed(microseconds=25.0)), (launch(flops=0), changed()))
    plot = roofline(profile(samples), CARD, HARDWARE)
    large, small = plot.points
    roof = [tuple(map(float, corner.split(","))) for corner in plot.pin.split()]
    assert large.y == pytest.approx(roof[-1][1], abs=0.1) and large.gflops == pytest.approx(CARD.fp32_tflops * 1e3)
    assert (large.radius / small.radius) ** 2 == pytest.approx(4)
    assert small.intensity == pytest.approx(1e8 / 1e6) and plot.hidden == 1


def test_labels_do_not_cover_each_other() -> None:
    samples = predicted(*((launch(f"gemm_with_a_long_name_{i}"), changed(microseconds=100.0 + i)) for i in range(4)))
    labels = roofline(profile(samples), CARD, HARDWARE).labels
    heights = sorted(label.y for label in labels)
    assert len(labels) == 4 and all(after - before >= 13 for before, after in itertools.pairwise(heights))
