"""How expand_depthwise.hip may spread a problem over work-groups, and what each way costs."""

from __future__ import annotations

from collections.abc import Iterator

from amdc.codegen.lowerings.convolution_window import Window
from amdc.cost import Mix, Shape, estimate
from amdc.kernels.expand_depthwise import MOST_LANES, STAGES, Spread
from amdc.kernels.rounding import round_up
from amdc.target import Target

MOST_SUMS = 64  # of a lane
MOST_TAPS = 25  # that a lane keeps


def spreads(first: Window, second: Window, target: Target) -> Iterator[Spread]:
    """Those that divide k evenly and fit a work-group's LDS and lanes; none where the kernel does not apply."""
    if second.taps > MOST_TAPS or second.stride[0] != second.stride[1] or second.out_channels != 1:
        return
    for rows in _bands(second.out[0]):
        waves = -(-_computed(second, rows) // 64)
        for channels, stage in STAGES.items():
            for waves_k in (1, 2, 4, 8):
                for positions in (1, 2, 4, 8):
                    waves_n = -(-waves // positions)
                    spread = Spread(rows, channels, positions, waves_n, waves_k, 1)
                    even = first.in_channels % (2 * stage * waves_k) == 0 and positions <= waves
                    if even and channels * positions <= MOST_SUMS and spread.lanes <= MOST_LANES:
                        yield from _with_strip(second, spread, target)


def _bands(rows: int) -> list[int]:
    """Numbers of output rows of a work-group: the whole plane, and parts of it."""
    return list(dict.fromkeys(-(-rows // parts) for parts in (1, 2, 3, 4, 6, 8, 14, 28) if rows >= 2 * parts or parts == 1))


def _tile_rows(second: Window, rows: int) -> int:
    return (rows - 1) * second.stride[0] + second.kernel[0]


def _computed(second: Window, rows: int) -> int:
    """Positions of the expanded planes that a work-group computes."""
    tile = _tile_rows(second, rows)
    lines = min(second.size[0], tile - second.pad[0]) if rows == second.out[0] else tile
    return lines * second.size[1]


def _with_strip(second: Window, spread: Spread, target: Target) -> Iterator[Spread]:
    """With the shortest strips that give every lane work once, at most."""
    for strip in range(1, spread.rows + 1):
        made = Spread(spread.rows, spread.channels, spread.positions, spread.waves_n, spread.waves_k, strip)
        if _items(second, made) <= made.lanes or strip == min(spread.rows, 7):
            if lds_bytes(second, made) <= target.lds_per_cu:
                yield made
            return


def _items(second: Window, spread: Spread) -> int:
    return spread.channels * -(-spread.rows // spread.strip) * second.out[1]


def lds_bytes(second: Window, spread: Spread) -> int:
    """Of a work-group: the expanded planes with their padding, the parts of k, the filters."""
    pitch = max(second.pad[1] + second.size[1], (second.out[1] - 1) * second.stride[1] + second.kernel[1])
    strips = -(-spread.rows // spread.strip)
    filled = ((strips * spread.strip - 1) * second.stride[0] + second.kernel[0]) * pitch
    channel = filled + (second.out[1] + 32 - filled % 32) % 32
    parts = spread.waves_k * 64 * spread.waves_n * spread.positions if spread.waves_k > 1 else 0
    return 4 * spread.channels * (channel + parts + second.taps)


def _occupancy(second: Window, spread: Spread, target: Target) -> Shape:
    stage = STAGES[spread.channels]
    sums = spread.channels * spread.positions
    vgprs = round_up(max(sums + 2 * stage * spread.positions + 2 * spread.positions + 8, second.taps + spread.strip + 30), 4)
    per_simd = min(target.waves_per_simd, target.vgprs_per_lane // vgprs, target.sgprs_per_simd // 96)
    waves = spread.waves_n * spread.waves_k
    groups = max(1, min(per_simd * target.simds_per_cu // waves, target.lds_per_cu // lds_bytes(second, spread)))
    return Shape(waves, groups, -(-groups * waves // target.simds_per_cu))


def cost(first: Window, second: Window, spread: Spread, target: Target) -> float:
    """Predicted microseconds, counted off the compiled kernel."""
    stage, sums = STAGES[spread.channels], spread.channels * spread.positions
    k = first.in_channels // spread.waves_k
    step = Mix(
        valu=4 * sums, vmem=4 * spread.positions, load_bytes=256 * spread.positions / 2, alone=max(4 * sums, 300 / stage) + 16
    )
    kept = sums / spread.waves_k
    joined = sums * (1 + 1 / spread.waves_k) * spread.waves_k if spread.waves_k > 1 else 0
    middle = Mix(valu=24 * kept + 4 * joined, lds=4 * (kept + joined), alone=40 * kept + 8 * joined)
    passes = -(-_items(second, spread) // spread.lanes)
    reads = second.taps + _tile_rows(second, spread.strip) * second.kernel[1]
    valu = 4 * (second.taps * spread.strip + 30)
    end = Mix(valu=valu, lds=2 * reads, vmem=16 * spread.strip, store_bytes=256 * spread.strip, alone=valu + 8 * reads + 500)
    groups = -(-second.groups // spread.channels) * -(-second.out[0] // spread.rows) * second.batch
    plane = second.groups * (second.plane + second.taps + 2) + first.in_channels * (first.plane + second.groups / second.batch)
    wave = step * k + middle + end * passes + Mix(valu=400, alone=2000)
    return estimate(wave, _occupancy(second, spread, target), groups, 4 * second.batch * plane, target).us
