"""Which operators state a convolution, and which kernel computes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from torch.fx import Node

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.dtypes import FLOAT32_MATH
from amdc.codegen.expression import dtype_name
from amdc.codegen.item import Item
from amdc.codegen.lowerings.convolution_depthwise import depthwise
from amdc.codegen.lowerings.convolution_kernels import direct, implicit_gemm, is_vector, matrix_vector
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.codegen.lowerings.matmul_operands import check_operands
from amdc.codegen.registry import lowers
from amdc.errors import InternalError
from amdc.ir import graph as ir
from amdc.ir.ops import packed
from amdc.ir.pointwise import aten

Sizes = Sequence[int]


def make_window(
    item: Item, x: Node, groups: int, in_channels: int, kernel: Sizes, stride: Sizes, pad: Sizes, dilation: Sizes
) -> Window:
    """`stride`, `pad` and `dilation` may hold one number for all dimensions."""
    batch, _, *size = ir.shape(x)

    def spread(values: Sizes) -> tuple[int, ...]:
        return tuple(map(int, values)) * (len(size) if len(values) == 1 else 1)

    outs = item.shape[1] // groups
    return Window(
        batch,
        groups,
        in_channels,
        outs,
        tuple(size),
        item.shape[2:],
        tuple(kernel),
        spread(stride),
        spread(pad),
        spread(dilation),
    )


@lowers(aten.convolution.default)
def lower_convolution(item: Item, builder: ProgramBuilder) -> None:
    x, weight, bias, stride, pad, dilation, transposed, _, groups = item.args
    shape = ir.shape(weight)
    channels = shape[0] // groups if transposed else shape[1]
    window = make_window(item, x, groups, channels, shape[2:], stride, pad, dilation)
    lower_window(item, builder, replace(window, transposed=transposed), Operands(x, weight, bias))


@lowers(packed.convolution)
def lower_convolution_with_pads(item: Item, builder: ProgramBuilder) -> None:
    x, weight, bias, stride, pads, dilation, groups = item.args
    shape = ir.shape(weight)
    window = make_window(item, x, groups, shape[1], shape[2:], stride, pads[: len(stride)], dilation)
    lower_window(item, builder, window, Operands(x, weight, bias))


@lowers(packed.convolution_packed)
def lower_convolution_packed(item: Item, builder: ProgramBuilder) -> None:
    x, weight, bias, kernel, stride, pads, dilation, groups, _ = item.args
    window = make_window(item, x, groups, ir.shape(x)[1] // groups, kernel, stride, pads[: len(stride)], dilation)
    lower_window(item, builder, window, Operands(x, weight, bias, packed=True))


def lower_window(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> None:
    """The best kernel that a convolution fits. A prologue is fused on the input alone."""
    check_operands(item, operands.x, operands.weight, operands.bias)
    if item.before and item.anchor is not None and item.anchor.args[0] is not item.before[-1]:
        raise InternalError(f"'{item.node.name}' has a prologue that is not on the convolution's input; fuse none there")
    flat = window.to_rank(2) if len(window.size) < 3 else window
    plain = {dtype_name(operands.x), dtype_name(operands.weight)} <= set(FLOAT32_MATH)
    if not plain and item.before:
        raise InternalError(f"'{item.node.name}' has a prologue on {dtype_name(operands.x)}; its kernel takes none")
    if window.transposed or len(flat.size) > 2 or not plain:
        direct(item, builder, window.to_rank(3), operands)
    elif window.in_channels == 1 and window.groups > 1 and set(flat.dilation) == {1} and flat.stride[0] == flat.stride[1]:
        depthwise(item, builder, flat, operands)
    elif is_vector(flat):
        matrix_vector(item, builder, flat, operands)
    else:
        implicit_gemm(item, builder, flat, operands)
