"""Reductions over any dimensions: rows where the last ones are reduced, columns otherwise; others are first brought together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.dtypes import FLOATS, TAGS
from amdc.codegen.elementwise import Source, launch_copy
from amdc.codegen.expression import FusedExpression, dtype_name
from amdc.codegen.indexing import dense_strides
from amdc.codegen.item import Item
from amdc.codegen.lowerings.columns import plan_columns
from amdc.codegen.lowerings.empty_reduction import reduce_nothing
from amdc.codegen.lowerings.rows import plan_rows
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.kernels.catalog import REDUCE_COLUMNS, REDUCE_ROWS
from amdc.program import ITEM_SIZES

MOST_SPANS = 512  # of a row that two launches reduce
LEAST_SPAN = 16384  # bytes
SPAN_UNIT = 16  # elements: spans start where vectors do


@dataclass(frozen=True)
class Reduction:
    """`x` seen as [outer, length, inner], `length` being reduced."""

    x: Node | Place
    dtype: str
    outer: int
    length: int
    inner: int


def gather_dims(item: Item, builder: ProgramBuilder, x: Node, dims: Any) -> Reduction:
    """Dimensions side by side reduce in place; others are moved behind the kept ones by a copy first."""
    shape = ir.shape(x)
    reduced = sorted({dim % max(1, len(shape)) for dim in ([dims] if isinstance(dims, int) else dims or range(len(shape)))})
    if not shape:
        return Reduction(x, dtype_name(x), 1, 1, 1)
    wide = [dim for dim in range(reduced[0], reduced[-1] + 1) if shape[dim] != 1]
    length = math.prod(shape[dim] for dim in reduced)
    if all(dim in reduced for dim in wide):
        return Reduction(x, dtype_name(x), math.prod(shape[: reduced[0]]), length, math.prod(shape[reduced[-1] + 1 :]))
    order = [dim for dim in range(len(shape)) if dim not in reduced] + reduced
    strides = dense_strides(shape)
    dtype = dtype_name(x)
    scratch = builder.scratch(f"{item.node.name}.rows", builder.place(x).nbytes)
    moved = Place(scratch.buffer, dtype, tuple(shape[dim] for dim in order))
    launch_copy(builder, item, moved.shape, Source(x, dtype, tuple(strides[dim] for dim in order)), moved)
    return Reduction(moved, dtype, math.prod(shape) // max(1, length), length, 1)


def reduce(item: Item, builder: ProgramBuilder, op: str, dims: Any, out: Place, correction: int = 0) -> None:
    """out = op over `dims` of the item's first operand."""
    if out.numel == 0:
        return
    if 0 in ir.shape(item.args[0]):
        reduce_nothing(item, builder, op, out)
        return
    found = gather_dims(item, builder, item.args[0], dims)
    cost = found.outer * found.length * found.inner * (3 if op == "VAR" else 1)
    floats = item.data_dtype in FLOATS and out.dtype in FLOATS
    if found.inner == 1 and floats and op not in ("ARGMAX", "ARGMIN", "ANY", "ALL"):
        _rows(item, builder, op, found, out, correction, cost)
        return
    if item.before or item.after:
        raise ModelError(f"'{item.user_name}': only a reduction of innermost dimensions takes a prologue or an epilogue")
    columns = found.outer * found.inner
    plan = plan_columns(builder.target, columns, found.length, found.inner, [builder.place(found.x), out])
    builder.launch(
        REDUCE_COLUMNS,
        {"OP": f"OP_{op}", **plan.parameters, "TYPE": TAGS[found.dtype], "OUT": TAGS[out.dtype]},
        item=item,
        grid=plan.grid(columns),
        arguments=[out, found.x, columns, found.length, found.inner, *magic(found.inner), correction],
        writes=[out],
        flops=cost,
        hint=op.lower(),
        block=(plan.block, 1, 1),
    )


