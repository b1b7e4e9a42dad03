"""Softmax and its logarithm over any dimension."""

from __future__ import annotations

import math

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.dtypes import TAGS
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.columns import plan_columns
from amdc.codegen.lowerings.rows import plan_rows
from amdc.codegen.magic import magic
from amdc.codegen.operators import TRANSCENDENTAL
from amdc.codegen.registry import lowers
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.kernels.catalog import MOST_OF_COLUMN, MOST_OF_COLUMNS, MOST_OF_SOFTMAX, SOFTMAX_COLUMNS, SOFTMAX_ROWS
from amdc.kernels.template import Value


@lowers(aten._softmax.default, aten.softmax.int, aten._log_softmax.default, aten.log_softmax.int)
def softmax(item: Item, builder: ProgramBuilder) -> None:
    """(x, dim, ...), of floats of any width."""
    assert item.anchor is not None
    x, shape = item.args[0], ir.shape(item.args[0])
    y = builder.place(item.node)
    item.require_floats(None if item.before else x)
    dim = item.args[1] % max(1, len(shape))
    length, inner = (shape[dim], math.prod(shape[dim + 1 :])) if shape else (1, 1)
    log = int("log" in str(item.anchor.target))
    types: dict[str, Value] = {"LOG": log, "TYPE": TAGS[item.data_dtype], "OUT": TAGS[y.dtype]}
    flops = y.numel * (2 * TRANSCENDENTAL + 4)
    if inner == 1:
        rows, prologue, epilogue = y.numel // length, item.row_prologue(), item.epilogue(-1)
        plan = plan_rows(builder, rows, length, [x, y], kept=MOST_OF_SOFTMAX)
        builder.launch(
            SOFTMAX_ROWS,
            {**types, **plan.parameters, "INPUT": TAGS[dtype_name(x)]},
            item=item,
            grid=plan.grid(rows),
            arguments=[y, x, rows, length, *prologue.operands, *epilogue.operands],
            writes=[y],
            flops=flops + y.numel * ((1 + plan.loop) * prologue.flops + epilogue.flops),
            prelude=prologue.text + epilogue.text,
            block=plan.block,
        )
        return
    if item.before or item.after:
        raise ModelError(f"'{item.user_name}': only a softmax over the innermost dimension takes a prologue or an epilogue")
    columns = y.numel // length
    columned = plan_columns(builder.target, columns, length, inner, [builder.place(x), y], MOST_OF_COLUMNS)
    each = -(-length // columned.teams)  # elements of a column for each lane
    most = min(MOST_OF_COLUMNS // columned.vector, MOST_OF_COLUMN)
    held = {"HELD": min(each, most), "LOOP": int(each > most)}
    builder.launch(
        SOFTMAX_COLUMNS,
        {**types, **columned.parameters, **held},
        item=item,
        grid=columned.grid(columns),
        arguments=[y, x, columns, length, inner, *magic(inner)],
        writes=[y],
        flops=flops,
        block=(columned.block, 1, 1),
    )
