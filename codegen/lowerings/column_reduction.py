"""Reductions along an outer dimension, and of some rows (reduce_columns.hip): whole, or by work-groups that share columns."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from torch.fx import Node

from amdc.codegen.builder import COUNTERS, Operand, Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.dtypes import TAGS
from amdc.codegen.item import Item
from amdc.codegen.lowerings.columns import ColumnPlan, plan_columns
from amdc.codegen.magic import magic
from amdc.kernels.catalog import REDUCE_COLUMNS
from amdc.program import ITEM_SIZES
from amdc.target import Target

LEAST_PART = 8192  # bytes that a work-group reads at least where it shares columns
MOST_PARTS = 32  # the last one merges them one after the other
# As the timing model predicts. Bytes a clock that a work-group brings in, and where places of extremes are wanted (50,257 floats
# take 14.8 us); microseconds until the last one knows that it is the last, and for each part that it then reads.
GROUP_RATE, PLACES_RATE = 40.0, 11.0
FINISH_US, PART_US = 2.5, 0.1
WORDS = 4  # dwords of an element's partial result at most: a double or long and its place


@dataclass(frozen=True)
class Reduction:
    """`x` seen as [outer, length, inner], `length` being reduced."""

    x: Node | Place
    dtype: str
    outer: int
    length: int
    inner: int

    @property
    def columns(self) -> int:
        return self.outer * self.inner


def reduce_columns(
    item: Item, builder: ProgramBuilder, op: str, found: Reduction, out: Place, correction: int, cost: int
) -> None:
    """`cost`: operations."""
    plan = plan_columns(builder.target, found.columns, found.length, found.inner, [builder.place(found.x), out])
    build = partial(_launch, item, builder, op, found, out, correction, cost, plan)
    candidates = [
        Candidate(
            f"{parts} parts" if parts > 1 else "whole",
            partial(_us, builder.target, found, plan, op, parts),
            partial(build, parts),
        )
        for parts in (1, *_parts(found, plan, op))
    ]
    sizes = f"outer={found.outer} length={found.length} inner={found.inner}"
    builder.choose(f"reduce columns {sizes} {op.lower()} {found.dtype} to {out.dtype}", candidates).build()


def _parts(found: Reduction, plan: ColumnPlan, op: str) -> list[int]:
    """Into how many parts columns may be cut: each has an element for each team."""
    groups = plan.grid(found.columns)[0]
    if op == "VAR" or plan.lanes > 64 or groups > COUNTERS:
        return []
    most = min(MOST_PARTS, found.length * found.columns * ITEM_SIZES[found.dtype] // (LEAST_PART * groups))
    return [
        parts
        for parts in (2, 4, 8, 16, 32)
        if parts <= most and found.length - (parts - 1) * -(-found.length // parts) >= plan.teams
    ]


def _us(target: Target, found: Reduction, plan: ColumnPlan, op: str, parts: int) -> float:
    """Predicted microseconds: so many work-groups bring in what they can, or the card what its memory streams."""
    card, nbytes = target.card(), found.length * found.columns * ITEM_SIZES[found.dtype]
    each = PLACES_RATE if op.startswith("ARG") else GROUP_RATE
    rate = min(plan.grid(found.columns)[0] * parts * each * card.clock_ghz, card.dram_gbps * target.dram_efficiency)
    return nbytes / 1e3 / rate + target.launch_us + (FINISH_US + PART_US * parts if parts > 1 else 0.0)


def _launch(
    item: Item,
    builder: ProgramBuilder,
    op: str,
    found: Reduction,
    out: Place,
    correction: int,
    cost: int,
    plan: ColumnPlan,
    parts: int,
) -> None:
    columns, length = found.columns, found.length
    groups = plan.grid(columns)[0]
    inside: tuple[Place, ...] = ()
    if parts > 1:
        partials = builder.scratch(f"{item.node.name}.parts", 4 * WORDS * 64 * plan.vector * groups * parts)
        inside = partials, builder.counters(groups)
    shared: tuple[Operand, ...] = (-(-length // parts), groups, parts, *inside) if inside else ()
    builder.launch(
        REDUCE_COLUMNS,
        {"OP": f"OP_{op}", **plan.parameters, "SPLIT": int(parts > 1), "TYPE": TAGS[found.dtype], "OUT": TAGS[out.dtype]},
        item=item,
        grid=(groups, parts, 1),
        arguments=[out, found.x, columns, length, found.inner, *magic(found.inner), correction, *shared],
        writes=[out],
        inside=inside,
        flops=cost,
        hint=op.lower(),
        block=(plan.block, 1, 1),
    )
