"""Convolutions whose waves share the input channels and nothing else: the candidates that kernels/hip/conv_waves.hip offers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_launch import launch, least_bytes, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.magic import magic
from amdc.cost import Mix, Shape, estimate
from amdc.ir import graph as ir
from amdc.kernels.conv_waves import CONV_WAVES, SHAPES, STAGE_CHANNELS, WAVES, WavesShape
from amdc.kernels.template import Value
from amdc.target import Target

LEAST_CHANNELS = 32  # four for each wave: below, starting and joining them costs more than the products

# Clocks of a wave, from the timing layer: of a load of inputs the address unit's; before the first stage and behind the last, and
# the vector instructions there; of these what passes until the CU's next work-group has begun, and what the epilogue's loads add.
INPUT_CLOCKS, ENDS, END_VALU, NEXT, READS = 16, 5000, 1500, 2500, 1600
LINE = 64  # bytes


def takes(item: Item, window: Window, operands: Operands) -> bool:
    """Packed float32 weights, float32 input without a prologue, a small filter."""
    plain = operands.packed and not item.before and not window.transposed
    kinds = {dtype_name(operands.x), dtype_name(operands.weight)}
    return plain and kinds == {"float32"} and window.taps in STAGE_CHANNELS and window.in_channels >= LEAST_CHANNELS


def candidates(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> Iterator[Candidate]:
    """One for each tile; none where the kernel does not apply."""
    if not takes(item, window, operands):
        return
    for shape in SHAPES:
        if window.in_channels % (shape.sets * STAGE_CHANNELS[window.taps]) == 0:
            predicted = partial(_cost, item, builder, window, operands, shape)
            yield Candidate(shape.name, predicted, partial(_build, item, builder, window, operands, shape))


def _spans(window: Window, shape: WavesShape) -> int:
    """Of all output positions, for each block of filters."""
    return -(-window.batch * window.plane // shape.span)


def _blocks(window: Window, shape: WavesShape) -> int:
    """Of filters."""
    return -(-window.out_channels // shape.filters)


def _grid(window: Window, shape: WavesShape) -> tuple[int, int, int]:
    return -(-_spans(window, shape) * _blocks(window, shape) // shape.spans), 1, window.groups


def _order(window: Window, shape: WavesShape, target: Target) -> tuple[int, int]:
    """1: the blocks of a span are neighbours in the grid, 0: the spans of a block. And the bytes of the input or of the weights
    that then pass DRAM once more for each round of work-groups, as L2 does not hold them: the order in which these are fewer."""
    again = -(-math.prod(_grid(window, shape)) // target.card().compute_units) - 1
    inputs = 4 * window.batch * window.groups * window.in_channels * math.prod(window.size)
    weights = 4 * window.groups * window.out_channels * window.in_channels * window.taps
    by_spans, by_filters = (
        min(again, most - 1) * nbytes * (nbytes > target.l2_size // 2)
        for nbytes, most in ((inputs, _blocks(window, shape)), (weights, _spans(window, shape)))
    )
    return (1, by_filters) if shape.spans == 1 and by_filters < by_spans else (0, by_spans)


def _stages(window: Window, shape: WavesShape) -> tuple[int, int]:
    """All, and those of each of the older waves: these have a SIMD whenever they can use it, the younger ones what they leave."""
    stages = window.in_channels // (shape.sets * STAGE_CHANNELS[window.taps])
    return stages, stages * 3 // (2 * WAVES)


def _cost(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, shape: WavesShape) -> float:
    """Counted off the compiled loops: see the figures in conv_waves.hip."""
    channels, positions = STAGE_CHANNELS[window.taps], 4 * -(-shape.positions // 4)
    rows, sums = channels * window.taps, 4 * shape.positions
    loads = shape.sets * -(-rows * shape.lanes * shape.spans * positions // 64)
    weigh = 4 // shape.lanes * rows
    moved = shape.sets * (4 * rows * shape.filters + channels * shape.spans * _input_bytes(window, shape))
    valu = 4 * rows * sums + 16  # waits are hidden by the SIMD's other wave
    lds, vmem = 2 * rows * positions + 4 * loads, INPUT_CLOCKS * loads + 4 * weigh
    stage = Mix(valu=valu, lds=lds, vmem=vmem, load_bytes=moved, alone=valu)
    stages, _ = _stages(window, shape)
    end = Mix(valu=END_VALU, lds=300, vmem=200, store_bytes=256 * sums / WAVES, alone=ENDS)
    weight = operands.weight
    nbytes = least_bytes(item, window) + math.prod(ir.shape(weight)) * ir.dtype(weight).itemsize
    nbytes += _order(window, shape, builder.target)[1]
    groups = math.prod(_grid(window, shape))
    us = estimate(stage * -(-stages // WAVES) + end, Shape(WAVES, 1, 2), groups, nbytes, builder.target).us
    card = builder.target.card()
    rounds, reads = -(-groups // card.compute_units), bool(item.epilogue(1).operands)
    return us + ((rounds - 1) * NEXT + rounds * reads * READS) / (card.clock_ghz * 1e3)


def _input_bytes(window: Window, shape: WavesShape) -> float:
    """Of a channel under a span of positions: whole lines of its rows."""
    if window.is_pointwise:
        return 4 * shape.span + LINE
    rows = min(shape.span / window.out[1] + 1 - 1 / window.out[1], window.out[0])
    reached = min((rows - 1) * min(window.stride[0], window.kernel[0]) + window.kernel[0], window.size[0])
    return 4 * reached * window.size[1] + LINE


def _build(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, shape: WavesShape) -> None:
    tags, weights = types(item, operands), operands.strides(window)
    parameters: dict[str, Value] = {"POSITIONS": shape.positions, "LANES": shape.lanes, "SETS": shape.sets, "SPANS": shape.spans}
    parameters |= {"CHANNELS": STAGE_CHANNELS[window.taps]}
    parameters |= dict(zip(("KH", "KW"), window.kernel, strict=True))
    parameters |= {"VECTOR": int(shape.has_whole_fours(window.plane, window.batch)), "BIAS": int(operands.bias is not None)}
    parameters["READS"] = int(bool(item.epilogue(1).operands))
    parameters |= {name: tags[name] for name in ("TYPE_Y", "TYPE_BIAS") if name in tags}
    by_filters, _ = _order(window, shape, builder.target)
    inner = _blocks(window, shape) if by_filters else _spans(window, shape)
    counts = (window.groups, window.batch * window.plane, window.out_channels, window.in_channels)
    order = (inner, *magic(inner), by_filters, *_stages(window, shape))
    sizes = (*window.size, window.out[1], window.plane, *window.stride, *window.dilation, *window.pads)
    divisors = (*magic(window.out[1]), *magic(window.plane))
    arguments = (
        *operands.tensors(item.node),
        *counts,
        *order,
        weights.group,
        weights.tap,
        *sizes,
        *divisors,
        *operands.bias_argument,
    )
    hint = shape.name.replace(" ", "_")
    launch(item, builder, CONV_WAVES, parameters, _grid(window, shape), arguments, window, hint, 64 * WAVES)
