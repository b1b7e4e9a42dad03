"""The launches of the convolution kernels: implicit GEMM, depthwise, direct and transposed, and matrix times vector."""

from __future__ import annotations

import math
from functools import partial
from itertools import chain

from amdc.codegen.builder import Operand, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.dtypes import sum_type
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings import convolution_scalar as scalar
from amdc.codegen.lowerings import convolution_winograd as winograd
from amdc.codegen.lowerings import convolution_winograd4 as winograd4
from amdc.codegen.lowerings.convolution_launch import launch, least_bytes, problem, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.matmul_cost import ends_mix, stage_mix, tile_shape
from amdc.codegen.magic import magic
from amdc.cost import Mix, estimate
from amdc.ir import graph as ir
from amdc.kernels import conv, gemm
from amdc.kernels.gemm_tiles import GEMM_TILES, GemmTile
from amdc.kernels.rounding import round_up
from amdc.kernels.template import Value
from amdc.program import ITEM_SIZES

# Instructions that fetch a gathered value beside its load, of the vector and of the scalar ALU, read off the compiled loops.
GATHER = {conv.TAPS: (1, 10), conv.LINEAR: (8, 22), conv.POINTWISE: (0, 0)}
GOOD_FILL = 0.8  # of a stage's k by one tap's channels; below, k runs over channels and taps together


def _is_linear(window: Window) -> bool:
    """Whether k runs over channels and taps together: where the channels of one tap would fill a stage badly."""
    fill = window.in_channels / round_up(window.in_channels, 16)
    last = window.in_channels * window.taps + 2 * max(tile.k for tile in GEMM_TILES)  # the fetch behind the last stage counts
    exact = last <= conv.LINEAR_K_LIMIT and window.taps <= conv.LINEAR_TAPS_LIMIT
    return window.taps > 1 and fill < GOOD_FILL and exact


def _piece(window: Window) -> int:
    """The values of k that are walked through without a break."""
    return window.in_channels * (window.taps if _is_linear(window) else 1)


def _mode(window: Window, operands: Operands) -> int:
    """How conv.hip walks through k. It reads odd planes as they lie where their elements are dwords."""
    dwords = ir.dtype(operands.x).itemsize == 4
    if window.is_pointwise and (window.plane % 4 == 0 or (window.plane > 4 and dwords)):
        return conv.POINTWISE
    return conv.LINEAR if _is_linear(window) else conv.TAPS


def _image_columns(window: Window, mode: int) -> int:
    """The columns of the product that an image has."""
    return round_up(window.plane, 4) if mode == conv.POINTWISE else window.plane


def _extents(window: Window, mode: int, tile: GemmTile) -> tuple[int, int]:
    """The columns of the product and how many products there are. A 1x1 convolution whose last stage is not full would read into
    the next image there: it goes image by image."""
    columns = _image_columns(window, mode)
    if mode == conv.POINTWISE and window.in_channels % tile.k:
        return columns, window.batch * window.groups
    return window.batch * columns, window.groups


