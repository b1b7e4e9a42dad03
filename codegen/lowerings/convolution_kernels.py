"""The launches of the convolution kernels: implicit GEMM, depthwise, direct and transposed, and matrix times vector."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from amdc.codegen.builder import Operand, ProgramBuilder
from amdc.codegen.dtypes import TAGS, sum_type
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.magic import magic
from amdc.kernels import conv, gemm, tiles
from amdc.kernels.template import KernelTemplate, Value
from amdc.program import ITEM_SIZES

# Instructions that fetch a gathered value beside its load, read off the compiled loops; those of the scalar ALU count half:
# they run beside other waves' vector instructions.
GATHER = {conv.TAPS: 6, conv.LINEAR: 19, conv.POINTWISE: 0}
GOOD_FILL = 0.8  # of a stage's k by one tap's channels; below, k runs over channels and taps together


def _launch(
    item: Item,
    builder: ProgramBuilder,
    template: KernelTemplate,
    parameters: Mapping[str, Value],
    grid: tuple[int, int, int],
    arguments: Sequence[Operand],
    window: Window,
    hint: str,
    lanes: int = 256,
) -> None:
    """Launch with the fused expressions' operands appended."""
    prologue, epilogue = item.prologue(1), item.epilogue(1)
    builder.launch(
        template,
        parameters,
        item=item,
        grid=grid,
        arguments=(*arguments, *prologue.operands, *epilogue.operands),
        writes=(item.node,),
        flops=2 * window.multiply_adds + epilogue.flops * math.prod(item.shape),
        prelude=prologue.text + epilogue.text,
        hint="_".join(filter(None, ("x".join(map(str, window.kernel)), hint, epilogue.hint))),
        block=(lanes, 1, 1),
    )


def _types(item: Item, operands: Operands) -> dict[str, Value]:
    """The element types of input, weights, output and bias."""
    types = {"TYPE_X": operands.x, "TYPE_W": operands.weight, "TYPE_Y": item.node, "TYPE_BIAS": operands.bias}
    return {name: TAGS[dtype_name(node)] for name, node in types.items() if node is not None}


def _is_linear(window: Window) -> bool:
    """Whether k runs over channels and taps together: where the channels of one tap would fill a stage badly."""
    fill = window.in_channels / tiles.round_up(window.in_channels, 16)
    last = window.in_channels * window.taps + 2 * max(tile.k for tile in tiles.TILES)  # the fetch behind the last stage counts
    exact = last <= conv.LINEAR_K_LIMIT and window.taps <= conv.LINEAR_TAPS_LIMIT
    return window.taps > 1 and fill < GOOD_FILL and exact


def _piece(window: Window) -> int:
    """The values of k that are walked through without a break."""
    return window.in_channels * (window.taps if _is_linear(window) else 1)


def _mode(window: Window) -> int:
    """How conv.hip walks through k."""
    if window.is_pointwise and window.plane % 4 == 0:
        return conv.POINTWISE
    return conv.LINEAR if _is_linear(window) else conv.TAPS


def implicit_gemm(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> None:
    """conv.hip, for any 2-d convolution."""
    by_image = window.is_pointwise and window.plane % 4 == 0
    n, z = (window.plane, window.batch * window.groups) if by_image else (window.batch * window.plane, window.groups)
    m, weights = window.out_channels, operands.strides(window)
    tile = tiles.choose(m, n, _piece(window), z, builder.target, gather=GATHER[_mode(window)])
    parameters: dict[str, Value] = tile.defines() | {
        "KH": window.kernel[0],
        "KW": window.kernel[1],
        "MODE": _mode(window),
        "LAYOUT_A": gemm.VECTORS if operands.packed else gemm.COLUMNS,
        "VECTOR_C": int(window.plane % 4 == 0),
        "BIAS": int(operands.bias is not None),
        **_types(item, operands),
    }
    sizes = (m, n, window.groups, *magic(window.groups), weights.group, weights.out, weights.tap, window.in_channels)
    places = (*window.size, window.out[1], window.plane, *window.stride, *window.dilation, *window.pads)
    divisions = (*magic(window.out[1]), *magic(window.plane))
    arguments = (*operands.tensors(item.node), *sizes, *places, *divisions, *operands.bias_argument)
    grid = (-(-n // tile.n), -(-m // tile.m), z)
    _launch(item, builder, conv.CONV, parameters, grid, arguments, window, tile.name, tile.lanes)


def depthwise(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> None:
    """depthwise.hip: one input channel a group, no dilation, the same stride both ways."""
    channels, outs, weights = window.groups, window.out_channels, operands.strides(window)
    strips = -(-window.out[0] // conv.DEPTHWISE_ROWS)
    planes = window.batch * channels * outs
    parameters = {
        "KH": window.kernel[0],
        "KW": window.kernel[1],
        "STRIDE": window.stride[0],
        "BIAS": int(operands.bias is not None),
        **_types(item, operands),
    }
    sizes = (channels, outs, *magic(outs), *magic(channels), weights.group, weights.out, weights.tap, *window.size, *window.out)
    counted = (planes, strips, *magic(strips), *magic(window.out[1]))
    arguments = (*operands.tensors(item.node), *sizes, *counted, *window.pads, *operands.bias_argument)
    grid = (-(-planes * strips * window.out[1] // 256), 1, 1)
    _launch(item, builder, conv.DEPTHWISE, parameters, grid, arguments, window, f"s{window.stride[0]}")


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
        **_types(item, operands),
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
    _launch(item, builder, conv.CONV_DIRECT, parameters, grid, arguments, window, "transposed" * window.transposed)


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
    types = _types(item, operands)
    nbytes = (ITEM_SIZES[dtype_name(operands.weight)] * weights.group, ITEM_SIZES[dtype_name(operands.x)] * rows * k)
    sizes = (outs, rows, k, images, *magic(images), stride, 0, 0, k, 1, 0, k, outs, 1, 0, outs, *nbytes, 1)
    added = () if operands.bias is None else (operands.bias, 0, 1, 1.0, 1.0)
    arguments = (operands.weight, operands.x, item.node, *sizes, *added)
    grid = (-(-outs // (64 if layout == 0 else 4)), 1, images)
    parameters = {"LAYOUT": layout, "BIAS": int(operands.bias is not None), "X_ROWS": shared, **types}
    _launch(item, builder, gemm.GEMV, parameters, grid, arguments, window, "")
