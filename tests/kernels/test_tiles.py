"""The choice of a tile: deterministic, and without padded work where that costs nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amdc.kernels import tiles
from amdc.kernels.gemm_tiles import GEMM_TILES, GemmTile
from amdc.target import target

GFX803 = target("gfx803")


def test_large_products_take_the_large_tile() -> None:
    assert tiles.choose(4096, 4096, 4096, 1, GFX803).name == "128x128x8"


def test_seven_by_seven_positions_take_narrow_tiles() -> None:
    assert tiles.choose(2048, 49, 512, 1, GFX803).n == 64


def test_few_channels_take_a_short_stage() -> None:
    assert tiles.choose(4096, 4096, 8, 1, GFX803).k == 8


@pytest.mark.parametrize("tile", (*tiles.TILES, *GEMM_TILES), ids=lambda tile: tile.name)
def test_each_tile_fits_a_compute_unit(tile: tiles.Tile | GemmTile) -> None:
    assert tile.lanes % 64 == 0
    assert tile.lds_bytes <= GFX803.lds_per_cu


def test_expensive_gathers_take_tall_tiles() -> None:
    plain, gathered = (tiles.choose(64, 12544, 147, 1, GFX803, gather=gather) for gather in (0, 100))
    assert gathered.m > plain.m


@given(*[st.integers(1, 5000)] * 3, st.integers(1, 8))
def test_no_other_tile_is_cheaper(m: int, n: int, k: int, batch: int) -> None:
    chosen = tiles.choose(m, n, k, batch, GFX803)
    assert all(tiles.cost(chosen, m, n, k, batch, GFX803) <= tiles.cost(tile, m, n, k, batch, GFX803) for tile in tiles.TILES)
