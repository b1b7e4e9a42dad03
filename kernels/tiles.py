"""The work-group tiles of implicit-GEMM convolution, and which one to take for a problem. (Matrix products: `gemm_tiles`.)

A tile is chosen by a cost that needs no compiled kernel: the work of the busiest compute unit, over what the tile reaches of the
fp32 peak, over how well its waves fill the SIMDs. Ties go to the earlier tile, so the choice is deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amdc.target import Target

# Waves a SIMD needs before one wave's LDS and memory latencies hide behind the others' multiplications.
WAVES_TO_FILL = 2


@dataclass(frozen=True)
class Tile:
    """`m` x `n` of C by one work-group, `k` values of k a stage, `thread_m` x `thread_n` a lane. `efficiency`: share of the fp32
    peak that SGEMM reaches with this thread tile on an R9 Nano (measured with rocBLAS's kernels; 2 x 4 between its rows)."""

    m: int
    n: int
    k: int
    thread_m: int
    thread_n: int
    efficiency: float

    @property
    def lanes(self) -> int:
        return self.m * self.n // (self.thread_m * self.thread_n)

    @property
    def name(self) -> str:
        return f"{self.m}x{self.n}x{self.k}"

    @property
    def lds_bytes(self) -> int:
        """Two stages of A and B, fp32."""
        return 2 * 4 * self.k * (self.m + self.n)

    def defines(self) -> dict[str, int | str]:
        return {"TILE_M": self.m, "TILE_N": self.n, "TILE_K": self.k, "THREAD_M": self.thread_m, "THREAD_N": self.thread_n}


TILES = (
    Tile(128, 128, 8, 8, 8, 0.91),
    Tile(128, 64, 16, 8, 4, 0.85),
    Tile(64, 64, 16, 4, 4, 0.73),
    Tile(32, 64, 16, 4, 4, 0.73),
    Tile(32, 64, 32, 2, 4, 0.48),
    Tile(16, 64, 16, 4, 4, 0.73),
)


def round_up(value: int, step: int) -> int:
    return -(-value // step) * step


def cost(tile: Tile, m: int, n: int, k: int, batch: int, target: Target, gather: int = 0) -> float:
    """Time in arbitrary units for `batch` products of m x k and k x n. `gather`: further instructions to fetch a value of B,
    which serves `tile.m` multiply-adds."""
    groups = -(-m // tile.m) * -(-n // tile.n) * batch
    busiest = -(-groups // target.card().compute_units)
    resident = min(busiest, target.lds_per_cu // tile.lds_bytes)
    filled = min(1.0, resident * tile.lanes / (target.wave_size * target.simds_per_cu * WAVES_TO_FILL))
    return busiest * tile.m * tile.n * round_up(k, tile.k) * (1 + gather / tile.m) / (tile.efficiency * filled)


def choose(m: int, n: int, k: int, batch: int, target: Target, tiles: Sequence[Tile] = TILES, gather: int = 0) -> Tile:
    """The cheapest tile. Where k is walked in pieces (a convolution's channels, tap by tap), `k` is one piece."""
    return min(tiles, key=lambda tile: cost(tile, m, n, k, batch, target, gather))
