"""2-d convolution as an implicit matrix product (kernels/hip/conv.hip): by which tile, in how many parts of the channels.

The parts of a tile are added by the last of its work-groups (kernels/hip/split_finish.h). That fills the compute units where
few tiles are, and costs a few microseconds but no further launch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from amdc.codegen.builder import COUNTERS, Operand, Place, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import launch, least_bytes, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.matmul_cost import DRAM_LATENCY, ends_mix, stage_mix, tile_shape
from amdc.codegen.magic import magic
from amdc.cost import Mix, Shape
from amdc.ir import graph as ir
from amdc.kernels import conv, gemm
from amdc.kernels.gemm_tiles import GemmTile
from amdc.kernels.rounding import round_up
from amdc.kernels.template import Value
from amdc.target import Target

# Instructions that fetch a gathered value beside its load, of the vector and of the scalar ALU, read off the compiled loops.
GATHER = {conv.TAPS: (1, 10), conv.LINEAR: (8, 22), conv.POINTWISE: (0, 0)}
EXACT_GATHER = (0, 1)  # by taps where channels are whole stages
GOOD_FILL = 0.8  # of a stage's k by one tap's channels; below, k runs over channels and taps together
PARTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32)  # into which the channels are cut
FULL = 8  # work-groups a CU at most: further parts would only add work
MOST_PARTIALS = 1  # sums that the parts leave each other, in sizes of L2: beyond, they would go through DRAM
LEAST_STAGES = 4  # of a part: below, starting and adding it costs more than it saves
L2_LATENCY = 190
# Fitted on 55 kernels of seven 1x1 layers against the timing layer: what waves of a SIMD leave idle or fill, by their number.
OVERLAP = (1.1, 1.05, 1.0, 0.9)
AHEAD = 32  # values of a lane that split_finish.h has under way
WAVE = 64
MOST_LEFT = 32  # lanes of a work-group without a value of their own to gather


@dataclass(frozen=True)
class Way:
    """A tile, how conv.hip walks through k, and into how many parts the channels are cut."""

    tile: GemmTile
    mode: int
    parts: int

    @property
    def name(self) -> str:
        return self.tile.name + (f" split{self.parts}" if self.parts > 1 else "")

    def chunk(self, size: int) -> int:
        """Of the `size` values of k that are walked through without a break, those of a part: whole stages."""
        return round_up(-(-size // self.parts), self.tile.k)


@dataclass(frozen=True)
class Task:
    """A convolution to lay out."""

    item: Item
    builder: ProgramBuilder
    window: Window
    operands: Operands


def candidates(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> list[Candidate]:
    """Every tile and cut, the cheapest first."""
    task = Task(item, builder, window, operands)
    costs = {way: cost(task, way) for way in ways(window, operands, builder.target)}
    ordered = sorted(costs, key=costs.__getitem__)
    return [Candidate(way.name, partial(costs.__getitem__, way), partial(build, task, way)) for way in ordered]


def ways(window: Window, operands: Operands, target: Target) -> Iterator[Way]:
    """A gathered panel wants whole waves along n or whole stages of channels, plain weights few rows of k."""
    mode = mode_of(window, operands)
    for tile in conv.TILES:
        plain = tile.m.bit_count() == 1 and tile.k <= 16 and tile.sets == 1
        any_width = mode == conv.POINTWISE or is_exact(window, mode, tile)
        if not (any_width or tile.n % WAVE == 0) or not (operands.packed or plain):
            continue
        for parts in PARTS:
            way = Way(tile, mode, parts)
            if parts == 1 or _may_split(window, way, target):
                yield way


def is_exact(window: Window, mode: int, tile: GemmTile) -> bool:
    """Whether conv.hip gathers without tests of the channel: whole stages of a tap, and few lanes left over in a pass."""
    left = tile.lanes % tile.n if tile.n <= tile.lanes else tile.lanes
    return mode == conv.TAPS and window.in_channels % tile.k == 0 and left <= MOST_LEFT


def _may_split(window: Window, way: Way, target: Target) -> bool:
    tile, tiles, (size, taps) = way.tile, math.prod(tiles_of(window, way)), walk(window, way.mode)
    chunk = way.chunk(size)
    partials = 4 * tiles * way.parts * tile.m * tile.n
    fits = tile.waves > 0 and tiles * tile.waves <= COUNTERS and partials <= MOST_PARTIALS * target.l2_size
    worth = tiles * way.parts <= FULL * target.card().compute_units and chunk // tile.k * taps >= LEAST_STAGES
    return fits and worth and chunk * (way.parts - 1) < size


def mode_of(window: Window, operands: Operands) -> int:
    """How conv.hip walks through k. It reads odd planes as they lie where elements are dwords; and it runs over channels and
    taps together where the channels of one tap would fill a stage badly."""
    dwords = ir.dtype(operands.x).itemsize == 4
    if window.is_pointwise and (window.plane % 4 == 0 or (window.plane > 4 and dwords)):
        return conv.POINTWISE
    fill = window.in_channels / round_up(window.in_channels, 16)
    last = window.in_channels * window.taps + 2 * max(tile.k for tile in conv.TILES)  # the fetch behind the last stage counts
    exact = last <= conv.LINEAR_K_LIMIT and last * window.taps <= conv.LINEAR_PRODUCT_LIMIT
    exact = exact and window.taps * window.kernel[1] <= conv.LINEAR_ROW_LIMIT
    return conv.LINEAR if window.taps > 1 and fill < GOOD_FILL and exact else conv.TAPS


def walk(window: Window, mode: int) -> tuple[int, int]:
    """How many values of k are walked through without a break, and how often."""
    size = window.in_channels * (window.taps if mode == conv.LINEAR else 1)
    return size, window.taps if mode == conv.TAPS else 1


def image_columns(window: Window, mode: int) -> int:
    """The columns of the product that an image has."""
    return round_up(window.plane, 4) if mode == conv.POINTWISE else window.plane


def extents(window: Window, way: Way) -> tuple[int, int]:
    """The columns of the product and how many products there are. A 1x1 convolution whose last stage is not full would read into
    the next image there: it goes image by image."""
    columns = image_columns(window, way.mode)
    if way.mode == conv.POINTWISE and window.in_channels % way.tile.k:
        return columns, window.batch * window.groups
    return window.batch * columns, window.groups


def tiles_of(window: Window, way: Way) -> tuple[int, int, int]:
    """Tiles along n, along m, and products."""
    n, products = extents(window, way)
    return -(-n // way.tile.n), -(-window.out_channels // way.tile.m), products


def cost(task: Task, way: Way) -> float:
    """Predicted microseconds: a product of matrices whose gathered values cost further instructions."""
    window, tile, target, (size, taps) = task.window, way.tile, task.builder.target, walk(task.window, way.mode)
    layouts = gemm.VECTORS if task.operands.packed else gemm.COLUMNS, gemm.VECTORS
    values = tile.n * tile.k / tile.lanes  # that a lane gathers in a stage
    vector, others = EXACT_GATHER if is_exact(window, way.mode, tile) else GATHER[way.mode]
    gather = Mix(
        valu=4 * vector * values, vmem=2 * values if way.mode != conv.POINTWISE else 0, alone=4 * (vector + others) * values
    )
    stages = -(-way.chunk(size) // tile.k) * taps
    wave = (stage_mix(tile, layouts, target.wave_size) + gather) * stages + ends_mix(tile) + finish_mix(way)
    wave += scattered_mix(way) if tile.thread_n % 4 or window.plane % 4 else Mix()
    shape, groups = tile_shape(tile, target), math.prod(tiles_of(window, way)) * way.parts
    most = -(-groups // target.card().compute_units)
    last = min(1.0, shape.groups_per_cu / most)  # of the output, what the last work-groups write: nothing runs beside that
    output = math.prod(task.item.shape) * ir.dtype(task.item.node).itemsize
    weights = math.prod(ir.shape(task.operands.weight)) * ir.dtype(task.operands.weight).itemsize
    nbytes = least_bytes(task.item, window) + weights - last * output
    partials = 4 * groups * tile.m * tile.n if way.parts > 1 else 0  # all are stored at about the same time
    rate = target.card().dram_gbps * target.dram_efficiency * 1e3
    us = max(_clocks(wave, shape, most, target) / (target.card().clock_ghz * 1e3), nbytes / rate)
    return target.launch_us + us + (partials + last * output) / rate


def _clocks(wave: Mix, shape: Shape, most: int, target: Target) -> float:
    """Of a CU's `most` work-groups, a new one starting where one ends. A SIMD serves its oldest wave first: that one takes what
    it would alone, and each further one its vector instructions more."""
    waves = most * shape.group_waves
    of_simd = -(-waves // target.simds_per_cu)
    units = math.hypot(of_simd * wave.valu, waves * wave.lds, waves * wave.vmem)
    alone = max(wave.alone + (of_simd - 1) * wave.valu, wave.alone * most / shape.groups_per_cu)
    return max(units, alone) * OVERLAP[min(shape.waves_per_simd, len(OVERLAP)) - 1]


def scattered_mix(way: Way) -> Mix:
    """Of a wave, what storing dword by dword adds to `ends_mix`."""
    clocks = 12 * way.tile.thread_m * way.tile.thread_n / way.tile.sets
    return Mix(valu=clocks, vmem=clocks, alone=clocks * way.tile.sets)


def finish_mix(way: Way) -> Mix:
    """Of a wave, what split_finish.h adds: storing sums and counting; each last wave reads what its parts stored."""
    if way.parts == 1:
        return Mix()
    values = way.tile.thread_m * way.tile.thread_n
    held = 1 / way.tile.sets  # of the waves
    reads = -(-values // AHEAD) * -(-way.parts // max(1, AHEAD // values))
    alone = 2 * DRAM_LATENCY + 4 * values + reads * (L2_LATENCY + 4 * min(values, AHEAD)) + 4 * values * way.parts
    return Mix(8 * values * held, 0, 8 * values * held, 256 * values * held, 256 * values * held, alone=alone)


def build(task: Task, way: Way) -> None:
    """Lay out the launch."""
    window, operands, tile, item = task.window, task.operands, way.tile, task.item
    n, _ = extents(window, way)
    m, weights = window.out_channels, operands.strides(window)
    parameters: dict[str, Value] = tile.defines() | {
        "KH": window.kernel[0],
        "KW": window.kernel[1],
        "MODE": way.mode,
        "LAYOUT_A": gemm.VECTORS if operands.packed else gemm.COLUMNS,
        "EXACT": int(is_exact(window, way.mode, tile)),
        "SPLIT": int(way.parts > 1),
        "VECTOR_C": int(window.plane % 4 == 0 and tile.thread_n % 4 == 0),
        "BIAS": int(operands.bias is not None),
        **types(item, operands),
    }
    sizes = (m, n, window.groups, *magic(window.groups), weights.group, weights.out, weights.tap, window.in_channels)
    places = (*window.size, window.out[1], window.plane, *window.stride, *window.dilation, *window.pads)
    divisions = (*magic(window.out[1]), *magic(image_columns(window, way.mode)))
    inside, split = _split(task, way)
    arguments = (*operands.tensors(item.node), *sizes, *places, *divisions, *split, *operands.bias_argument)
    tiles_n, tiles_m, products = tiles_of(window, way)
    grid = (tiles_n, tiles_m, products * way.parts)
    hint = way.name.replace(" ", "")
    launch(item, task.builder, conv.CONV, parameters, grid, arguments, window, hint, tile.lanes, inside=inside)


def _split(task: Task, way: Way) -> tuple[tuple[Place, ...], tuple[Operand, ...]]:
    """The buffers in which the parts of a tile meet, and the kernel's arguments of them."""
    if way.parts == 1:
        return (), ()
    window, tile = task.window, way.tile
    tiles_n, tiles_m, products = tiles_of(window, way)
    tiles = tiles_n * tiles_m * products
    partials = task.builder.scratch(f"{task.item.node.name}.parts", 4 * tiles * way.parts * tile.m * tile.n)
    counters = task.builder.counters(tiles * tile.waves)
    size, _ = walk(window, way.mode)
    numbers = (way.parts, way.chunk(size), products, *magic(products), tiles_m, tiles_n)
    return (partials, counters), (partials, counters, *numbers)
