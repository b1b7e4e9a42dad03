"""Depthwise convolutions: kernels/hip/depthwise.hip with strips of several lengths, or planes in LDS."""

from __future__ import annotations

from functools import partial

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import launch, least_bytes, problem, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.depthwise_planes import planes_ways
from amdc.codegen.magic import magic
from amdc.cost import Mix, Shape, estimate
from amdc.kernels import conv
from amdc.kernels.rounding import round_up
from amdc.kernels.template import Value

BLOCK = 64  # one wave: nothing is shared, and small grids spread over all compute units
START_US = 0.7  # until the first loads are under way
MOST_HELD = 64  # taps and outputs in a lane's registers


def depthwise(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> None:
    """One input channel a group, no dilation, the same stride both ways."""
    builder.choose(problem(item, window, operands), ways_of(item, builder, window, operands)).build()


def ways_of(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> tuple[Candidate, ...]:
    """depthwise.hip with strips of each length; depthwise_planes.hip where it computes the same."""
    first, *longer = conv.DEPTHWISE_ROWS
    fitting = [rows for rows in longer if rows < 2 * window.out[0] and rows + window.taps <= MOST_HELD]
    strips = tuple(
        Candidate(
            f"depthwise {rows}",
            partial(_cost, item, builder, window, rows),
            partial(_build, item, builder, window, operands, rows),
        )
        for rows in (first, *fitting)
    )
    return strips + planes_ways(item, builder, window, operands)


def _planes(window: Window) -> int:
    return window.batch * window.groups * window.out_channels


def _blocks(window: Window, rows: int) -> int:
    return -(-_planes(window) * -(-window.out[0] // rows) * window.out[1] // BLOCK)


def _cost(item: Item, builder: ProgramBuilder, window: Window, rows: int) -> float:
    """Counted off the compiled kernel. A strip's waves each have to be started, which takes the card 4 clocks. The shorter rows
    are, the more cache lines hold what the lanes of a load read."""
    target, taps = builder.target, window.taps
    lines = (rows - 1) * window.stride[0] + window.kernel[0]  # of the input
    loads = lines * window.kernel[1]
    wave = Mix(
        valu=4 * (taps * rows + 3 * loads + 60),
        vmem=(4 + 16 * min(1.0, 14 / window.out[1])) * loads + 8 * taps + 16 * rows,
        load_bytes=256 * (lines * window.stride[0] + 2),
        store_bytes=256 * rows,
        alone=1000 + 25 * (loads + taps) + taps * rows * 4,
    )
    waves = min(target.waves_per_simd, target.vgprs_per_lane // round_up(taps + rows + 2 * window.kernel[1] + 20, 4))
    occupancy = Shape(1, 4 * waves, waves)
    groups = _blocks(window, rows)
    started = 4 * groups / (target.card().clock_ghz * 1e3)
    return estimate(wave, occupancy, groups, least_bytes(item, window), target).us + started + START_US


def _build(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, rows: int) -> None:
    channels, outs, weights = window.groups, window.out_channels, operands.strides(window)
    strips, planes = -(-window.out[0] // rows), _planes(window)
    parameters: dict[str, Value] = {
        "KH": window.kernel[0],
        "KW": window.kernel[1],
        "STRIDE": window.stride[0],
        "OUT_ROWS": rows,
        "BIAS": int(operands.bias is not None),
        **types(item, operands),
    }
    strides = (weights.group, weights.out, weights.tap)
    sizes = (channels, outs, *magic(outs), *magic(channels), *strides, *window.size, *window.out)
    counted = (planes, strips, *magic(strips), *magic(window.out[1]))
    arguments = (*operands.tensors(item.node), *sizes, *counted, *window.pads, *operands.bias_argument)
    grid = (_blocks(window, rows), 1, 1)
    launch(item, builder, conv.DEPTHWISE, parameters, grid, arguments, window, f"s{window.stride[0]}_{rows}rows", BLOCK)
