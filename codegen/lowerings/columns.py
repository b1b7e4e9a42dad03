"""How the kernels that work along an outer dimension (kernels/hip/columns.h) share columns out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amdc.codegen.builder import Place
from amdc.kernels.catalog import COLUMN_LANES
from amdc.kernels.template import Value
from amdc.program import ITEM_SIZES
from amdc.target import Target

BLOCKS = (256, 1024)
LONG = 4096  # elements of a row from which on the larger work-group shares one
MOST_VECTOR = 4  # what teams exchange stays in LDS
LEAST_LINE = 64  # bytes that neighbouring lanes read at least
WIDE_LINE = 128  # and better: predicted, the columns of 4,096 x 1,024 floats take 77.8 us by 256 bytes, 89.9 by 64
LEAST_GROUPS = 4  # that have wide lines: one work-group alone gets 64 bytes a clock, DRAM gives 2.6 times as much
LEAST_EACH = 8  # elements of a column for each lane of a larger work-group: as many loads as it has under way


@dataclass(frozen=True)
class ColumnPlan:
    """`lanes` lanes take `vector` neighbouring columns each; `block` // `lanes` teams share a column."""

    lanes: int
    vector: int
    block: int
    along: bool

    @property
    def teams(self) -> int:
        return self.block // self.lanes

    @property
    def parameters(self) -> dict[str, Value]:
        return {"COLUMN_LANES": self.lanes, "VECTOR": self.vector, "ALONG": int(self.along)}

    def grid(self, columns: int) -> tuple[int, int, int]:
        return (-(-columns // (self.lanes * self.vector)), 1, 1)


def plan_columns(target: Target, columns: int, length: int, inner: int, places: Sequence[Place], held: int = 0) -> ColumnPlan:
    """`places`: what is read, and what is written a vector at a time. As many lanes as there are columns for, and no more than
    leave every compute unit work-groups; but what neighbours read stays a cache line. `held`: values that a lane may keep in
    registers; where some plan does with them, such a one is chosen."""
    vector = 1 if inner == 1 else _vector(places, inner)
    size = ITEM_SIZES[places[0].dtype]
    units = target.card().compute_units
    plans = [
        ColumnPlan(lanes, vector, block, inner == 1)
        for block in (BLOCKS[:1] if held else BLOCKS)
        for lanes in COLUMN_LANES
        if block // lanes <= max(1, length) and (inner == 1 or lanes * vector * size >= min(LEAST_LINE, inner * size))
    ]
    if inner == 1:  # as many lanes along a row as have something to do
        return min(plans, key=lambda plan: (plan.lanes, plan.block if length < LONG else -plan.block))
    plans = [plan for plan in plans if -(-length // plan.teams) * vector <= held] or plans
    wide = [plan for plan in plans if plan.lanes * vector * size >= WIDE_LINE and plan.grid(columns)[0] >= LEAST_GROUPS]
    plans = wide or plans
    filling = [plan for plan in plans if plan.grid(columns)[0] >= 2 * units]
    if filling:
        return filling[0]

    def worth(plan: ColumnPlan) -> tuple[int, int, int]:  # of few columns, no more lanes than there are
        return plan.grid(columns)[0], plan.block if length >= LEAST_EACH * plan.teams else -plan.block, -plan.lanes

    return max(plans, key=worth)


def _vector(places: Sequence[Place], inner: int) -> int:
    """Up to 4 columns, so that `inner` divides and addresses are multiples of 4 bytes."""
    vector = MOST_VECTOR
    while vector > 1:
        units = [min(4, vector * ITEM_SIZES[place.dtype]) for place in places]
        aligned = all(place.offset % unit == 0 for place, unit in zip(places, units, strict=True))
        if inner % vector == 0 and aligned and all(vector * ITEM_SIZES[place.dtype] <= 32 for place in places):
            return vector
        vector //= 2
    return 1
