"""The work-group tiles of GEMM and convolution, and which one to take for a problem.

A tile is chosen by a cost that needs no compiled kernel: the work of the busiest compute unit, over what the tile reaches of the
fp32 peak, over how well its waves fill the SIMDs. Ties go to the earlier tile, so the choice is deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# Waves a SIMD needs before one wave's LDS and memory latencies hide behind the others' multiplications.
WAVES_TO_FILL = 2
LDS_BYTES = 65536  # of a compute unit, shared by the work-groups on it


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
SMALL_TILES = (Tile(32, 32, 16, 4, 4, 0.73),)  # too narrow for the convolution's gather, which wants whole waves along N


def cost(tile: Tile, m: int, n: int, batch: int, compute_units: int) -> float:
    """Time in arbitrary units, per value of k."""
    groups = -(-m // tile.m) * -(-n // tile.n) * batch
    busiest = -(-groups // compute_units)
    resident = min(busiest, LDS_BYTES // tile.lds_bytes)
    waves = resident * tile.lanes // 64
    filled = min(1.0, waves / (4 * WAVES_TO_FILL))  # four SIMDs
    return busiest * tile.m * tile.n / (tile.efficiency * filled)


def choose(m: int, n: int, batch: int, compute_units: int, tiles: Sequence[Tile] = TILES) -> Tile:
    """The cheapest tile for `batch` products of m x n."""
    return min(tiles, key=lambda tile: cost(tile, m, n, batch, compute_units))
