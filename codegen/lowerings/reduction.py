"""Reductions over any dimensions: rows where the last ones are reduced, columns otherwise; others are first brought together."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from torch.fx import Node

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.dtypes import FLOATS, TAGS
from amdc.codegen.elementwise import Source, launch_copy
from amdc.codegen.expression import dtype_name
from amdc.codegen.indexing import dense_strides
from amdc.codegen.item import Item
from amdc.codegen.lowerings.column_reduction import Reduction, reduce_columns
from amdc.codegen.lowerings.empty_reduction import reduce_nothing
from amdc.codegen.lowerings.rows import plan_rows, plan_span
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.kernels.catalog import REDUCE_ROWS
from amdc.program import ITEM_SIZES

MOST_SPANS = 256  # work-groups that share rows: the last wave of a row holds four spans a lane
LEAST_SPAN = 16384  # bytes of a work-group's part
LINE_CLOCKS = 4 / 3  # of a compute unit for 64 bytes, where few stream (predicted: 1 MB by one takes 12 us longer than 256 KB)
FINISH_US = 0.8  # predicted: parts go to memory and the last work-group reads them
SPAN_UNIT = 16  # elements: spans start where vectors do


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
    reduce_columns(item, builder, op, found, out, correction, cost)


def _rows(item: Item, builder: ProgramBuilder, op: str, found: Reduction, out: Place, correction: int, cost: int) -> None:
    """A work-group or less a row, or several, of which the last one finishes the row."""
    length, row_bytes = found.length, found.length * ITEM_SIZES[found.dtype]
    pieces = max(1, min(MOST_SPANS // found.outer, row_bytes // LEAST_SPAN))
    span = -(-length // pieces)
    span += -span % SPAN_UNIT
    card = builder.target.card()

    def predicted(spans: int) -> float:
        """Microseconds: so many compute units take in what they can, or the card what its memory streams."""
        line_rate = min(found.outer * spans, card.compute_units) * 64 / LINE_CLOCKS * card.clock_ghz
        stream_us = found.outer * row_bytes / 1e3 / min(line_rate, card.dram_gbps * builder.target.dram_efficiency)
        return stream_us + builder.target.launch_us + (FINISH_US if spans > 1 else 0)

    launch = partial(_launch_rows, item, builder, op, found, out, correction, cost)
    candidates = [Candidate("rows", partial(predicted, 1), partial(launch, length))]
    spans = -(-length // span)
    if spans > 1:
        candidates.append(Candidate(f"{spans} spans", partial(predicted, spans), partial(launch, span)))
    key = f"reduce rows={found.outer} length={length} {op.lower()} {found.dtype}"
    builder.choose(key, candidates).build()


def _launch_rows(
    item: Item, builder: ProgramBuilder, op: str, found: Reduction, out: Place, correction: int, cost: int, span: int
) -> None:
    """reduce_rows.hip, with `span` elements of a row a work-group."""
    rows, length = found.outer, found.length
    spans = -(-length // span)
    plan = plan_span(builder, length, found.x, span) if spans > 1 else plan_rows(builder, rows, length, [found.x])
    channel = min(1, len(item.shape) - 1) if math.prod(item.shape[2:]) == 1 else None
    prologue, epilogue = item.row_prologue(None), item.epilogue(channel)
    channels = item.shape[1] if len(item.shape) > 1 else rows
    sizes = (rows, length, correction, channels, *magic(channels))
    inside: tuple[Place, ...] = ()
    if spans > 1:
        values = rows * spans * (2 if op == "VAR" else 1)
        partials = builder.scratch(f"{item.node.name}.spans", values * (8 if item.data_dtype == "float64" else 4))
        inside = partials, builder.counters(rows)
    types = {"INPUT": TAGS[found.dtype], "TYPE": TAGS[item.data_dtype], "OUT": TAGS[out.dtype]}
    shared: tuple[Operand, ...] = (span, spans, *inside) if inside else ()
    builder.launch(
        REDUCE_ROWS,
        {"OP": f"OP_{op}", **plan.parameters, "SPLIT": int(spans > 1), **types},
        item=item,
        grid=plan.grid(rows, spans),
        arguments=[out, found.x, *sizes, *shared, *prologue.operands, *epilogue.operands],
        writes=[out],
        inside=inside,
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
