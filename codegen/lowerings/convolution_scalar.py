"""Convolutions of small planes with inputs in scalar registers: the candidates that kernels/hip/conv_scalar.hip offers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import launch, least_bytes, parts_of, sum_cost, sum_parts, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.magic import magic
from amdc.cost import Mix, Shape, estimate
from amdc.ir import graph as ir
from amdc.kernels import conv
from amdc.kernels.rounding import round_up
from amdc.kernels.template import Value
from amdc.target import Target

MOST_TAPS = 25  # of the filter: two channels' weights are held
MOST_WIDTH = 28  # of the input: two rows are held in the 102 scalar registers
MOST_SUMS = 64  # outputs of a lane
LEAST_CHANNELS = 16  # to share among a work-group's waves


@dataclass(frozen=True)
class Spread:
    """`rows` of outputs a wave; `waves` of a work-group and `parts` of the work-groups share the input channels."""

    rows: int
    waves: int
    parts: int

    @property
    def name(self) -> str:
        return f"scalar {self.rows}x{self.waves}" + (f" {self.parts} parts" if self.parts > 1 else "")


def as_rows(window: Window) -> Window:
    """A 1x1 convolution's plane in rows that fill the scalar registers; any other as it is."""
    if not window.is_pointwise:
        return window
    width = next((width for width in range(MOST_WIDTH, 0, -1) if window.plane % width == 0), 1)
    size = (window.plane // width, width)
    return replace(window, size=size, out=size)


def takes(item: Item, window: Window, operands: Operands) -> bool:
    """Packed weights, float32 input without a prologue, a small filter without dilation, rows that fit and are used whole."""
    plain = operands.packed and not item.before and dtype_name(operands.x) == "float32" and not window.transposed
    small = window.taps <= MOST_TAPS and window.size[1] <= MOST_WIDTH and window.out[1] <= MOST_WIDTH
    even = window.stride[0] == window.stride[1] and set(window.dilation) == {1} and min(window.pad) >= 0
    # clang 19 narrows a scalar load of which some elements are unused to a width that it cannot emit.
    last = (window.out[1] - 1) * window.stride[1] + window.kernel[1] - window.pad[1]
    whole = window.stride[1] <= window.kernel[1] and last >= window.size[1]
    return plain and small and even and whole and window.in_channels >= LEAST_CHANNELS


def candidates(item: Item, builder: ProgramBuilder, whole: Window, operands: Operands) -> Iterator[Candidate]:
    """One for each way to spread rows and channels; none where the kernel does not apply."""
    window = as_rows(whole)
    if not takes(item, window, operands):
        return
    most = max(1, min(window.out[0], MOST_SUMS // window.out[1]))
    for rows in dict.fromkeys((most, -(-most // 2))):
        for waves in conv.SCALAR_WAVES:
            for parts in conv.PARTS:
                spread = Spread(rows, waves, parts)
                if parts == 1 or _may_split(item, builder, window, spread):
                    predicted = partial(_cost, item, builder, window, operands, spread)
                    yield Candidate(spread.name, predicted, partial(_build, item, builder, window, operands, spread))


def _may_split(item: Item, builder: ProgramBuilder, window: Window, spread: Spread) -> bool:
    """Where work-groups are few, a wave keeps two channels or more, and the parts stay within the kernel's limit."""
    few = math.prod(_grid(window, replace(spread, parts=1))) < 2 * builder.target.card().compute_units
    enough = window.in_channels >= 2 * spread.waves * spread.parts
    return few and enough and spread.parts * math.prod(item.shape) < conv.MOST_ELEMENTS


def _grid(window: Window, spread: Spread) -> tuple[int, int, int]:
    blocks = -(-window.out_channels // 64)
    return blocks, -(-window.out[0] // spread.rows), window.batch * window.groups * spread.parts


def _products(window: Window, rows: int) -> int:
    """Multiply-adds of a lane for one channel: those in the padding left and right are left out, and above and below where a wave
    has all rows."""

    def along(axis: int, outs: int, padding: bool) -> int:
        steps = (out * window.stride[axis] + tap - window.pad[axis] for out in range(outs) for tap in range(window.kernel[axis]))
        return sum(padding or 0 <= at < window.size[axis] for at in steps)

    return along(0, rows, rows < window.out[0]) * along(1, window.out[1], False)


def _occupancy(window: Window, spread: Spread, target: Target) -> Shape:
    vgprs = round_up(spread.rows * window.out[1] + 2 * window.taps + 10, target.vgpr_granule)
    waves = min(target.waves_per_simd, target.vgprs_per_lane // vgprs, target.sgprs_per_simd // 96)
    groups = max(1, min(waves * target.simds_per_cu // spread.waves, target.lds_per_cu // (spread.waves**2 * 256)))
    return Shape(spread.waves, groups, -(-groups * spread.waves // target.simds_per_cu))


def _cost(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, spread: Spread) -> float:
    """Counted off the compiled loops: see the figures in conv_scalar.hip."""
    channels = round_up(-(-window.in_channels // (spread.waves * spread.parts)), 2)
    products, sums = _products(window, spread.rows), spread.rows * window.out[1]
    steps = (spread.rows - 1) * window.stride[0] + window.kernel[0]  # rows of the input, each with its wait for the scalar unit
    valu = 5.6 * (products + window.taps + 4) + 16 * steps  # 4 a product, and waits for scalar loads: from the timing layer
    channel = Mix(valu=valu, vmem=4 * window.taps, load_bytes=256 * window.taps, alone=max(valu + 8 * steps, 90 * steps))
    rounds = -(-sums // spread.waves)
    end = Mix(valu=24 * sums, lds=6 * sums, vmem=64 * rounds, store_bytes=4096 * rounds, alone=2000 + 300 * rounds)
    weight = operands.weight
    nbytes = least_bytes(item, window) + math.prod(ir.shape(weight)) * ir.dtype(weight).itemsize
    groups = math.prod(_grid(window, spread))
    once = estimate(channel * channels + end, _occupancy(window, spread, builder.target), groups, nbytes, builder.target).us
    return once if spread.parts == 1 else once + sum_cost(item, builder, spread.parts)


def _build(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, spread: Spread) -> None:
    y, bias = parts_of(item, builder, spread.parts), operands.bias if spread.parts == 1 else None
    tags, weights = types(item, operands), operands.strides(window)
    parameters: dict[str, Value] = dict(zip(("KH", "KW"), window.kernel, strict=True))
    parameters |= dict(zip(("IN_H", "IN_W", "OUT_H", "OUT_W"), (*window.size, *window.out), strict=True))
    parameters |= {"STRIDE": window.stride[0], "PAD_TOP": window.pad[0], "PAD_LEFT": window.pad[1]}
    parameters |= {"OUT_ROWS": spread.rows, "WAVES": spread.waves, "BIAS": int(bias is not None)}
    parameters |= {"TYPE_W": tags["TYPE_W"], "TYPE_Y": tags["TYPE_Y"] if y is None else "float"}
    parameters |= {} if bias is None else {"TYPE_BIAS": tags["TYPE_BIAS"]}
    sizes = (window.batch, window.groups, *magic(window.groups), spread.parts, *magic(spread.parts))
    strides = (window.in_channels, window.out_channels, weights.group, weights.tap)
    arguments = (operands.x, operands.weight, y or item.node, *sizes, *strides, *(() if bias is None else (bias,)))
    hint, grid = spread.name.replace(" ", "_"), _grid(window, spread)
    launch(item, builder, conv.CONV_SCALAR, parameters, grid, arguments, window, hint, 64 * spread.waves, parts=y)
    if y is not None:
        sum_parts(item, builder, y, operands.bias)
