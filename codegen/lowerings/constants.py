"""Tensors that no input decides."""

from __future__ import annotations

import numpy as np

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.elementwise import launch_map
from amdc.codegen.item import Item
from amdc.codegen.operators import literal
from amdc.codegen.registry import lowers
from amdc.ir.pointwise import aten


@lowers(
    aten.full.default,
    aten.full_like.default,
    aten.zeros.default,
    aten.ones.default,
    aten.zeros_like.default,
    aten.ones_like.default,
)
def full(item: Item, builder: ProgramBuilder) -> None:
    """Written by a kernel: a constant would be as large in the bundle as the tensor."""
    assert item.anchor is not None
    name = str(item.anchor.target)
    value = item.args[1] if "full" in name else int("ones" in name)
    out = builder.place(item.node)
    launch_map(builder, item, item.shape, [], out, lambda names: ([], literal(value, out.dtype)), hint="fill")


@lowers(aten.scalar_tensor.default)
def scalar(item: Item, builder: ProgramBuilder) -> None:
    dtype = str(item.node.meta["val"].dtype).removeprefix("torch.")
    builder.alias(item.node, builder.constant(f"value.{item.node.name}", np.array(item.args[0], dtype)))


@lowers(aten.arange.start_step, aten.arange.start, aten.arange.default)
def arange(item: Item, builder: ProgramBuilder) -> None:
    """([start,] end[, step])"""
    dtype = str(item.node.meta["val"].dtype).removeprefix("torch.")
    bounds = [0, *item.args] if len(item.args) == 1 else list(item.args)
    step = bounds[2] if len(bounds) > 2 else 1
    values = bounds[0] + np.arange(item.shape[0]) * step
    builder.alias(item.node, builder.constant(f"value.{item.node.name}", values.astype(dtype)))
