"""gemm.hip and gemv.hip alone: every tile, every layout, awkward sizes, against float64."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amdc.codegen.magic import magic
from amdc.kernels import gemm
from amdc.kernels.gemm_tiles import GEMM_TILES, WIDE_TILES, GemmTile
from tests.kernels.harness import assert_close, launch, source

ALL_TILES = (*GEMM_TILES, *WIDE_TILES)
BY_NAME = {tile.name: tile for tile in ALL_TILES}
FEW = ("128x128x16", "64x64x16", "32x32x32s4", "8x32x64s4")  # the others are marked slow
TILES = [pytest.param(tile, id=tile.name, marks=() if tile.name in FEW else pytest.mark.slow) for tile in ALL_TILES]
SIZES = ((1, 1, 1), (31, 33, 32), (33, 31, 17), (61, 67, 71), (3, 130, 5), (130, 3, 9), (128, 64, 1))


def _operand(values: np.ndarray, layout: int) -> tuple[np.ndarray, int, int, int, int]:
    """`values` [batch, columns, k] in memory: the array, its strides by column, by k, by batch, elements a matrix."""
    batch, columns, k = values.shape
    if layout == gemm.COLUMNS:
        return np.ascontiguousarray(values), k, 1, columns * k, columns * k
    if layout == gemm.DEEP:  # k is a multiple of 4; four further values a column must never reach a result
        wide = np.full((batch, columns, k + 4), np.nan, np.float32)
        wide[:, :, :k] = values
        return wide, k + 4, 1, columns * (k + 4), columns * (k + 4)
    width = -(-columns // 4) * 4 if layout == gemm.VECTORS else columns
    memory = np.full((batch, k, width), np.nan, np.float32)  # what lies between the rows must never reach a result
    memory[:, :, :columns] = values.transpose(0, 2, 1)
    return memory, 1, width, k * width, k * width


def check_gemm(
    tile: GemmTile,
    layout_a: int,
    layout_b: int,
    m: int,
    n: int,
    k: int,
    batch: int = 1,
    bias: bool = False,
    seed: int = 0,
    spread: int = 0,
) -> None:
    """One product of random matrices of these sizes."""
    random = np.random.default_rng(seed)
    a, b = (random.standard_normal((batch, size, k), np.float32) for size in (m, n))
    row = random.standard_normal(n, np.float32)
    (in_a, a_column, a_k, a_batch, a_size), (in_b, b_column, b_k, b_batch, b_size) = _operand(a, layout_a), _operand(b, layout_b)
    parameters = tile.defines() | {"LAYOUT_A": layout_a, "LAYOUT_B": layout_b, "BIAS": int(bias), "SPREAD": spread}
    parameters["VECTOR_C"] = int(n % 4 == 0 and tile.thread_n % 4 == 0)
    arguments = [in_a, in_b, m, n, k, batch, *magic(batch), a_column, a_k, 0, a_batch, b_column, b_k, 0, b_batch]
    arguments += [n, 0, m * n, 4 * a_size, 4 * b_size]
    arguments += [row, 0, 1, 0.5, 2.0] if bias else []
    grid = (-(-n // tile.n), -(-m // tile.m), batch)
    result = launch(source(gemm.GEMM, parameters, tile.lanes), grid, arguments, (batch, m, n))
    scale, added = (0.5, 2.0 * row.astype(np.float64)) if bias else (1.0, np.zeros(n))
    exact, absolute = (f(a).astype(np.float64) @ f(b).astype(np.float64).transpose(0, 2, 1) for f in (lambda x: x, np.abs))
    assert_close(result, scale * exact + added, scale * absolute + np.abs(added), k, extra=2 * bias)


@pytest.mark.parametrize("tile", TILES)
def test_every_tile_on_awkward_sizes(tile: GemmTile) -> None:
    for m, n, k in (*SIZES, (tile.m + 1, tile.n - 1, 2 * tile.k + 1), (tile.m, 2 * tile.n, 3 * tile.k)):
        check_gemm(tile, gemm.VECTORS, gemm.ROWS, m, n, k)


@pytest.mark.parametrize("tile", TILES[1:])
def test_every_tile_on_contiguous_k(tile: GemmTile) -> None:
    for m, n, k in ((1, 1, 4), (31, 33, 20), (tile.m + 1, tile.n - 1, 2 * tile.k + 4)):
        check_gemm(tile, gemm.DEEP, gemm.VECTORS, m, n, k, batch=2)


@pytest.mark.parametrize("spread", [1, 2, 3])
def test_work_groups_that_start_at_different_k(spread: int) -> None:
    check_gemm(BY_NAME["32x32x32s4"], gemm.DEEP, gemm.VECTORS, 100, 70, 196, spread=spread)


LAYOUTS = (gemm.VECTORS, gemm.ROWS, gemm.COLUMNS, gemm.DEEP)


@pytest.mark.parametrize("layout_a, layout_b", [(0, 0), (1, 2), (2, 1), (3, 3)])
def test_every_layout_batched(layout_a: int, layout_b: int) -> None:
    unit = 4 if gemm.DEEP in (layout_a, layout_b) else 1
    for m, n, k in ((31, 33, 17), (64, 128, 32), (5, 4, 3)):
        check_gemm(BY_NAME["64x64x16"], layout_a, layout_b, m, n, unit * k, batch=3)


@pytest.mark.slow
@pytest.mark.parametrize("tile", GEMM_TILES, ids=lambda tile: tile.name)
@pytest.mark.parametrize("layouts", [(a, b) for a in LAYOUTS for b in LAYOUTS])
def test_every_tile_in_every_layout(tile: GemmTile, layouts: tuple[int, int]) -> None:
    for m, n, k in SIZES:
        check_gemm(tile, *layouts, m, n, 4 * k if gemm.DEEP in layouts else k, batch=2)


@pytest.mark.parametrize("size", [(1, 1, 1), (33, 31, 17), (64, 64, 64)])
def test_bias_alpha_and_beta(size: tuple[int, int, int]) -> None:
    check_gemm(BY_NAME["32x32x16"], gemm.COLUMNS, gemm.ROWS, *size, bias=True)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(
    tile=st.sampled_from([BY_NAME["64x64x16"], BY_NAME["32x32x32s4"]]),
    size=st.tuples(st.integers(1, 140), st.integers(1, 140), st.integers(1, 70)),
    batch=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_any_size(tile: GemmTile, size: tuple[int, int, int], batch: int, seed: int) -> None:
    check_gemm(tile, gemm.COLUMNS, gemm.ROWS, *size, batch=batch, seed=seed)


@pytest.mark.parametrize("layout, rows", [(0, 1), (1, 1), (0, 3), (1, 2), (0, 16)])
@pytest.mark.parametrize("size", [(1, 1), (64, 64), (63, 65), (257, 129), (5, 2053), (1000, 31)])
def test_gemv(layout: int, rows: int, size: tuple[int, int]) -> None:
    outs, k = size
    random = np.random.default_rng(outs)
    w, x = random.standard_normal((2, outs, k), np.float32), random.standard_normal((2, rows, k), np.float32)
    bias = random.standard_normal((rows, outs), np.float32)
    memory = np.ascontiguousarray(w.transpose(0, 2, 1)) if layout == 0 else w
    strides = [outs if layout == 0 else k, 0, outs * k, k, 1, 0, rows * k, outs, 1, 0, rows * outs, 4 * outs * k, 4 * rows * k]
    arguments = [memory, x, outs, rows, k, 2, *magic(2), *strides, 1, bias, outs, 1, 1.0, 1.0]
    most = next(count for count in gemm.GEMV_ROWS if count >= rows)
    kernel = source(gemm.GEMV, {"LAYOUT": layout, "BIAS": 1, "X_ROWS": most}, 256)
    result = launch(kernel, (-(-outs // (64 if layout == 0 else 4)), 1, 2), arguments, (2, rows, outs))
    exact, absolute = (np.einsum("zok,zrk->zro", f(w).astype(np.float64), f(x).astype(np.float64)) for f in (lambda a: a, np.abs))
    assert_close(result, exact + bias, absolute + np.abs(bias), k, extra=1)
