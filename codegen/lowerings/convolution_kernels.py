"""The launches of the convolution kernels: implicit GEMM, depthwise, direct and transposed, and matrix times vector."""

from __future__ import annotations

from itertools import chain

from amdc.codegen.builder import Operand, ProgramBuilder
from amdc.codegen.choice import Candidate
from amdc.codegen.dtypes import sum_type
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings import convolution_gemm as products
from amdc.codegen.lowerings import convolution_phases as phases
from amdc.codegen.lowerings import convolution_scalar as scalar
from amdc.codegen.lowerings import convolution_waves as waves
from amdc.codegen.lowerings import convolution_winograd as winograd
from amdc.codegen.lowerings import convolution_winograd4 as winograd4
from amdc.codegen.lowerings import convolution_winograd_lds as winograd_lds
from amdc.codegen.lowerings.convolution_launch import launch, problem, types
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.magic import magic
from amdc.kernels import conv, gemm
from amdc.program import ITEM_SIZES


def implicit_gemm(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> None:
    """Any 2-d convolution."""
    builder.choose(problem(item, window, operands), ways_of(item, builder, window, operands)).build()


def ways_of(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> tuple[Candidate, ...]:
    """conv.hip with each of its tiles, the cheapest first, and the other kernels that take the convolution."""
    ways = (products, winograd, winograd_lds, winograd4, phases, scalar, waves)
    return tuple(chain.from_iterable(way.candidates(item, builder, window, operands) for way in ways))


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
