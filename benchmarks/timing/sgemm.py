"""amdc's GEMM kernel with a measured row's tile and layouts, timed on the simulated R9 Nano.

A column-major C of m x n is a row-major one of n x m, so the operands change places: this kernel's A is the row's B, and its
rows are the row's columns. What differs from rocBLAS's kernel: how far apart a lane's elements lie, LDS laid out and filled
otherwise, no alpha, beta and no reading of C, clang's schedule instead of
one made by hand, and no counterpart to LSU, GSU and WGM.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.magic import magic
from amdc.codegen.toolchain import find_toolchain
from amdc.errors import InternalError
from amdc.kernels import gemm
from amdc.kernels.template import Value
from amdc.sim.timing import LaunchTiming
from benchmarks.timing.card import ARCH, Buffers, card
from benchmarks.timing.rows import SgemmRow

CARD = "R9 Nano"
SHORT = 128  # values of k; whole stages of every tile


@dataclass(frozen=True)
class Operand:
    """How one operand lies: the kernel's layout number, its strides in floats by column (m or n) and by k, and its floats."""

    layout: int
    column: int
    k: int
    floats: int


def operand(columns: int, k: int, k_contiguous: bool) -> Operand:
    """A dense operand of `columns` x `k`."""
    if k_contiguous:
        return Operand(gemm.DEEP if k % 4 == 0 else gemm.COLUMNS, k, 1, columns * k)
    return Operand(gemm.VECTORS if columns % 4 == 0 else gemm.ROWS, 1, columns, columns * k)


def operands(row: SgemmRow) -> tuple[Operand, Operand]:
    """The kernel's A (the row's B) and B (the row's A)."""
    return operand(row.n, row.k, not row.transposed_b), operand(row.m, row.k, row.transposed_a)


def parameters(row: SgemmRow) -> dict[str, Value]:
    """The template's parameters for the row's tile and layouts."""
    a, b = operands(row)
    tile = {"TILE_M": row.tile_n, "TILE_N": row.tile_m, "TILE_K": row.depth, "THREAD_M": row.lane_n, "THREAD_N": row.lane_m}
    types = {"TYPE_A": "float", "TYPE_B": "float", "TYPE_C": "float", "TYPE_BIAS": "float"}
    return tile | {"LAYOUT_A": a.layout, "LAYOUT_B": b.layout, "VECTOR_C": int(row.m % 4 == 0), "BIAS": 0} | types


def has_tile(row: SgemmRow) -> bool:
    """Whether the template allows the row's tile, and its work-group has one lane a thread tile."""
    try:
        gemm.GEMM.check(parameters(row))
    except InternalError:
        return False
    return row.split_wave == 1 and row.lanes == row.tile_m * row.tile_n // (row.lane_m * row.lane_n)


@cache
def _code(values: tuple[tuple[str, Value], ...], lanes: int) -> bytes:
    defines = gemm.GEMM.check(dict(values)) | {"AMDC_BLOCK": lanes, "AMDC_SYMBOL": "kernel"}
    return find_toolchain().compile_one(KernelSource("kernel", gemm.GEMM.source(), tuple(defines.items()), (lanes, 1, 1)), ARCH)


def time_row(row: SgemmRow, k: int) -> LaunchTiming:
    """The launch with the first `k` values of k alone, operands lying as the row's do."""
    gpu, (a, b) = card(CARD), operands(row)
    module = gpu.load(_code(tuple(parameters(row).items()), row.lanes))
    grid = (-(-row.m // row.tile_m), -(-row.n // row.tile_n), 1)
    with Buffers(gpu) as buffers:
        arrays = [buffers.floats(count) for count in (a.floats, b.floats, row.m * row.n)]
        numbers = [row.n, row.m, k, 1, *magic(1), a.column, a.k, 0, a.floats, b.column, b.k, 0, b.floats]
        numbers += [row.m, 0, row.m * row.n, 4 * a.floats, 4 * b.floats]
        args = [part for array in arrays for part in (array, np.uint32(array.nbytes))] + [np.uint32(number) for number in numbers]
        return module.time("kernel", grid=grid, block=(row.lanes, 1, 1), args=args)


def predict(row: SgemmRow, whole: bool = False) -> tuple[float, LaunchTiming]:
    """Predicted GFLOPS with one launch's overhead, and a timing that says what bounds it.

    A long k is simulated at `SHORT` and twice as many values, and the launch taken to go on at the rate between them; `whole`
    simulates all of it (512 x 3000 x 1536: 744.5 us, against 745.6 extrapolated)."""
    if whole or row.k <= 2 * SHORT:
        timing = time_row(row, row.k)
        return row.flops / timing.total_us / 1e3, timing
    first, timing = time_row(row, SHORT), time_row(row, 2 * SHORT)
    rate = (timing.microseconds - first.microseconds) / SHORT
    return row.flops / (timing.total_us + rate * (row.k - 2 * SHORT)) / 1e3, timing
