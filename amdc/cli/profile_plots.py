"""The geometry of a profile's pictures: the timeline of the launches, and their roofline plot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from amdc.profile.records import LaunchRecord, Profile
from amdc.target import Card, Target

WIDTH, HEIGHT = 1040, 440  # of the roofline plot, with its margins
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 16, 44
SMALLEST, LARGEST = 2.5, 20.0  # radii of points: areas stand for times
LEAST_SHARE = 1e-3  # of the fp32 peak, for a launch to have a place
LABELLED = 5  # points: the costliest
TICKS = 10  # of the timeline, about
ROOM = 1.6  # factor beyond the outermost points
LETTER, LINE = 6.2, 13  # of a label, in pixels: a letter's width, a line's height


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
    record: LaunchRecord


@dataclass(frozen=True)
class Label:
    """A kernel's name below its longest launch, with the point that it names."""

    x: float
    y: float
    text: str
    point: Point


@dataclass(frozen=True)
class Axes:
    """Logarithmic axes: FLOPs a byte to the right, GFLOP/s upwards."""

    intensity: tuple[float, float]
    gflops: tuple[float, float]

    def x(self, intensity: float) -> float:
        low, high = map(math.log10, self.intensity)
        return LEFT + (math.log10(intensity) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(self, gflops: float) -> float:
        low, high = map(math.log10, self.gflops)
        return HEIGHT - BOTTOM - (math.log10(gflops) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    def x_ticks(self) -> list[Tick]:
        return [Tick(self.x(value), f"{value:g}") for value in round_values(self.intensity)]

    def y_ticks(self) -> list[Tick]:
        return [Tick(self.y(value), f"{value:g}") for value in round_values(self.gflops)]


def round_values(limits: tuple[float, float]) -> list[float]:
    """The powers of ten between two limits, with their doubles and fivefolds where there are few."""
    low, high = limits
    powers = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    factors = (1, 2, 5) if len(powers) <= 5 else (1,)
    return [round(factor * power, 9) for power in powers for factor in factors if low <= factor * power <= high]


def _around(values: Iterable[float]) -> tuple[float, float]:
    """Limits of a logarithmic axis with some room on both sides."""
    found = list(values)
    return min(found) / ROOM, max(found) * ROOM


@dataclass(frozen=True)
class Roofline:
    """The whole plot. `pin` and `sustained` are polylines: the card's pin rate and fp32 peak, and the rate that streams reach;
    `hidden` counts the launches without arithmetic, or with so little that they would stand far below the others."""

    axes: Axes
    points: tuple[Point, ...]
    labels: tuple[Label, ...]
    pin: str
    sustained: str
    hidden: int


def roofline(profile: Profile, card: Card, hardware: Target) -> Roofline:
    """Each launch by what it reaches: of the bytes that the model predicts, or on a card of the least bytes."""
    able = [record for record in profile.launches if record.flops and _bytes(record) and record.peak_share >= LEAST_SHARE]
    placed = [(record, *_place(record)) for record in able]
    peak, knee = card.fp32_tflops * 1e3, card.fp32_tflops * 1e3 / card.dram_gbps
    axes = Axes(
        _around([knee / 4, knee * 4, *(intensity for _, intensity, _ in placed)]),
        _around([peak / 10, peak, *(gflops for _, _, gflops in placed)]),
    )
    points = sorted(_points(placed, axes), key=lambda point: -point.radius)  # the small ones on top
    return Roofline(
        axes,
        tuple(points),
        tuple(_labels(points, [total.kernel for total in profile.kernels[:LABELLED]])),
        _roof(axes, card.dram_gbps, peak),
        _roof(axes, card.dram_gbps * hardware.dram_efficiency, peak),
        len(profile.launches) - len(placed),
    )


def _points(placed: Sequence[tuple[LaunchRecord, float, float]], axes: Axes) -> list[Point]:
    """The launches with their FLOPs a byte and GFLOP/s as points."""
    longest = max((record.kernel_us for record, _, _ in placed), default=1.0)
    return [
        Point(
            axes.x(intensity),
            axes.y(gflops),
            max(SMALLEST, LARGEST * math.sqrt(record.kernel_us / longest)),
            intensity,
            gflops,
            record,
        )
        for record, intensity, gflops in placed
    ]


def _labels(points: Sequence[Point], kernels: Sequence[str]) -> list[Label]:
    """The names of the given kernels, each at its largest point, moved down until none covers another."""
    largest: dict[str, Point] = {}
    for point in points:
        if point.record.kernel in kernels:
            largest.setdefault(point.record.kernel, point)
    labels: list[Label] = []
    for name, point in sorted(largest.items(), key=lambda item: item[1].y):
        half = LETTER * len(name) / 2
        x, y = min(max(point.x, LEFT + half), WIDTH - RIGHT - half), point.y + point.radius + LINE
        while any(abs(x - other.x) < half + LETTER * len(other.text) / 2 and abs(y - other.y) < LINE for other in labels):
            y += LINE
        labels.append(Label(x, y, name, point))
    return labels


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
