"""Resizing by interpolation: one launch for every two neighbouring dimensions that change."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import torch
from torch.fx import Node

from amdc.codegen.builder import Operand, Place, ProgramBuilder
from amdc.codegen.dtypes import FLOATS, TAGS
from amdc.codegen.indexing import Shape
from amdc.codegen.item import Item
from amdc.codegen.lowerings.reduction import reduce
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.ops.resize import dimension_taps
from amdc.ir.ops.taps import UPSAMPLES, Rule, Taps, cubic_coefficient, resize_taps
from amdc.ir.pointwise import aten
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
    apply_taps(item, builder, dimension_taps(builder.place(x).shape, arguments), arguments[2] == "nearest", float(arguments[-1]))


def apply_taps(item: Item, builder: ProgramBuilder, taps: dict[int, Taps], nearest: bool, extrapolation: float = 0.0) -> None:
    """Resize the item's first operand along each dimension of `taps`."""
    x = item.args[0]
    place = builder.place(x)
    if not nearest and place.dtype not in FLOATS:
        raise ModelError(f"'{item.user_name}': resize interpolates {', '.join(FLOATS)}, not {place.dtype}: cast it before")
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
        _launch(item, builder, source, target, (first, last), chosen, extrapolation, nearest, final)
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
    nearest: bool,
    final: bool,
) -> None:
    """One launch of resize.hip, for the dimensions `dims` (the first may be missing)."""
    first, last = dims
    in0, out0 = (source.shape[first], target.shape[first]) if first is not None else (1, 1)
    out1, inner = target.shape[last], math.prod(target.shape[last + 1 :])
    epilogue = item.epilogue() if final else None
    channels = target.shape[1] if first == 2 or (first is None and last == 2) else 1
    if nearest and item.after:
        raise ModelError(f"'{item.user_name}': a nearest resize takes no epilogue")
    counts = [taps[k].indices.shape[1] for k in (0, 1)]
    tables = [table for k in (0, 1) for table in _tables(builder, taps[k])]
    numbers: list[Operand] = [target.numel, in0, source.shape[last], out0, *magic(out0), out1, *magic(out1), inner, *magic(inner)]
    extra: list[Node] = list(epilogue.operands) if epilogue else []
    builder.launch(
        RESIZE,
        {"TAPS0": counts[0], "TAPS1": counts[1], "NEAREST": int(nearest), "TYPE": TAGS[source.dtype], "OUT": TAGS[target.dtype]},
        item=item,
        grid=(-(-target.numel // BLOCK), 1, 1),
        arguments=[target, source, *tables, *numbers, channels, *magic(channels), extrapolation, *extra],
        writes=[target],
        flops=0 if nearest else 2 * target.numel * counts[0] * (counts[1] + 1),
        prelude=epilogue.text if epilogue else "",
    )


def averaging_taps(extent: int, size: int) -> Taps:
    """Adaptive average pooling along one dimension: output i averages [i * extent // size, ceil((i + 1) * extent / size))."""
    starts = [i * extent // size for i in range(size)]
    ends = [-(-(i + 1) * extent // size) for i in range(size)]
    width = max(end - start for start, end in zip(starts, ends, strict=True))
    indices, weights = np.zeros((size, width), np.int64), np.zeros((size, width), np.float32)
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        indices[i] = np.minimum(np.arange(start, start + width), extent - 1)
        weights[i, : end - start] = 1 / (end - start)
    return Taps(indices, weights, None)


@lowers(aten._adaptive_avg_pool2d.default, aten._adaptive_avg_pool3d.default, aten.adaptive_avg_pool1d.default)
def adaptive_average(item: Item, builder: ProgramBuilder) -> None:
    """(x, sizes of the last dimensions)"""
    shape, out = ir.shape(item.args[0]), item.shape
    dims = range(len(shape) - len(item.args[1]), len(shape))
    if all(out[dim] == 1 for dim in dims):
        reduce(item, builder, "MEAN", list(dims), builder.place(item.node))
        return
    apply_taps(item, builder, {dim: averaging_taps(shape[dim], out[dim]) for dim in dims if shape[dim] != out[dim]}, False)


@lowers(*(getattr(getattr(aten, name), overload) for name in UPSAMPLES for overload in ("default", "vec")))
def upsample(item: Item, builder: ProgramBuilder) -> None:
    """(x, sizes, [align_corners,] scale of each dimension or None); the overload `vec` has the scales in one list."""
    assert item.anchor is not None
    name = str(item.anchor.target).split(".")[1]
    mode, coordinate, rounding = UPSAMPLES[name]
    x, rest = item.args[0], list(item.args[2:])
    if mode != "nearest" and rest.pop(0):
        coordinate = "align_corners"
    first = 2  # behind batch and channels
    sizes = item.shape[first:]
    given = list(rest[0] or ()) if rest and str(item.anchor.target).endswith(".vec") else rest
    scales = given + [None] * (len(sizes) - len(given))
    antialias = name.endswith("_aa")
    rule = Rule(mode, coordinate, rounding, cubic_coefficient(antialias), antialias, antialias)
    taps = {}
    for axis, (size, scale) in enumerate(zip(sizes, scales, strict=True)):
        extent = ir.shape(x)[first + axis]
        if size != extent or scale not in (None, 1.0):
            taps[first + axis] = resize_taps(extent, size, scale or size / extent, rule)
    apply_taps(item, builder, taps, mode == "nearest")
