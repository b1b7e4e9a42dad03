"""3x3 convolutions by Winograd's F(2x2, 3x3): the candidates that kernels/hip/winograd.hip offers, and their launches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from amdc.codegen.builder import COUNTERS, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import in_parts, launch, least_bytes, partials, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.winograd_filters import POINTS, transformed
from amdc.codegen.magic import magic
from amdc.cost import Mix, Shape, estimate
from amdc.kernels import conv
from amdc.kernels.conv import WinogradShape
from amdc.kernels.rounding import round_up
from amdc.kernels.template import Value

LEAST_CHANNELS = 8  # below, padding them to a stage costs more than the products saved
ENDS = 5000.0  # clocks of a wave before the first stage and behind the last, from the timing layer
PART = 1100.0  # clocks of a wave for each part that work-groups leave and the last of them adds


def takes(window: Window, operands: Operands) -> bool:
    """3x3, stride 1, no dilation, weights known at compile time."""
    plain = window.kernel == (3, 3) and set(window.stride) == set(window.dilation) == {1} and not window.transposed
    return plain and operands.weight.op == "get_attr" and window.in_channels >= LEAST_CHANNELS


def candidates(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> Iterator[Candidate]:
    """One for each way to spread tiles, filters and channels over waves and work-groups; none where Winograd does not apply."""
    if not takes(window, operands):
        return
    yield from in_parts(
        conv.WINOGRAD_SHAPES,
        conv.WINOGRAD_PARTS,
        partial(_may_split, builder, window),
        partial(_cost, item, builder, window),
        partial(_build, item, builder, window, operands),
    )


def _may_split(builder: ProgramBuilder, window: Window, shape: WinogradShape, parts: int) -> bool:
    """Where work-groups are few, a part has two stages or more, and the parts stay within the kernel's limit."""
    tiles = math.prod(_grid(window, shape, 1))
    few = tiles < 2 * builder.target.card().compute_units and tiles * shape.filter_waves <= COUNTERS
    return few and window.in_channels >= 2 * shape.waves * parts


def tiles_of(window: Window) -> tuple[int, int]:
    """2x2 tiles of an image, along y and x; those at the edge may be cut."""
    return -(-window.out[0] // 2), -(-window.out[1] // 2)


def _grid(window: Window, shape: WinogradShape, parts: int) -> tuple[int, int, int]:
    along_y, along_x = tiles_of(window)
    tiles, blocks = window.batch * along_y * along_x, -(-window.out_channels // shape.filters)
    return -(-blocks // shape.filter_waves), -(-tiles // 64), window.groups * parts


def _cost(item: Item, builder: ProgramBuilder, window: Window, shape: WinogradShape, parts: int) -> float:
    """Counted off the compiled loops: see the figures in winograd.hip."""
    own, stages = shape.filter_waves, -(-window.in_channels // (shape.waves * parts))
    products = POINTS * shape.filters * own
    valu = 4 * (products + 45) + 15 * shape.waves  # the last: what a stage's barrier costs, from the timing layer
    stage = Mix(
        valu=valu,
        lds=own * 4 * 8 + 4 * 16,
        vmem=16 * 9,
        load_bytes=64 * 4 * 5 + 4 * products,  # windows overlap: of 16 values a tile about 5 come from L2
        alone=valu + 60 * own + 150,
    )
    ends = ENDS + (PART * parts if parts > 1 else 0)
    end = Mix(valu=ends, vmem=4 * shape.filters * 16, store_bytes=64 * 16 * shape.filters, alone=2 * ends)
    occupancy = Shape(shape.waves, shape.groups_per_cu, shape.groups_per_cu * shape.waves // 4)
    nbytes = least_bytes(item, window) + 4 * POINTS * window.groups * window.out_channels * window.in_channels
    groups = math.prod(_grid(window, shape, parts))
    return estimate(stage * stages + end, occupancy, groups, nbytes, builder.target).us


def _build(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, shape: WinogradShape, parts: int) -> None:
    channels = round_up(window.in_channels, shape.waves * parts)
    record = POINTS * shape.filters  # floats of one channel
    filters = transformed(builder, window, operands, shape.filters, channels, parts, tail=shape.waves * record)
    parameters: dict[str, Value] = {"WAVES": shape.waves, "FILTERS": shape.filters, "SPLIT": shape.split, "PARTS": int(parts > 1)}
    parameters |= {name: tag for name, tag in types(item, operands).items() if name != "TYPE_W"}
    parameters |= {"BIAS": int(operands.bias is not None)}
    along_y, along_x = tiles_of(window)
    blocks = -(-window.out_channels // shape.filters)
    tiles = (along_x, along_y * along_x, *magic(along_x), *magic(along_y * along_x))
    sizes = (window.batch, window.groups, blocks, window.batch * along_y * along_x, *window.size, *window.out, *window.pads)
    counts = (parts, *magic(parts), channels // (shape.waves * parts), window.in_channels, window.out_channels, window.plane)
    waves = math.prod(_grid(window, shape, 1)) * shape.filter_waves
    inside = partials(item, builder, waves, parts, 4 * shape.filters) if parts > 1 else ()
    arguments = (operands.x, filters, item.node, *sizes, *tiles, *counts, *operands.bias_argument, *inside)
    hint, grid = shape.name.replace(" ", "_"), _grid(window, shape, parts)
    launch(item, builder, conv.WINOGRAD, parameters, grid, arguments, window, hint, 64 * shape.waves, inside=inside)
