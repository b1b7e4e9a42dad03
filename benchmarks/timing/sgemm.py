"""amdc's GEMM kernel with a measured row's tile and layouts, timed on the simulated R9 Nano.

A column-major C of m x n is a row-major one of n x m, so the operands change places: this kernel's A is the row's B, and its
rows are the row's columns. C is scaled and added to the product (alpha = beta = 2, Tensile's defaults for its benchmarks:
DataInitTypeAlpha, DataInitTypeBeta). What differs from rocBLAS's kernel: how far apart a lane's elements lie, clang's schedule
instead of one made by hand, always two stages in LDS (rows without PGR have one), no counterpart to WGM; and k split over
work-groups (GSU) is added up by a second kernel, where rocBLAS scales C first and then uses atomics.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.magic import magic
from amdc.codegen.toolchain import find_toolchain
from amdc.errors import InternalError
from amdc.kernels import gemm
from amdc.kernels.template import KernelTemplate, Value
from amdc.sim.array import DeviceArray
from amdc.sim.timing import LaunchTiming
from benchmarks.timing.card import ARCH, Buffers, card
from benchmarks.timing.rows import SgemmRow

CARD = "R9 Nano"
SUM_LANES = 256
ALPHA_BETA = 2.0


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


def chunk(row: SgemmRow) -> int:
    """Values of k of one work-group: whole stages."""
    return -(-row.k // (row.split_k * row.depth)) * row.depth


def parameters(row: SgemmRow) -> dict[str, Value]:
    """The template's parameters for the row's tile, split and layouts."""
    a, b = operands(row)
    return {
        "TILE_M": row.tile_n,
        "TILE_N": row.tile_m,
        "TILE_K": row.depth,
        "THREAD_M": row.lane_n,
        "THREAD_N": row.lane_m,
        "LOCAL_SPLIT": row.split_wave,
        "LAYOUT_A": a.layout,
        "LAYOUT_B": b.layout,
        "VECTOR_C": int(row.m % 4 == 0 and row.lane_m % 4 == 0),
        "BIAS": int(row.split_k == 1),
        "SPLIT": int(row.split_k > 1),
    } | dict.fromkeys(("TYPE_A", "TYPE_B", "TYPE_C", "TYPE_BIAS"), "float")


def has_tile(row: SgemmRow) -> bool:
    """Whether the template allows the row's tile and cut of k, with one lane a thread tile."""
    try:
        gemm.GEMM.check(parameters(row))
    except InternalError:
        return False
    lanes = row.tile_m * row.tile_n // (row.lane_m * row.lane_n) * row.split_wave
    return row.lanes == lanes and chunk(row) * (row.split_k - 1) < row.k


@cache
def _code(template: KernelTemplate, values: tuple[tuple[str, Value], ...], lanes: int, vector: int = 4) -> bytes:
    # PLAIN_DEEP: values of k that lie together are loaded as wide as in rocBLAS's kernel, and go into LDS as there.
    defines = template.check(dict(values)) | {"AMDC_BLOCK": lanes, "AMDC_SYMBOL": "kernel", "PLAIN_DEEP": 2 if vector == 2 else 4}
    return find_toolchain().compile_one(KernelSource("kernel", template.source(), tuple(defines.items()), (lanes, 1, 1)), ARCH)


def _arguments(arrays: tuple[DeviceArray, ...], numbers: list[int]) -> list[Any]:
    return [part for array in arrays for part in (array, np.uint32(array.nbytes))] + [np.uint32(number) for number in numbers]


def _multiply(row: SgemmRow, arrays: tuple[DeviceArray, ...]) -> LaunchTiming:
    a, b = operands(row)
    numbers = [row.n, row.m, row.k, 1, *magic(1), a.column, a.k, 0, a.floats, b.column, b.k, 0, b.floats]
    numbers += [row.m, 0, row.m * row.n, 4 * a.floats, 4 * b.floats]
    numbers += [*magic(1), 1, chunk(row)] if row.split_k > 1 else []
    grid = (-(-row.m // row.tile_m), -(-row.n // row.tile_n), row.split_k)
    code = _code(gemm.GEMM, tuple(parameters(row).items()), row.lanes, row.vector)
    args = _arguments(arrays, numbers) + ([] if row.split_k > 1 else _added(row, arrays[2]))
    return card(CARD).load(code).time("kernel", grid=grid, block=(row.lanes, 1, 1), args=args)


def _added(row: SgemmRow, c: DeviceArray) -> list[Any]:
    """The arguments that add beta * C: the kernel's bias, with the strides of C."""
    return [*_arguments((c,), [row.m, 1]), np.float32(ALPHA_BETA), np.float32(ALPHA_BETA)]


def _add(row: SgemmRow, pieces: DeviceArray, c: DeviceArray) -> LaunchTiming:
    code = _code(gemm.GEMM_SUM, (("BIAS", 0), ("TYPE_C", "float"), ("TYPE_BIAS", "float")), SUM_LANES)
    numbers = [row.n, row.m, *magic(row.m), row.split_k, 1, 1, *magic(1), row.m, 0, row.m * row.n]
    grid = (-(-row.m * row.n // SUM_LANES), 1, 1)
    return card(CARD).load(code).time("kernel", grid=grid, block=(SUM_LANES, 1, 1), args=_arguments((pieces, c), numbers))


def predict(row: SgemmRow) -> tuple[float, LaunchTiming]:
    """Predicted GFLOPS, and the product's timing.

    One launch's overhead counts for a row, also where there are two launches: the smallest measured rows take 26 to 29 us, and
    all of them are two launches of rocBLAS's."""
    a, b = operands(row)
    with Buffers(card(CARD)) as buffers:
        arrays = buffers.floats(a.floats), buffers.floats(b.floats), buffers.floats(row.split_k * row.m * row.n)
        timing = _multiply(row, arrays)
        taken = timing.microseconds + timing.launch_us
        if row.split_k > 1:
            taken += _add(row, arrays[2], buffers.floats(row.m * row.n)).microseconds
    return row.flops / taken / 1e3, timing