def _rows(item: Item, builder: ProgramBuilder, op: str, found: Reduction, out: Place, correction: int, cost: int) -> None:
    """Rows by one launch, or by a second one over what spans of each row came to. The variance takes one."""
    length, width = found.length, ITEM_SIZES[found.dtype]
    pieces = 1 if op == "VAR" else max(1, min(MOST_SPANS, length * width // LEAST_SPAN))
    span = -(-length // pieces)
    span += -span % SPAN_UNIT
    spans = -(-length // span)
    card = builder.target.card()

    def predicted(groups: int, launches: int) -> float:
        """Microseconds: a compute unit takes in a 64-byte line a clock, the card what its memory streams."""
        bytes_us = found.outer * length * width / 1e3
        line_rate = min(groups, card.compute_units) * 64 * card.clock_ghz
        return bytes_us / min(line_rate, card.dram_gbps * builder.target.dram_efficiency) + launches * builder.target.launch_us

    candidates = [
        Candidate(
            "rows", lambda: predicted(found.outer, 1), lambda: _launch_rows(item, builder, op, found, out, correction, cost)
        )
    ]
    if spans > 1:

        def build() -> None:
            parts = builder.activation(f"{item.node.name}.spans", _wide(item.data_dtype), (found.outer, spans))
            _launch_rows(item, builder, op, found, parts, 0, cost, span)
            rest = Reduction(parts, parts.dtype, found.outer, spans, 1)
            _launch_rows(item, builder, op, rest, out, correction, found.outer * spans, divisor=length)

        candidates.append(Candidate(f"{spans} spans", lambda: predicted(found.outer * spans, 2), build))
    key = f"reduce rows={found.outer} length={length} {op.lower()} {found.dtype}"
    builder.choose(key, candidates).build()


def _wide(dtype: str) -> str:
    return "float64" if dtype == "float64" else "float32"


def _launch_rows(
    item: Item,
    builder: ProgramBuilder,
    op: str,
    found: Reduction,
    out: Place,
    correction: int,
    cost: int,
    span: int = 0,
    divisor: int = 0,
) -> None:
    """One launch of reduce_rows.hip. With `span`, of the first of two: each span's sum or extreme, with no epilogue. With
    `divisor`, the second: with no prologue, and a mean is over so many elements."""
    rows, length = found.outer, found.length
    spans = -(-length // span) if span else 1
    plan = plan_rows(builder, rows * spans, length, [found.x], span or None)
    channel = min(1, len(item.shape) - 1) if math.prod(item.shape[2:]) == 1 else None
    nothing = FusedExpression("", (), 0, ())
    prologue, epilogue = nothing if divisor else item.row_prologue(None), nothing if span else item.epilogue(channel)
    channels = item.shape[1] if len(item.shape) > 1 else rows
    kind = "SUM" if span and op == "MEAN" else op
    sizes = (rows, length, span or length, spans, float(divisor or length), correction, channels, *magic(channels))
    kept = _wide(item.data_dtype) if divisor else item.data_dtype
    builder.launch(
        REDUCE_ROWS,
        {"OP": f"OP_{kind}", **plan.parameters, "INPUT": TAGS[found.dtype], "TYPE": TAGS[kept], "OUT": TAGS[out.dtype]},
        item=item,
        grid=plan.grid(rows, spans),
        arguments=[out, found.x, *sizes, *prologue.operands, *epilogue.operands],
        writes=[out],
        flops=cost + rows * (epilogue.flops + length * prologue.flops),
        prelude=prologue.text + epilogue.text,
        hint=op.lower(),
        block=plan.block,
    )


_SIMPLE: dict[Any, str] = {
    aten.sum.dim_IntList: "SUM",
    aten.sum.default: "SUM",
    aten.mean.dim: "MEAN",
    aten.mean.default: "MEAN",
    aten.amax.default: "MAX",
    aten.amin.default: "MIN",
    aten.max.default: "MAX",
    aten.min.default: "MIN",
    aten.prod.dim_int: "PROD",
    aten.prod.default: "PROD",
    aten.argmax.default: "ARGMAX",
    aten.argmin.default: "ARGMIN",
    aten.any.dim: "ANY",
    aten.any.dims: "ANY",
    aten.any.default: "ANY",
    aten.all.dim: "ALL",
    aten.all.default: "ALL",
}


@lowers(*_SIMPLE)
def simple(item: Item, builder: ProgramBuilder) -> None:
    """(x, dims=None, keepdim=False, *, dtype=None): keepdim changes no element's place."""
    assert item.anchor is not None
    dims = item.args[1] if len(item.args) > 1 else item.kwargs.get("dim")
    reduce(item, builder, _SIMPLE[item.anchor.target], dims, builder.place(item.node))


@lowers(aten.max.dim, aten.min.dim)
def extreme_with_index(item: Item, builder: ProgramBuilder) -> None:
    assert item.anchor is not None
    name = "MAX" if item.anchor.target is aten.max.dim else "MIN"
    for index, op in enumerate((name, f"ARG{name}")):
        if index in item.used:
            reduce(item, builder, op, item.args[1], builder.place(item.node, index))


@lowers(aten.var.correction, aten.var.dim)
def variance(item: Item, builder: ProgramBuilder) -> None:
    assert item.anchor is not None
    if item.anchor.target is aten.var.dim:
        correction = int(item.args[2] if len(item.args) > 2 else item.kwargs.get("unbiased", True))
    else:
        given = item.kwargs.get("correction")
        correction = 1 if given is None else int(given)
    dims = item.args[1] if len(item.args) > 1 else item.kwargs.get("dim")
    reduce(item, builder, "VAR", dims, builder.place(item.node), correction)


@lowers(aten.var_mean.correction)
def variance_and_mean(item: Item, builder: ProgramBuilder) -> None:
    """(x, dims=None, *, correction=None, keepdim=False) -> (variance, mean)"""
    dims, given = item.args[1] if len(item.args) > 1 else item.kwargs.get("dim"), item.kwargs.get("correction")
    for index, op in enumerate(("VAR", "MEAN")):
        if index in item.used:
            reduce(item, builder, op, dims, builder.place(item.node, index), 1 if given is None else int(given))
