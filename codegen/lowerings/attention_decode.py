"""Ways to compute attention of a few rows (attention_decode.hip), with what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.codegen.builder import COUNTERS
from amdc.kernels import attention as kernels
from amdc.target import Target

SPLITS = (2, 4, 8, 16, 32, 64)
LEAST_SPAN = 64  # keys of a part
# Bytes a clock that a work-group brings in, by the loads that it has under way, and vector instructions for a row and four keys
# besides the products: as the timing model predicts.
GROUP_RATE, ROW_INSTRUCTIONS = 50.0, 24
FINISH_US, PART_US = 1.2, 0.07  # predicted: the last work-group waits for its count, then reads what each part found


@dataclass(frozen=True)
class Sizes:
    """q [batch, groups * heads, m, d], k [batch, groups, n, d], v [batch, groups, n, e]."""

    batch: int
    groups: int
    heads: int
    m: int
    n: int
    d: int
    e: int

    @property
    def rows(self) -> int:
        """Of all heads that share keys."""
        return self.heads * self.m

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in vars(self).items())


@dataclass(frozen=True)
class DecodeWay:
    """Work-groups that hold `held` rows; `splits` of them share the keys, of `item` bytes a value."""

    sizes: Sizes
    item: int
    held: int
    splits: int

    @property
    def name(self) -> str:
        return f"{self.splits} splits" if self.splits > 1 else "whole"

    @property
    def span(self) -> int:
        """Keys of a work-group."""
        return -(-self.sizes.n // self.splits)

    def us(self, target: Target) -> float:
        """Predicted microseconds, launches included."""
        card, sizes = target.card(), self.sizes
        key_bytes = (sizes.d + sizes.e) * self.item
        issued = self.held * (ROW_INSTRUCTIONS + (sizes.d + sizes.e) // 16)  # by a wave for 4 keys; 4 SIMDs, 4 clocks each
        rate = min(GROUP_RATE, 4 * key_bytes / issued)
        groups = self.splits * sizes.groups * sizes.batch
        rounds = -(-groups // card.compute_units)
        alone = rounds * self.span * key_bytes / rate / card.clock_ghz / 1e3
        stream = sizes.batch * sizes.groups * sizes.n * key_bytes / (card.dram_gbps * target.dram_efficiency) / 1e3
        finish = FINISH_US + PART_US * self.splits if self.splits > 1 else 0.0
        return max(alone, stream) + target.launch_us + finish


def decode_ways(target: Target, sizes: Sizes, item: int) -> list[DecodeWay]:
    """Those that the kernel has room for; none where there are too many rows."""
    held = next((rows for rows in kernels.HELD_ROWS if rows >= sizes.rows), 0)
    if not held or held * -(-max(sizes.d, sizes.e) // 64) > kernels.DECODE_QUADS:
        return []
    most = sizes.n // LEAST_SPAN if sizes.batch * sizes.groups <= COUNTERS else 1
    return [DecodeWay(sizes, item, held, splits) for splits in (1, *SPLITS) if splits == 1 or splits <= most]
