"""Running totals along a dimension: sums, products, extremes."""

from __future__ import annotations

import math
from typing import Any

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.codegen.typed import access, arguments
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.ops import selection
from amdc.ir.pointwise import aten
from amdc.kernels.ordering import SCAN, SCAN_ROWS

BLOCK = 256
LONG = 256  # elements: from here on a work-group takes a column where columns are few
FEW_COLUMNS = 2048


def _scan(item: Item, builder: ProgramBuilder, op: str, out: Place, indices: Place | None = None) -> None:
    """out = the running `op` along the operator's `dim` of its first operand; `indices`: where the extreme lies."""
    x, given = item.args[0], arguments(item)
    shape = ir.shape(x)
    if out.numel == 0:
        return
    if op == "LOGSUMEXP" and out.dtype == "float64":
        raise ModelError(f"'{item.user_name}' computes logcumsumexp in float64; kernels have it in float32: convert to float32")
    dim = given["dim"] % max(1, len(shape))
    length, inner = (shape[dim], math.prod(shape[dim + 1 :])) if shape else (1, 1)
    columns = out.numel // length
    direction = {"EXCLUSIVE": int(given.get("exclusive", False)), "REVERSE": int(given.get("reverse", False))}
    prelude = access(x=dtype_name(x), out=out.dtype)
    if indices is None and length >= LONG and columns <= FEW_COLUMNS:
        values = [out, x, length, inner, *magic(inner)]
        builder.launch(
            SCAN_ROWS,
            {"OP": f"OP_{op}", **direction},
            item=item,
            grid=(columns, 1, 1),
            arguments=values,
            writes=[out],
            flops=out.numel,
            prelude=prelude,
            hint=op.lower(),
        )
        return
    builder.launch(
        SCAN,
        {"OP": f"OP_{op}", "INDICES": int(indices is not None), **direction},
        item=item,
        grid=(-(-columns // BLOCK), 1, 1),
        arguments=[out, indices or out, x, columns, length, inner, *magic(inner)],
        writes=[out] if indices is None else [out, indices],
        flops=out.numel,
        prelude=prelude,
        hint=op.lower(),
    )


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
    _scan(item, builder, _TOTALS[item.anchor.target], builder.place(item.node))


@lowers(aten.cummax.default, aten.cummin.default)
def running_extreme(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim) -> (values, indices)"""
    assert item.anchor is not None
    op = "MAX" if item.anchor.target is aten.cummax.default else "MIN"
    _scan(item, builder, op, builder.place(item.node, 0), builder.place(item.node, 1))