def implicit_gemm(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> None:
    """Any 2-d convolution."""
    builder.choose(problem(item, window, operands), ways_of(item, builder, window, operands)).build()


def ways_of(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> tuple[Candidate, ...]:
    """conv.hip with each of its tiles, the cheapest first, and the other kernels that take the convolution."""

    def by_tile(tile: GemmTile) -> Candidate:
        predicted = partial(_tile_cost, item, builder, window, operands, tile)
        return Candidate(tile.name, predicted, partial(_implicit_gemm, item, builder, window, operands, tile))

    by_cost = sorted(map(by_tile, _tiles(window, operands)), key=lambda candidate: candidate.cost())
    others = (way.candidates(item, builder, window, operands) for way in (winograd, winograd4, scalar))
    return (*by_cost, *chain.from_iterable(others))


def _tiles(window: Window, operands: Operands) -> list[GemmTile]:
    """Those that conv.hip takes: a gathered panel wants whole waves along n, plain weights few rows of k."""
    narrow = _mode(window, operands) == conv.POINTWISE
    return [
        tile
        for tile in GEMM_TILES
        if (narrow or tile.n % 64 == 0) and (operands.packed or (tile.m.bit_count() == 1 and tile.k <= 16 and tile.sets == 1))
    ]


def _tile_cost(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, tile: GemmTile) -> float:
    """Predicted microseconds: a product of matrices whose gathered values cost further instructions."""
    target, mode = builder.target, _mode(window, operands)
    n, z = _extents(window, mode, tile)
    layout = gemm.VECTORS if operands.packed else gemm.COLUMNS
    values = tile.n * tile.k / tile.lanes  # that a lane gathers in a stage
    vector, others = GATHER[mode]
    gather = Mix(valu=4 * vector * values, vmem=2 * values if vector else 0, alone=4 * (vector + others) * values)
    stages = -(-_piece(window) // tile.k) * (1 if _is_linear(window) else window.taps)
    wave = (stage_mix(tile, (layout, gemm.VECTORS), target.wave_size) + gather) * stages + ends_mix(tile)
    nbytes = least_bytes(item, window) + math.prod(ir.shape(operands.weight)) * ir.dtype(operands.weight).itemsize
    return estimate(wave, tile_shape(tile, target), tile.groups(window.out_channels, n) * z, nbytes, target).us


def _implicit_gemm(item: Item, builder: ProgramBuilder, window: Window, operands: Operands, tile: GemmTile) -> None:
    mode = _mode(window, operands)
    n, z = _extents(window, mode, tile)
    m, weights = window.out_channels, operands.strides(window)
    parameters: dict[str, Value] = tile.defines() | {
        "KH": window.kernel[0],
        "KW": window.kernel[1],
        "MODE": mode,
        "LAYOUT_A": gemm.VECTORS if operands.packed else gemm.COLUMNS,
        "VECTOR_C": int(window.plane % 4 == 0 and tile.thread_n % 4 == 0),
        "BIAS": int(operands.bias is not None),
        **types(item, operands),
    }
    sizes = (m, n, window.groups, *magic(window.groups), weights.group, weights.out, weights.tap, window.in_channels)
    places = (*window.size, window.out[1], window.plane, *window.stride, *window.dilation, *window.pads)
    divisions = (*magic(window.out[1]), *magic(_image_columns(window, mode)))
    arguments = (*operands.tensors(item.node), *sizes, *places, *divisions, *operands.bias_argument)
    grid = (-(-n // tile.n), -(-m // tile.m), z)
    launch(item, builder, conv.CONV, parameters, grid, arguments, window, tile.name, tile.lanes)


def direct(
    item: Item, builder: ProgramBuilder, window: Window, operands: Operands, zeros: tuple[Operand, ...] | None = None
) -> None:
    """conv_direct.hip: three dimensions, transposed ones, and every dtype. `zeros`: the zero points of input and weights, and the
    step from that of one output channel to the next."""
    weights, outs = operands.strides(window), window.groups * window.out_channels
    assert item.anchor is not None
    parameters = {
        "TRANSPOSED": int(window.transposed),
        "BIAS": int(operands.bias is not None),
        "ZEROS": int(zeros is not None),
        "SUM": sum_type(dtype_name(item.anchor)),
        **types(item, operands),
    }
    sizes = (window.out_channels, window.in_channels, window.groups, *magic(window.out_channels))
    strides = (weights.group, weights.out, weights.channel, weights.tap)
    places = (window.plane, *magic(window.out[2]), *magic(window.out[1]))
    axes = [
        (size, out, kernel, stride, dilation, *magic(stride), pad)
        for size, out, kernel, stride, dilation, pad in zip(
            window.size, window.out, window.kernel, window.stride, window.dilation, window.pads, strict=True
        )
    ]
    values = (*sizes, *strides, *places, *(value for axis in axes for value in axis))
    arguments = (*operands.tensors(item.node), *values, *(zeros or ()), *operands.bias_argument)
    grid = (-(-window.plane // 256), outs, window.batch)
    launch(item, builder, conv.CONV_DIRECT, parameters, grid, arguments, window, "transposed" * window.transposed)


def is_vector(window: Window) -> bool:
    """Whether the filter covers the whole input, so that each image is one column of a matrix product."""
    return window.plane == 1 and window.kernel == window.size and not any(window.pad) and window.groups == 1


def matrix_vector(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> None:
    """gemv.hip: the weights times each image; up to 16 images share one reading of the weights."""
    k, outs, weights = window.in_channels * window.taps, window.out_channels, operands.strides(window)
    layout, stride = (0, weights.tap) if operands.packed else (1, weights.out)
    most = gemm.GEMV_ROWS[-1] if layout == 0 else 1
    shared = next((count for count in gemm.GEMV_ROWS if window.batch <= count <= most), 1)
    rows, images = (window.batch, 1) if shared >= window.batch else (1, window.batch)
    kinds = types(item, operands)
    nbytes = (ITEM_SIZES[dtype_name(operands.weight)] * weights.group, ITEM_SIZES[dtype_name(operands.x)] * rows * k)
    sizes = (outs, rows, k, images, *magic(images), stride, 0, 0, k, 1, 0, k, outs, 1, 0, outs, *nbytes, 1)
    added = () if operands.bias is None else (operands.bias, 0, 1, 1.0, 1.0)
    arguments = (operands.weight, operands.x, item.node, *sizes, *added)
    grid = (-(-outs // (64 if layout == 0 else 4)), 1, images)
    parameters = {"LAYOUT": layout, "BIAS": int(operands.bias is not None), "X_ROWS": shared, **kinds}
    launch(item, builder, gemm.GEMV, parameters, grid, arguments, window, "")
