"""The work-group tiles of gemm.hip, and what a wave of each asks of a compute unit."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.kernels.rounding import round_up


@dataclass(frozen=True)
class GemmTile:
    """`m` x `n` of C by one work-group, `k` values of k a stage, `thread_m` x `thread_n` a lane; `sets` sets of lanes share the k
    of a stage (LOCAL_SPLIT). `vgprs`: at most, of the compiled kernel where both operands come by dwordx4; in granules of 4."""

    m: int
    n: int
    k: int
    thread_m: int
    thread_n: int
    sets: int
    vgprs: int

    @property
    def lanes(self) -> int:
        return self.m * self.n // (self.thread_m * self.thread_n) * self.sets

    @property
    def waves(self) -> int:
        """Waves of 64 lanes that hold sums in the end."""
        return self.lanes // self.sets // 64

    @property
    def name(self) -> str:
        return f"{self.m}x{self.n}x{self.k}" + (f"s{self.sets}" if self.sets > 1 else "")

    @property
    def lds_bytes(self) -> int:
        """Two stages of A and B, fp32, or the sums of half of the sets of lanes."""
        return 4 * max(2 * self.k * (self.m + self.n), self.sets // 2 * self.m * self.n)

    @property
    def products(self) -> int:
        """Multiply-adds of a lane in a stage."""
        return self.thread_m * self.thread_n * self.k // self.sets

    def defines(self) -> dict[str, int | str]:
        tile: dict[str, int | str] = {"TILE_M": self.m, "TILE_N": self.n, "TILE_K": self.k}
        return tile | {"THREAD_M": self.thread_m, "THREAD_N": self.thread_n, "LOCAL_SPLIT": self.sets}

    def groups(self, m: int, n: int) -> int:
        """Work-groups of one product."""
        return round_up(m, self.m) // self.m * (round_up(n, self.n) // self.n)


GEMM_TILES = (
    GemmTile(128, 128, 16, 8, 8, 1, 128),
    GemmTile(128, 128, 8, 8, 8, 1, 116),
    GemmTile(128, 96, 16, 8, 6, 1, 108),
    GemmTile(96, 128, 16, 6, 8, 1, 108),
    GemmTile(128, 64, 16, 8, 4, 1, 84),
    GemmTile(64, 128, 16, 4, 8, 1, 84),
    GemmTile(64, 64, 16, 4, 4, 1, 56),
    GemmTile(64, 64, 32, 8, 4, 2, 88),
    GemmTile(64, 32, 16, 4, 4, 1, 60),
    GemmTile(32, 64, 16, 4, 4, 1, 60),
    GemmTile(32, 128, 32, 4, 8, 2, 100),
    GemmTile(32, 64, 32, 4, 4, 2, 64),
    GemmTile(32, 32, 16, 4, 4, 1, 64),
    GemmTile(32, 32, 32, 4, 4, 4, 56),
    GemmTile(16, 64, 16, 4, 4, 1, 72),
    GemmTile(16, 64, 32, 4, 4, 4, 60),
    GemmTile(16, 32, 32, 4, 2, 4, 48),
    GemmTile(8, 32, 64, 2, 2, 4, 48),
)

# For matrix products alone, predicted on an RX 580. 64x176: 128 rows by 3072 columns are 36 of them (k = 768: 129 us,
# 64x64x16 takes 136); of 64x88, 128 by 1536 are (k = 384, behind a norm, with GELU: 49 us, 32x64x32s2 54); of 64x64, 128 by
# 1152, which four sets of lanes share (behind a norm 32.6 us, 32x64x32s2 34). 16x256: where rows of B begin in one memory
# channel, those of a tile lie in four (see gemm.hip).
WIDE_TILES = (
    GemmTile(64, 176, 32, 4, 11, 2, 112),
    GemmTile(64, 88, 32, 4, 11, 4, 108),
    GemmTile(64, 64, 32, 8, 4, 4, 80),
    GemmTile(16, 256, 16, 4, 4, 1, 68),
)
