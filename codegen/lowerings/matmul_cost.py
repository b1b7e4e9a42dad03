"""Predicted times of matrix products, from what a wave of each kernel asks of a compute unit.

The counts are read off the compiled loops (see kernels/hip/gemm.hip).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from amdc.codegen.lowerings.matmul_operands import ROWS_APART, Matrix, Product
from amdc.cost import Camping, Mix, Shape, camping, camping_of_rows, estimate
from amdc.kernels import gemm
from amdc.kernels.gemm_tiles import GemmTile
from amdc.program import ITEM_SIZES
from amdc.target import Target

# Clocks, as the timing model has them (amdc/sim/timing/machine.py); START: from the dispatch of a wave to its first instruction.
LDS_LATENCY, DRAM_LATENCY, START, BARRIER = 64, 350, 200, 16
LDS_GROUPS = 16  # work-groups of a CU at most, where they have a barrier
# Beside the multiply-adds of a stage: addresses, the loop, and for each lane's value of a panel moving it into LDS.
STAGE_VALU, VALUE_VALU = 10, {gemm.VECTORS: 0.0, gemm.ROWS: 0.5, gemm.COLUMNS: 1.0, gemm.DEEP: 0.5}
NORM_VALU, NORM_VGPRS = 60, 13  # of a row: adding up over the wave, twice; beyond the tile's: moments, gain and shift
STAGE_OTHERS = 30  # scalar instructions, loads and writes to LDS of a stage
SLOW_LOADS = {gemm.VECTORS: 1.0, gemm.ROWS: 1.0, gemm.COLUMNS: 2.0, gemm.DEEP: 1.0}  # clocks of L1 over those of whole lines


def _read_bytes(matrix: Matrix, columns: int, k: int, product: Product) -> int:
    """Of an operand, each element once; batches that share it read it together."""
    outer, inner = product.outer if matrix.outer else 1, product.inner if matrix.inner else 1
    return columns * k * outer * inner * ITEM_SIZES[matrix.place.dtype]


def least_bytes(product: Product, slow: tuple[float, float] = (1.0, 1.0)) -> float:
    """What must pass between chip and DRAM; A's and B's bytes count `slow` times."""
    a = slow[0] * _read_bytes(product.a, product.m, product.k, product)
    b = slow[1] * _read_bytes(product.b, product.n, product.k, product)
    return a + b + product.batch * product.m * product.n * ITEM_SIZES[product.c.place.dtype]


def camped(
    product: Product, tile: GemmTile, layouts: tuple[int, int], pieces: int, chunk: int, target: Target
) -> tuple[Camping, Camping]:
    """How channels hold up the operands that lie along k, of which pieces of `chunk` values are read at once. The tiles of rows
    that start at k of their own count as so many more pieces."""
    starts = -(-product.m // tile.m) if product.spread & ROWS_APART else 1

    def of(matrix: Matrix, columns: int, side: int, layout: int, apart: int) -> Camping:
        size, card = ITEM_SIZES[matrix.place.dtype], target.card()
        if layout == gemm.DEEP:
            length = max(1, chunk * size // apart)
            return camping(matrix.column * size, columns, pieces * apart, length, card)
        return Camping() if layout == gemm.COLUMNS else camping_of_rows(matrix.k * size, side * size, tile.k, card)

    a = of(product.a, product.m, tile.m, layouts[0], starts)
    return a, of(product.b, product.n, tile.n, layouts[1], 1)


def tile_shape(tile: GemmTile, target: Target) -> Shape:
    """How the tile's work-groups fill a CU."""
    waves = -(-tile.lanes // target.wave_size)
    per_simd = target.vgprs_per_lane // (-(-tile.vgprs // target.vgpr_granule) * target.vgpr_granule)
    by_registers = per_simd * target.simds_per_cu // waves
    groups = min(LDS_GROUPS, by_registers, target.lds_per_cu // tile.lds_bytes)
    return Shape(waves, groups, -(-groups * waves // target.simds_per_cu))


def stage_mix(tile: GemmTile, layouts: tuple[int, int], wave_size: int, slow: tuple[float, float] = (1.0, 1.0)) -> Mix:
    """One stage of one wave; L2 takes `slow` times as long for A and B."""
    waves = -(-tile.lanes // wave_size)
    part, panels = tile.k // tile.sets, (tile.m * tile.k, tile.n * tile.k)
    each = list(zip(panels, layouts, strict=True))
    moved = sum(values / tile.lanes * VALUE_VALU[layout] for values, layout in each)
    fetch = sum(values / 16 * SLOW_LOADS[layout] for values, layout in each) / waves
    valu = 4 * (tile.products + STAGE_VALU + moved)
    reads = 2 * part * (tile.thread_m + tile.thread_n)
    others = STAGE_OTHERS + part * (-(-tile.thread_m // 4) - (-tile.thread_n // 4) + 1)  # reads of LDS, and a wait a k
    fragment = max(4 * tile.thread_m * tile.thread_n, LDS_LATENCY + reads / part)
    multiply = part * fragment + valu - 4 * tile.products + 4 * others
    wait = max(0.0, DRAM_LATENCY + fetch * waves - multiply) + LDS_LATENCY + BARRIER
    halves = [2 if layout == gemm.DEEP and tile.k == 8 else 1 for layout in layouts]  # lines that two stages read
    loaded = 4 * sum(values * twice * times for values, twice, times in zip(panels, halves, slow, strict=True)) / waves
    return Mix(valu, reads + sum(panels) / 16 / waves, fetch, loaded, alone=multiply + wait, barriers=1)


def ends_mix(tile: GemmTile) -> Mix:
    """Before the first stage and behind the last: addresses, the first loads, joining the sets, storing."""
    values = tile.thread_m * tile.thread_n
    stores = START + DRAM_LATENCY + 16 * values / 4
    joined = (tile.sets - 1) * values
    valu = 4 * (100 + 4 * values + joined) / (1 if tile.sets == 1 else 2)
    lds = 8 * joined / tile.sets
    alone = START + 2 * DRAM_LATENCY + valu + stores + 10 * joined
    return Mix(valu, lds, 16 * values / 4, 0, 256 * values / tile.sets, alone=alone)


def norm_mix(tile: GemmTile, k: int, target: Target) -> Mix:
    """gemm_norm.h: a wave reads its part of the tile's rows, and adds up twice."""
    waves = -(-tile.lanes // target.wave_size)
    rows, held = -(-tile.m // waves), -(-k // 256)
    together = 4 if held <= 3 else 2 if held <= 6 else 1
    valu = 4 * rows * (NORM_VALU + 14 * held)
    return Mix(valu, 0, 16 * rows * held, 4 * rows * k, alone=-(-rows // together) * DRAM_LATENCY + valu, barriers=2)


@dataclass(frozen=True)
class Cut:
    """k in `pieces`, which the last work-group of a tile adds (`joined`), or else gemm_sum.hip in a second launch."""

    pieces: int = 1
    joined: bool = False


def join_mix(tile: GemmTile, pieces: int) -> Mix:
    """split_finish.h: all waves store their sums, the last of each tile reads those of all."""
    values = tile.thread_m * tile.thread_n
    reads = 16 * values / 4 * pieces  # clocks of the address unit
    alone = 2 * DRAM_LATENCY + 16 * values / 4 + max(reads, DRAM_LATENCY * -(-values * pieces // 32))
    stored = 256 * values / tile.sets
    return Mix(4 * values, 0, 2 * 16 * values / 4 / tile.sets, stored, stored, alone=alone)


def sums_us(nbytes: int, groups: int, shape: Shape, target: Target) -> float:
    """What DRAM adds for the `nbytes` that joined pieces leave each other. The work-groups that the card holds last write at
    about the same time, when nothing else is left to do; what the others wrote passes half beside their products. Of seven
    products on an RX 580 and an R9 Nano, the best way by this count takes 0.70 to 1 of the predicted time of that by twice the
    bytes."""
    last = min(1.0, shape.groups_per_cu * target.card().compute_units / groups)
    return (1 + last) / 2 * nbytes / (target.card().dram_gbps * target.dram_efficiency * 1e3)


def tiled_us(product: Product, tile: GemmTile, layouts: tuple[int, int], cut: Cut, target: Target, normed: bool = False) -> float:
    """gemm.hip, with its launch; with gemm_sum.hip and that one's launch where that adds the pieces of k."""
    pieces = cut.pieces
    chunk = -(-product.k // (pieces * tile.k)) * tile.k
    a, b = camped(product, tile, layouts, pieces, min(chunk, product.k), target)
    nbytes = least_bytes(product, (a.dram, b.dram))
    if normed:
        tile = replace(tile, vgprs=tile.vgprs + NORM_VGPRS)
    wave = stage_mix(tile, layouts, target.wave_size, (a.l2, b.l2)) * (chunk // tile.k) + ends_mix(tile)
    wave += norm_mix(tile, product.k, target) if normed else Mix()
    wave += join_mix(tile, pieces) if cut.joined else Mix()
    groups = tile.groups(product.m, product.n) * product.batch * pieces
    partial = 4 * product.batch * product.m * product.n * pieces if pieces > 1 else 0
    if cut.joined:
        us = estimate(wave, tile_shape(tile, target), groups, nbytes, target).us
        return us + sums_us(partial, groups, tile_shape(tile, target), target)
    us = estimate(wave, tile_shape(tile, target), groups, nbytes + partial, target).us
    return us if pieces == 1 else us + sum_us(product, pieces, target)


def sum_us(product: Product, pieces: int, target: Target) -> float:
    """gemm_sum.hip: streams the pieces."""
    count = product.m * product.n
    wave = Mix(4 * (40 + 2 * pieces), 0, 4 * pieces + 16, 256 * pieces, 256, alone=800 + DRAM_LATENCY * -(-pieces // 4))
    groups = -(-count // 256) * product.batch
    return estimate(wave, Shape(4, 10, 10), groups, 4 * product.batch * count * (pieces + 1), target).us


def vector_us(product: Product, w: Matrix, target: Target) -> float:
    """gemv.hip: each wave reads a quarter of the rows of 64 outputs, or whole outputs one after the other."""
    by_row = w is product.b
    outs, rows = (product.n, product.m) if by_row else (product.m, 1)
    groups = -(-outs // (64 if w.column == 1 else 4)) * product.batch
    values = -(-product.k // 4) if w.column == 1 else -(-product.k // 64)  # of W by a lane
    under_way = 8 if rows > 4 else 16
    wave = Mix(
        valu=4 * values * (1 + 2 * rows),
        vmem=4 * values,
        load_bytes=256 * values,
        alone=START + 3 * DRAM_LATENCY + values * max(4 + 8 * rows, DRAM_LATENCY / under_way),
    )
    return estimate(wave, Shape(4, 6, 6), groups, least_bytes(product), target).us
