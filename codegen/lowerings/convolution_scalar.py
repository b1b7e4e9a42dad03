"""Convolutions of small planes with inputs in scalar registers: the candidates that kernels/hip/conv_scalar.hip offers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from amdc.codegen.builder import COUNTERS, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import launch, least_bytes, partials, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.magic import magic
from amdc.cost import Mix, Shape, estimate
from amdc.ir import graph as ir
from amdc.kernels import conv
from amdc.kernels.rounding import round_up
from amdc.kernels.template import Value
from amdc.target import Target

MOST_TAPS = 25  # of the filter: two channels' weights are held
MOST_WIDTH = 30  # columns of the input that a wave reads: two rows are held in the 102 scalar registers
MOST_SUMS = 70  # outputs of a lane
LEAST_CHANNELS = 16  # to share among a work-group's waves
LEAST_COLUMNS = 7
FULL = 28  # scalar registers for rows, twice


@dataclass(frozen=True)
class Spread:
    """`rows` times `columns` of outputs a wave; `waves` of a work-group and `parts` of the work-groups share the channels."""

    rows: int
    waves: int
    parts: int
    columns: int

    @property
    def name(self) -> str:
        return f"scalar {self.rows}x{self.columns}x{self.waves}" + (f" {self.parts} parts" if self.parts > 1 else "")


def as_rows(window: Window) -> Window:
    """A 1x1 convolution's plane in rows that fill the scalar registers; any other as it is."""
    if not window.is_pointwise:
        return window
    width = next((width for width in range(FULL, 0, -1) if window.plane % width == 0), 1)
    size = (window.plane // width, width)
    return replace(window, size=size, out=size)


def takes(item: Item, window: Window, operands: Operands) -> bool:
    """Packed weights, float32 input without a prologue, a small filter without dilation, rows that fit and are used whole."""
    plain = operands.packed and not item.before and dtype_name(operands.x) == "float32" and not window.transposed
    even = window.stride[0] == window.stride[1] and set(window.dilation) == {1} and min(window.pad) >= 0
    # clang 19 narrows a scalar load of which some elements are unused to a width that it cannot emit.
    last = (window.out[1] - 1) * window.stride[1] + window.kernel[1] - window.pad[1]
    whole = window.stride[1] <= window.kernel[1] and last >= window.size[1]
    return plain and window.taps <= MOST_TAPS and even and whole and window.in_channels >= LEAST_CHANNELS


def _columns(window: Window) -> int | None:
    """Columns of outputs of a wave: all, or the most that divide them where nothing is padded on the right; none: no row fits."""
    if max(window.size[1], window.out[1]) <= FULL:
        return window.out[1]
    last = (window.out[1] - 1) * window.stride[1] + window.kernel[1] - window.pad[1]
    if last > window.size[1]:
        return None
    fit = (MOST_WIDTH - window.kernel[1]) // window.stride[1] + 1
    return next((columns for columns in range(fit, LEAST_COLUMNS - 1, -1) if window.out[1] % columns == 0), None)


def candidates(item: Item, builder: ProgramBuilder, whole: Window, operands: Operands) -> Iterator[Candidate]:
    """One for each way to spread rows and channels; none where the kernel does not apply."""
    window = as_rows(whole)
    columns = _columns(window) if takes(item, window, operands) else None
    if columns is None:
        return
    most = max(1, min(window.out[0], MOST_SUMS // columns))
    for rows in dict.fromkeys((most, max(1, most - 1), -(-most // 2))):
        for waves in conv.SCALAR_WAVES:
            for parts in conv.SCALAR_PARTS:
                spread = Spread(rows, waves, parts, columns)
                if parts == 1 or _may_split(builder, window, spread):
                    predicted = partial(_cost, item, builder, window, operands, spread)
                    yield Candidate(spread.name, predicted, partial(_build, item, builder, window, operands, spread))


def _may_split(builder: ProgramBuilder, window: Window, spread: Spread) -> bool:
    """Where work-groups are few, each wave keeps some channels, and there are counters for all."""
    tiles = math.prod(_grid(window, replace(spread, parts=1)))
    few = tiles < 2 * builder.target.card().compute_units
    return few and window.in_channels >= 4 * spread.waves * spread.parts and tiles * spread.waves <= COUNTERS


def _grid(window: Window, spread: Spread) -> tuple[int, int, int]:
    blocks, along_x = -(-window.out_channels // 64), window.out[1] // spread.columns
    return blocks, -(-window.out[0] // spread.rows) * along_x, window.batch * window.groups * spread.parts


def _products(window: Window, spread: Spread) -> int:
    """Multiply-adds of a lane for one channel: where a wave has all rows or columns, those in the padding are left out."""

    def along(axis: int, outs: int, padding: bool) -> int:
        steps = (out * window.stride[axis] + tap - window.pad[axis] for out in range(outs) for tap in range(window.kernel[axis]))
        return sum(padding or 0 <= at < window.size[axis] for at in steps)

    whole = (spread.rows, spread.columns) == window.out
    return along(0, spread.rows, not whole) * along(1, spread.columns, spread.columns < window.out[1])


def _occupancy(window: Window, spread: Spread, target: Target) -> Shape:
    vgprs = round_up(spread.rows * spread.columns + 2 * window.taps + 9, target.vgpr_granule)
    waves = min(target.waves_per_simd, target.vgprs_per_lane // vgprs, target.sgprs_per_simd // 96)
    row = 64 + 32 // spread.waves
    groups = max(1, min(waves * target.simds_per_cu // spread.waves, target.lds_per_cu // (2 * spread.waves**2 * row * 4)))
    return Shape(spread.waves, groups, -(-groups * spread.waves // target.simds_per_cu))


def _cost(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, spread: Spread) -> float:
    """Counted off the compiled loops: see the figures in conv_scalar.hip."""
    channels = -(-window.in_channels // (spread.waves * spread.parts))
    rows = (spread.rows - 1) * window.stride[0] + window.kernel[0]
    width = min(window.size[1], (spread.columns - 1) * window.stride[1] + window.kernel[1])
    steps = -(-rows // max(1, FULL // width))  # each with its wait for the scalar unit
    shape, groups = _occupancy(window, spread, builder.target), math.prod(_grid(window, spread))
    # 4 clocks a product, and waits, from the timing layer: less where three waves of a SIMD wait in turn.
    full = shape.waves_per_simd >= 3 and groups >= shape.groups_per_cu * builder.target.card().compute_units
    valu = 4.2 * (_products(window, spread) + window.taps + 12) + (10 if full else 20) * steps
    lines = -(-rows * width * 4 // 64) + rows
    moved = 256 * window.taps + 64 * lines
    channel = Mix(valu=valu, vmem=4 * window.taps + lines, load_bytes=moved, alone=max(valu + 60 * steps, 300 * steps))
    rounds = -(-spread.rows * spread.columns // spread.waves)
    split = rounds * (spread.parts > 1)  # partial sums, to L2 and back
    end = Mix(
        valu=60 * rounds + 8 * split * spread.parts,
        lds=40 * rounds,
        vmem=40 * rounds,
        load_bytes=256 * split,
        store_bytes=1024 * rounds + 256 * split,
        alone=2500 + 200 * rounds + (1500 + 30 * rounds * spread.parts if split else 0),
    )
    weight = operands.weight
    nbytes = least_bytes(item, window) + math.prod(ir.shape(weight)) * ir.dtype(weight).itemsize
    return estimate(channel * channels + end, shape, groups, nbytes, builder.target).us


def _build(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, spread: Spread) -> None:
    tags, weights = types(item, operands), operands.strides(window)
    parameters: dict[str, Value] = dict(zip(("KH", "KW"), window.kernel, strict=True))
    parameters |= dict(zip(("IN_H", "IN_W", "OUT_H", "OUT_W"), (*window.size, *window.out), strict=True))
    parameters |= {"STRIDE": window.stride[0], "PAD_TOP": window.pad[0], "PAD_LEFT": window.pad[1]}
    parameters |= {"OUT_ROWS": spread.rows, "OUT_COLUMNS": spread.columns, "WAVES": spread.waves, "PARTS": spread.parts}
    parameters |= {name: tags[name] for name in ("TYPE_W", "TYPE_Y", "TYPE_BIAS") if name in tags}
    parameters |= {"CHANNELS": window.in_channels, "W_K": weights.tap, "BIAS": int(operands.bias is not None)}
    sizes = (window.batch, window.groups, *magic(window.groups), *magic(window.batch * window.groups))
    strides = (window.out_channels, weights.group)
    waves = math.prod(_grid(window, spread)) // spread.parts * spread.waves
    rounds = -(-spread.rows * spread.columns // spread.waves)
    inside = partials(item, builder, waves, spread.parts, rounds) if spread.parts > 1 else ()
    arguments = (operands.x, operands.weight, item.node, *sizes, *strides, *operands.bias_argument, *inside)
    hint, grid = spread.name.replace(" ", "_"), _grid(window, spread)
    launch(item, builder, conv.CONV_SCALAR, parameters, grid, arguments, window, hint, 64 * spread.waves, inside=inside)
