"""Running totals along a dimension: sums, products, extremes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.codegen.typed import access, arguments
from amdc.ir import graph as ir
from amdc.ir.ops import selection
from amdc.ir.pointwise import aten
from amdc.kernels.ordering import SCAN, SCAN_ROWS

BLOCK = 256
LONG = 256  # elements: from here on a work-group takes a column where columns are few
FEW_COLUMNS = 2048


@dataclass(frozen=True)
class Columns:
    """A tensor seen as [outer, length, inner]; totals run along `length`, without an element itself, or from the end."""

    outer: int
    length: int
    inner: int
    exclusive: bool = False
    reverse: bool = False


def scan(
    item: Item, builder: ProgramBuilder, op: str, x: Node | Place, out: Place, columns: Columns, indices: Place | None = None
) -> None:
    """out = the running `op` of x; `indices`: where the extreme lies."""
    count, inner = columns.outer * columns.inner, columns.inner
    rows = indices is None and columns.length >= LONG and count <= FEW_COLUMNS
    direction = {"EXCLUSIVE": int(columns.exclusive), "REVERSE": int(columns.reverse)}
    kinds = {} if rows else {"INDICES": int(indices is not None)}
    sizes = (columns.length, inner, *magic(inner))
    builder.launch(
        SCAN_ROWS if rows else SCAN,
        {"OP": f"OP_{op}", **kinds, **direction},
        item=item,
        grid=(count, 1, 1) if rows else (-(-count // BLOCK), 1, 1),
        arguments=[out, x, *sizes] if rows else [out, indices or out, x, count, *sizes],
        writes=[out] if indices is None else [out, indices],
        flops=out.numel,
        prelude=access(x=builder.place(x).dtype, out=out.dtype),
        hint=op.lower(),
    )


def _along(item: Item, builder: ProgramBuilder, op: str, out: Place, indices: Place | None = None) -> None:
    """The operator's total along its `dim`."""
    x, given = item.args[0], arguments(item)
    shape = ir.shape(x) or (1,)
    if out.numel == 0:
        return
    dim = given["dim"] % len(shape)
    seen = math.prod(shape[:dim]), shape[dim], math.prod(shape[dim + 1 :])
    scan(item, builder, op, x, out, Columns(*seen, given.get("exclusive", False), given.get("reverse", False)), indices)


_TOTALS: dict[Any, str] = {
    aten.cumsum.default: "SUM",
    aten.cumprod.default: "PROD",
    aten.logcumsumexp.default: "LOGSUMEXP",
    selection.cumprod: "PROD",
}


@lowers(*_TOTALS)
def running_total(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim, *, dtype=None), or amdc's (x, dim, exclusive, reverse)"""
    assert item.anchor is not None
    _along(item, builder, _TOTALS[item.anchor.target], builder.place(item.node))


@lowers(aten.cummax.default, aten.cummin.default)
def running_extreme(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim) -> (values, indices)"""
    assert item.anchor is not None
    op = "MAX" if item.anchor.target is aten.cummax.default else "MIN"
    _along(item, builder, op, builder.place(item.node, 0), builder.place(item.node, 1))
