"""The geometry of a profile's pictures: the timeline of the launches, and their roofline plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from amdc.profile.records import LaunchRecord, Profile
from amdc.target import Card, Target

WIDTH, HEIGHT = 1040, 440  # of the roofline plot, with its margins
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 44
SMALLEST, LARGEST = 2.5, 26.0  # radii of points: areas stand for times
LABELLED = 5  # points: the costliest
TICKS = 10  # of the timeline, about


@dataclass(frozen=True)
class Bar:
    """A launch on the timeline, in percent of its width: the launch itself, then the kernel; `fill` is the share of the kernel's
    time that its roofline needs."""

    x: float
    launch: float
    kernel: float
    fill: float
    record: LaunchRecord


@dataclass(frozen=True)
class Tick:
    """A place on an axis and what is written there."""

    at: float
    text: str


def timeline(profile: Profile) -> tuple[list[Bar], list[Tick]]:
    """The launches one after another."""
    total = profile.totals.us or 1.0
    bars = []
    for record in profile.launches:
        launch = record.prediction.launch_us if record.prediction else 0.0
        fill = min(1.0, record.floor_us / record.kernel_us) if record.kernel_us else 0.0
        bars.append(Bar(100 * record.start_us / total, 100 * launch / total, 100 * record.kernel_us / total, fill, record))
    step = round_step(total / TICKS)
    ticks = [Tick(100 * i * step / total, microseconds(i * step)) for i in range(int(total / step) + 1)]
    return bars, ticks


def round_step(value: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50, ... that is no smaller."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def microseconds(us: float) -> str:
    """With a unit that keeps the figures short."""
    return f"{us / 1e3:g} ms" if us >= 1e3 else f"{us:g} us"


@dataclass(frozen=True)
class Point:
    """A launch on the roofline plot: pixels, FLOPs a byte, GFLOP/s."""

    x: float
    y: float
    radius: float
    intensity: float
    gflops: float
    label: str
    record: LaunchRecord


@dataclass(frozen=True)
class Axes:
    """Logarithmic axes: FLOPs a byte to the right, GFLOP/s upwards; the limits are powers of ten."""

    intensity: tuple[float, float]
    gflops: tuple[float, float]

    def x(self, intensity: float) -> float:
        low, high = map(math.log10, self.intensity)
        return LEFT + (math.log10(intensity) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, gflops: float) -> float:
        low, high = map(math.log10, self.gflops)
        return HEIGHT - BOTTOM - (math.log10(gflops) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def x_ticks(self) -> list[Tick]:
        return [Tick(self.x(value), f"{value:g}") for value in decades(self.intensity)]

    def y_ticks(self) -> list[Tick]:
        return [Tick(self.y(value), f"{value:g}") for value in decades(self.gflops)]


def decades(limits: tuple[float, float]) -> list[float]:
    first, last = (round(math.log10(limit)) for limit in limits)
    return [10.0**power for power in range(first, last + 1)]


def _powers(values: Iterable[float]) -> tuple[float, float]:
    """The powers of ten around positive values."""
    logs = [math.log10(value) for value in values]
    low = math.floor(min(logs))
    return 10.0**low, 10.0 ** max(math.ceil(max(logs)), low + 1)


@dataclass(frozen=True)
class Roofline:
    """The whole plot. `pin` and `sustained` are polylines: the card's pin rate and fp32 peak, and the rate that streams reach;
    `hidden` counts the launches without arithmetic, which have no place on logarithmic axes."""

    axes: Axes
    points: tuple[Point, ...]
    pin: str
    sustained: str
    hidden: int


def roofline(profile: Profile, card: Card, hardware: Target) -> Roofline:
    """Each launch by what it reaches: of the bytes that the model predicts, or on a card of the least bytes."""
    placed = [(record, *_place(record)) for record in profile.launches if record.flops and _bytes(record) and record.kernel_us]
    peak, knee = card.fp32_tflops * 1e3, card.fp32_tflops * 1e3 / card.dram_gbps
    axes = Axes(
        _powers([knee / 10, knee * 10, *(intensity for _, intensity, _ in placed)]),
        _powers([peak / 100, peak, *(gflops for _, _, gflops in placed)]),
    )
    points = _points(placed, axes, _labels(placed, [total.kernel for total in profile.kernels[:LABELLED]]))
    return Roofline(
        axes,
        tuple(sorted(points, key=lambda point: -point.radius)),  # the small ones on top
        _roof(axes, card.dram_gbps, peak),
        _roof(axes, card.dram_gbps * hardware.dram_efficiency, peak),
        len(profile.launches) - len(placed),
    )


Placed = tuple[LaunchRecord, float, float]  # with its FLOPs a byte and GFLOP/s


def _points(placed: Sequence[Placed], axes: Axes, labels: Mapping[int, str]) -> list[Point]:
    longest = max((record.us for record, _, _ in placed), default=1.0)
    return [
        Point(
            axes.x(intensity),
            axes.y(gflops),
            max(SMALLEST, LARGEST * math.sqrt(record.us / longest)),
            intensity,
            gflops,
            labels.get(record.index, ""),
            record,
        )
        for record, intensity, gflops in placed
    ]


def _labels(placed: Sequence[Placed], kernels: Sequence[str]) -> dict[int, str]:
    """The kernel's name at the longest launch of each of the given kernels, by the launch's index."""
    found: dict[str, LaunchRecord] = {}
    for record, _, _ in placed:
        if record.kernel in kernels and (record.kernel not in found or record.us > found[record.kernel].us):
            found[record.kernel] = record
    return {record.index: name for name, record in found.items()}


def _bytes(record: LaunchRecord) -> float:
    return record.prediction.dram_bytes if record.prediction else record.bytes_moved


def _place(record: LaunchRecord) -> tuple[float, float]:
    return record.flops / _bytes(record), record.flops / record.kernel_us / 1e3


def _roof(axes: Axes, gbps: float, peak: float) -> str:
    """The polyline of a roof, cut at the axes."""
    low, high = axes.intensity
    start = max(low, axes.gflops[0] / gbps)
    corners = [(start, start * gbps), (peak / gbps, peak), (high, peak)]
    return " ".join(f"{axes.x(intensity):.1f},{axes.y(gflops):.1f}" for intensity, gflops in corners)
