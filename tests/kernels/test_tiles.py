"""What each tile of the matrix kernels asks of a compute unit."""

from __future__ import annotations

import pytest

from amdc.kernels.gemm_tiles import GEMM_TILES, WIDE_TILES, GemmTile
from amdc.target import target

ALL_TILES = (*GEMM_TILES, *WIDE_TILES)
GFX803 = target("gfx803")


@pytest.mark.parametrize("tile", ALL_TILES, ids=lambda tile: tile.name)
def test_each_tile_fits_a_compute_unit(tile: GemmTile) -> None:
    assert tile.lanes % 64 == 0
    assert tile.lds_bytes <= GFX803.lds_per_cu


def test_tiles_have_names_of_their_own() -> None:
    assert len({tile.name for tile in ALL_TILES}) == len(ALL_TILES)
