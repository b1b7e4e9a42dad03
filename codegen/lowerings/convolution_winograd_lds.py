"""3x3 convolutions by Winograd's F(2x2, 3x3) with inputs and filters in LDS (winograd_lds.hip): candidates and launches."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from amdc.codegen.builder import COUNTERS, Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import in_parts, launch, least_bytes, partials, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.convolution_winograd import takes, tiles_of
from amdc.codegen.lowerings.winograd_filters import arrange_stages, plain_weights
from amdc.codegen.magic import magic
from amdc.cost import Mix, Shape, estimate
from amdc.kernels.rounding import round_up
from amdc.kernels.template import Value
from amdc.kernels.winograd_lds import FILTERS, PARTS, POINTS, SHAPES, STEP, WINOGRAD_LDS, LdsShape

# Fitted on 26 launches of four 3x3 layers at batch 1 and 8 against the timing layer; all are within 10 %.
ENDS = 8000.0  # clocks of a wave before the first stage and behind the last
REFILL = 0.94  # where a CU gets more work-groups than it holds, they start as others end


def candidates(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> Iterator[Candidate]:
    """One for each way to spread tiles, filters and channels over lanes and work-groups; none where the kernel does not apply."""
    if not takes(window, operands) or window.pad[1] > math.prod(window.size):
        return
    yield from in_parts(
        SHAPES,
        PARTS,
        partial(_may_split, builder, window),
        partial(_cost, item, builder, window),
        partial(_build, item, builder, window, operands),
    )


def _may_split(builder: ProgramBuilder, window: Window, shape: LdsShape, parts: int) -> bool:
    """Where work-groups are few, a part has two stages or more, and the parts stay within the kernel's limit."""
    tiles = math.prod(_grid(window, shape, 1))
    few = tiles < 4 * builder.target.card().compute_units and tiles * shape.waves <= COUNTERS
    return few and window.in_channels >= 2 * shape.step * parts


def _grid(window: Window, shape: LdsShape, parts: int) -> tuple[int, int, int]:
    tiles = window.batch * math.prod(tiles_of(window))
    return -(-window.out_channels // FILTERS), -(-tiles // shape.tiles), window.groups * parts


def edges(window: Window) -> int:
    """A bit for each of the four columns of a window that lies in the padding for some tile."""
    _, along_x = tiles_of(window)
    starts = range(-window.pad[1], 2 * along_x - window.pad[1], 2)
    return sum(1 << j for j in range(4) if not all(0 <= start + j < window.size[1] for start in starts))


def _cost(item: Item, builder: ProgramBuilder, window: Window, shape: LdsShape, parts: int) -> float:
    """Counted off the compiled loops; what the parts leave is all stored at about the same time."""
    stages, products = -(-window.in_channels // (shape.step * parts)), STEP * 8 * shape.lane_tiles
    stage = Mix(valu=4 * (products + 22), lds=192, vmem=16 * 5, load_bytes=64 * 4 * 12, alone=4 * (products + 36))
    end = Mix(
        valu=ENDS / 3,
        lds=800,
        vmem=2 * 8 * 16 / shape.sets,
        store_bytes=64 * 64 / shape.sets / (4 if window.pooled else 1),
        alone=ENDS,
    )
    occupancy = Shape(shape.waves, shape.groups_per_cu, shape.groups_per_cu * shape.sets)
    nbytes = least_bytes(item, window) + 4 * POINTS * window.groups * window.out_channels * window.in_channels
    groups, target = math.prod(_grid(window, shape, parts)), builder.target
    left = 4 * groups * shape.tiles * FILTERS * 4 if parts > 1 else 0
    partials_us = left / (target.card().dram_gbps * target.dram_efficiency * 1e3)
    us = estimate(stage * stages + end, occupancy, groups, nbytes, target).us - target.launch_us
    refilled = shape.groups_per_cu > 1 and groups > shape.groups_per_cu * target.card().compute_units
    return target.launch_us + us * (REFILL if refilled else 1) + partials_us


def _filters(builder: ProgramBuilder, window: Window, operands: Operands, shape: LdsShape, parts: int) -> Place:
    channels = round_up(window.in_channels, shape.step * parts)
    name = f"{operands.weight.target}_winograd_lds{FILTERS}x{channels}x{parts}x{window.groups}"
    weights = plain_weights(builder, window, operands)
    return builder.constant(name, arrange_stages(weights, window.groups, FILTERS, channels, parts))


def _build(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, shape: LdsShape, parts: int) -> None:
    filters = _filters(builder, window, operands, shape, parts)
    parameters: dict[str, Value] = {"TILES": shape.lane_tiles, "SETS": shape.sets}
    parameters |= {name: tag for name, tag in types(item, operands).items() if name != "TYPE_W"}
    parameters |= {"BIAS": int(operands.bias is not None), "EDGES": edges(window), "PARTS": int(parts > 1)}
    parameters["POOL"] = int(window.pooled)
    along_y, along_x = tiles_of(window)
    blocks, stages = -(-window.out_channels // FILTERS), -(-window.in_channels // (shape.step * parts))
    tiles = (along_x, along_y * along_x, *magic(along_x), *magic(along_y * along_x))
    sizes = (window.groups, blocks, window.batch * along_y * along_x, *window.size, *window.out, *window.pads)
    counts = (parts, *magic(parts), stages, window.in_channels, window.out_channels, window.plane)
    waves = math.prod(_grid(window, shape, 1)) * shape.waves
    inside = partials(item, builder, waves, parts, 16 // shape.sets) if parts > 1 else ()
    arguments = (operands.x, filters, item.node, *sizes, *tiles, *counts, *operands.bias_argument, *inside)
    hint, grid = shape.name.replace(" ", "_"), _grid(window, shape, parts)
    launch(item, builder, WINOGRAD_LDS, parameters, grid, arguments, window, hint, 256 * shape.sets, inside=inside)
