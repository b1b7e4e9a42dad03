"""Resizing by interpolation: one launch for every two neighbouring dimensions that change."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from torch.fx import Node

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.indexing import Shape
from amdc.codegen.item import Item
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.errors import ModelError
from amdc.ir.ops.resize import dimension_taps
from amdc.ir.ops.taps import Taps
from amdc.kernels.catalog import RESIZE
from amdc.program import ITEM_SIZES

BLOCK = 256
KEPT = Taps(np.zeros((1, 1), np.int64), np.ones((1, 1), np.float32), None)  # the taps of a dimension of extent 1 that stays


def _table(builder: ProgramBuilder, name: str, array: np.ndarray) -> Place:
    """A constant named by its content: resizes with the same taps share their tables."""
    return builder.constant(f"{name}.{hashlib.sha256(array.tobytes() + repr(array.shape).encode()).hexdigest()[:12]}", array)


def _tables(builder: ProgramBuilder, taps: Taps) -> list[Operand]:
    indices = taps.indices.astype(np.int32)
    if taps.outside is not None:
        indices = np.where(taps.outside[:, None], np.int32(-1), indices)
    return [_table(builder, "taps", indices.T.copy()), _table(builder, "weights", taps.weights.astype(np.float32).T.copy())]


def pairs(dims: list[int]) -> list[tuple[int, ...]]:
    """The dimensions in order, neighbours together."""
    grouped: list[tuple[int, ...]] = []
    for dim in dims:
        if grouped and len(grouped[-1]) == 1 and grouped[-1][0] == dim - 1:
            grouped[-1] = (grouped[-1][0], dim)
        else:
            grouped.append((dim,))
    return grouped


@lowers(torch.ops.amdc.resize.default)
def resize(item: Item, builder: ProgramBuilder) -> None:
    """See amdc.ir.ops.resize; passes but the last write to scratch."""
    x, arguments = item.args[0], item.args[1:]
    place = builder.place(x)
    taps, nearest = dimension_taps(place.shape, arguments), arguments[2] == "nearest"
    if ITEM_SIZES[place.dtype] != 4 or (not nearest and place.dtype != "float32"):
        raise ModelError(f"'{item.node.name}': resize is made for float32 (nearest: any dtype of 4 bytes), not {place.dtype}")
    groups = pairs(sorted(taps))
    if not groups:
        builder.alias(item.node, x)
        return
    shape, source = place.shape, place
    for number, dims in enumerate(groups):
        first, last = (dims[0], dims[-1]) if len(dims) == 2 else (None, dims[0])
        shape = tuple(len(taps[dim].indices) if dim in dims else extent for dim, extent in enumerate(shape))
        final = number == len(groups) - 1
        target = builder.place(item.node) if final else _scratch(item, builder, shape, place.dtype)
        chosen = (taps[first] if first is not None else KEPT, taps[last])
        _launch(item, builder, source, target, (first, last), chosen, float(arguments[-1]), final)
        source = target


def _scratch(item: Item, builder: ProgramBuilder, shape: Shape, dtype: str) -> Place:
    buffer = builder.scratch(f"{item.node.name}.pass", math.prod(shape) * ITEM_SIZES[dtype]).buffer
    return Place(buffer, dtype, shape)


def _launch(
    item: Item,
    builder: ProgramBuilder,
    source: Place,
    target: Place,
    dims: tuple[int | None, int],
    taps: tuple[Taps, Taps],
    extrapolation: float,
    final: bool,
) -> None:
    """One launch of resize.hip, for the dimensions `dims` (the first may be missing)."""
    first, last = dims
    nearest = item.args[3] == "nearest"
    in0, out0 = (source.shape[first], target.shape[first]) if first is not None else (1, 1)
    out1, inner = target.shape[last], math.prod(target.shape[last + 1 :])
    epilogue = item.epilogue() if final else None
    channels = target.shape[1] if first == 2 or (first is None and last == 2) else 1
    if nearest and item.after:
        raise ModelError(f"'{item.node.name}': a nearest resize takes no epilogue")
    counts = [taps[k].indices.shape[1] for k in (0, 1)]
    tables = [table for k in (0, 1) for table in _tables(builder, taps[k])]
    numbers: list[Operand] = [target.numel, in0, source.shape[last], out0, *magic(out0), out1, *magic(out1), inner, *magic(inner)]
    extra: list[Node] = list(epilogue.operands) if epilogue else []
    builder.launch(
        RESIZE,
        {"TAPS0": counts[0], "TAPS1": counts[1], "NEAREST": int(nearest)},
        item=item,
        grid=(-(-target.numel // BLOCK), 1, 1),
        arguments=[target, source, *tables, *numbers, channels, *magic(channels), extrapolation, *extra],
        writes=[target],
        flops=0 if nearest else 2 * target.numel * counts[0] * (counts[1] + 1),
        prelude=epilogue.text if epilogue else "",
    )
