"""How expand_depthwise.hip may spread a problem over work-groups, and what each way costs."""

from __future__ import annotations

from collections.abc import Iterator

from amdc.codegen.lowerings.convolution_window import Window
from amdc.cost import Mix, Shape, estimate
from amdc.kernels.expand_depthwise import CHANNELS, MOST_WAVES, STAGE, WAVES_K, Spread
from amdc.kernels.rounding import round_up
from amdc.target import Target

MOST_TAPS = 25  # that fit the scalar registers
PARTS = (1, 2, 4, 8, 14, 28)  # into which the rows of a plane are cut
STAGE_LATENCY = 450  # clocks from asking for a stage's weights to having them
L1_MISSES = 0.8  # of the inputs' reads
CONTENTION = 1.3  # the timing layer's times over this count's: geometric mean over 20 cases


def spreads(first: Window, second: Window, target: Target) -> Iterator[Spread]:
    """Those that divide k evenly and fit a work-group's lanes and LDS; none where the kernel does not apply."""
    if second.taps > MOST_TAPS or second.stride[0] != second.stride[1] or second.out_channels != 1:
        return
    height, width = second.out
    for rows in dict.fromkeys(-(-height // parts) for parts in PARTS if parts == 1 or height >= 2 * parts):
        waves_n = -(-_computed(second, rows) // 64)
        for waves_k in WAVES_K:
            spread = Spread(rows, waves_n, waves_k, strip=1 if rows * width <= 64 else 2)
            even = first.in_channels % (2 * STAGE * waves_k) == 0
            if even and spread.waves <= MOST_WAVES and lds_bytes(second, spread) <= target.lds_per_cu:
                yield spread


def _tile_rows(second: Window, rows: int) -> int:
    """Rows of the expanded planes, padding included, under `rows` rows of outputs."""
    return (rows - 1) * second.stride[0] + second.kernel[0]


def _computed(second: Window, rows: int) -> int:
    """Positions of the expanded planes that a work-group computes."""
    tile = _tile_rows(second, rows)
    lines = min(second.size[0], tile - second.pad[0]) if rows == second.out[0] else tile
    return lines * second.size[1]


def lds_bytes(second: Window, spread: Spread) -> int:
    """Of a work-group: the expanded planes with their padding, and two channels' parts of k for each wave that shares it."""
    pitch = max(second.pad[1] + second.size[1], (second.out[1] - 1) * second.stride[1] + second.kernel[1])
    rows = _tile_rows(second, round_up(spread.rows, spread.strip))
    parts = 2 * spread.waves_k**2 * 64 * spread.waves_n if spread.waves_k > 1 else 0
    return 4 * (CHANNELS * rows * pitch + parts)


def _occupancy(second: Window, spread: Spread, target: Target) -> Shape:
    vgprs = 40 if second.taps > 9 and spread.strip > 1 else 24
    per_simd = min(target.waves_per_simd, target.vgprs_per_lane // vgprs, target.sgprs_per_simd // 96)
    groups = max(1, min(per_simd * target.simds_per_cu // spread.waves, target.lds_per_cu // lds_bytes(second, spread)))
    return Shape(spread.waves, groups, -(-groups * spread.waves // target.simds_per_cu))


def cost(first: Window, second: Window, spread: Spread, target: Target) -> float:
    """Predicted microseconds, counted off the compiled kernel."""
    stages = first.in_channels // (spread.waves_k * STAGE)
    stage = Mix(
        valu=4 * STAGE * CHANNELS,
        vmem=4 * STAGE,
        load_bytes=256 * STAGE * L1_MISSES,
        alone=max(4 * (STAGE * (CHANNELS + 2) + 16), STAGE_LATENCY),
    )
    kept = CHANNELS / spread.waves_k
    joined = CHANNELS + kept * spread.waves_k if spread.waves_k > 1 else 0  # writes and reads of parts
    cleared = CHANNELS * _tile_rows(second, spread.rows) * second.size[1] / (64 * spread.waves)
    middle = Mix(valu=24 * kept + 4 * joined + 8 * cleared, lds=3 * (joined + kept + cleared), alone=1500 + 30 * joined)
    channels = -(-CHANNELS // spread.waves)
    passes = channels * -(-(-(-spread.rows // spread.strip) * second.out[1]) // 64)
    reads = _tile_rows(second, spread.strip) * second.kernel[1]
    valu = 4 * (second.taps * spread.strip + 20 * spread.strip + 10)
    end = Mix(valu=valu, lds=2 * reads, vmem=16 * spread.strip, store_bytes=256 * spread.strip, alone=valu + 4 * reads + 300)
    blocks = -(-second.groups // CHANNELS) * second.batch
    groups = blocks * -(-second.out[0] // spread.rows)
    weights = second.groups * (first.in_channels + second.taps + 2)
    planes = second.batch * (first.in_channels * first.plane + second.groups * second.plane)
    wave = stage * stages + middle + end * passes + Mix(alone=400 * channels)
    started = 4 * groups * spread.waves / (target.card().clock_ghz * 1e3) / 2  # the card starts a wave every 4 clocks
    us = estimate(wave, _occupancy(second, spread, target), groups, 4 * (weights + planes), target).us - target.launch_us
    return target.launch_us + CONTENTION * us + started
