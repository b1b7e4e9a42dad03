"""3x3 convolutions with stride 2 by Winograd's algorithm on the input's phases: what kernels/hip/winograd_phases.hip offers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from amdc.codegen.builder import COUNTERS, Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import in_parts, launch, least_bytes, partials, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.convolution_winograd import tiles_of
from amdc.codegen.lowerings.phase_filters import POINTS, arrange
from amdc.codegen.lowerings.winograd_filters import plain_weights
from amdc.codegen.magic import magic
from amdc.cost import Mix, Shape, estimate
from amdc.kernels import conv
from amdc.kernels.conv import PhaseShape
from amdc.kernels.rounding import round_up
from amdc.kernels.template import Value

LEAST_CHANNELS = 16
LEAST_STAGES = 4  # of a part: below, starting and adding it costs more than it saves
# Clocks of a wave, from the timing layer: of a stage its vector instructions, and all of it where the SIMD's other wave is idle;
# before the first stage and behind the last; for leaving sums and adding those of all parts, and for each part.
STAGE_VALU, STAGE, ENDS, SPLIT, PART = 1700, 2300, 8000, 4000, 200
SLOTS = 2  # work-groups a CU at most over which channels are split


def takes(item: Item, window: Window, operands: Operands) -> bool:
    """3x3, stride 2, no dilation, weights known at compile time, float32 input without a prologue."""
    plain = window.kernel == (3, 3) and set(window.stride) == {2} and set(window.dilation) == {1} and not window.transposed
    known = operands.weight.op == "get_attr" and window.in_channels >= LEAST_CHANNELS and min(window.pad) >= 0
    return plain and known and not item.before and dtype_name(operands.x) == "float32"


def candidates(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> Iterator[Candidate]:
    """One for each block of tiles and filters, and cut of the channels; none where the algorithm does not apply."""
    if not takes(item, window, operands):
        return
    yield from in_parts(
        conv.PHASE_SHAPES,
        conv.PHASE_PARTS,
        partial(_may_split, builder, window),
        partial(_cost, item, builder, window),
        partial(_build, item, builder, window, operands),
    )


def _may_split(builder: ProgramBuilder, window: Window, shape: PhaseShape, parts: int) -> bool:
    tiles = math.prod(_grid(window, shape, 1))
    few = tiles * parts <= SLOTS * builder.target.card().compute_units and tiles * shape.waves <= COUNTERS
    return few and window.in_channels >= LEAST_STAGES * shape.channels * parts


def _grid(window: Window, shape: PhaseShape, parts: int) -> tuple[int, int, int]:
    tiles = window.batch * math.prod(tiles_of(window))
    return -(-window.out_channels // shape.filters), -(-tiles // shape.tiles), window.groups * parts


def _stages(window: Window, shape: PhaseShape, parts: int) -> int:
    return -(-window.in_channels // (shape.channels * parts))


def _cost(item: Item, builder: ProgramBuilder, window: Window, shape: PhaseShape, parts: int) -> float:
    """Counted off the compiled loops: see the figures in winograd_phases.hip."""
    target, waves = builder.target, shape.waves
    moved = shape.channels * (POINTS * shape.filters + 25 * shape.tiles)
    stage = Mix(valu=STAGE_VALU, lds=100, vmem=100, load_bytes=4 * moved / waves, alone=STAGE)
    split = parts > 1
    store = 256 * shape.sums * (1 + split)
    end = Mix(valu=ENDS / 4, lds=250, vmem=32 * 16, store_bytes=store, alone=ENDS + split * (SPLIT + PART * parts))
    nbytes = least_bytes(item, window) + 4 * POINTS * window.groups * window.out_channels * window.in_channels
    groups = math.prod(_grid(window, shape, parts))
    us = estimate(stage * _stages(window, shape, parts) + end, Shape(waves, 1, 2), groups, nbytes, target).us
    # What the parts leave each other stays in L2 until the end, and then goes to memory while nothing else is left to do.
    left = split * min(groups * waves * shape.sums * 256, target.l2_size)
    return us + left / (target.card().dram_gbps * target.dram_efficiency * 1e3)


def _build(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, shape: PhaseShape, parts: int) -> None:
    stages = _stages(window, shape, parts)
    filters = _filters(builder, window, operands, shape, stages * shape.channels * parts)
    parameters: dict[str, Value] = {"TILE_LANES": shape.tile_lanes, "PARTS": int(parts > 1)}
    parameters |= {name: tag for name, tag in types(item, operands).items() if name in ("TYPE_Y", "TYPE_BIAS")}
    along_y, along_x = tiles_of(window)
    image = along_y * along_x
    rows = shape.tiles % along_x == 0 and window.out[0] % 2 == window.out[1] % 2 == 0
    parameters |= {"BIAS": int(operands.bias is not None), "VECTOR": int(rows)}
    sizes = (window.groups, window.batch * image, *window.size, *window.out, *window.pad)
    tiles = (along_x, image, *magic(along_x), *magic(image))
    counts = (parts, *magic(parts), stages, window.in_channels, window.out_channels)
    waves = math.prod(_grid(window, shape, 1)) * shape.waves
    inside = partials(item, builder, waves, parts, shape.sums) if parts > 1 else ()
    arguments = (operands.x, filters, item.node, *sizes, *tiles, *counts, *operands.bias_argument, *inside)
    hint, grid = shape.name.replace(" ", "_"), _grid(window, shape, parts)
    launch(item, builder, conv.WINOGRAD_PHASES, parameters, grid, arguments, window, hint, 64 * shape.waves, inside=inside)


def _filters(builder: ProgramBuilder, window: Window, operands: Operands, shape: PhaseShape, channels: int) -> Place:
    """The filters' points as a constant of the bundle."""
    name = f"{operands.weight.target}_phases{shape.filters}x{round_up(channels, shape.channels)}x{window.groups}"
    weights = plain_weights(builder, window, operands)
    return builder.constant(name, arrange(weights, window.groups, shape.filters, channels))
