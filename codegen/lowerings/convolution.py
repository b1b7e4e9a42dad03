"""Convolutions: implicit GEMM for most, and kernels of their own for depthwise, transposed and unusual ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch.fx import Node

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.item import Item
from amdc.codegen.lowerings.matmul_operands import check_operands
from amdc.codegen.magic import magic
from amdc.codegen.registry import lowers
from amdc.ir import graph as ir
from amdc.ir.ops import packed
from amdc.ir.pointwise import aten
from amdc.kernels import conv, gemm, tiles

GOOD_FILL = 0.8  # of a stage's k by one tap's channels; below, k runs over channels and taps together


@dataclass(frozen=True)
class Window:
    """One convolution, whatever operator states it. Per spatial dimension: sizes of the input and the output, kernel, stride, pad
    before the first element, dilation. `in_channels` and `out_channels` are those of one group."""

    batch: int
    groups: int
    in_channels: int
    out_channels: int
    size: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]
    packed: bool = False

    def to_rank(self, rank: int) -> Window:
        """With leading dimensions of extent 1."""
        fill = rank - len(self.size)
        ones, zeros = (1,) * fill, (0,) * fill
        return Window(
            self.batch,
            self.groups,
            self.in_channels,
            self.out_channels,
            ones + self.size,
            ones + self.out,
            ones + self.kernel,
            ones + self.stride,
            zeros + self.pad,
            ones + self.dilation,
            self.packed,
        )

    @property
    def plane(self) -> int:
        """Output positions of one image."""
        return math.prod(self.out)

    @property
    def taps(self) -> int:
        return math.prod(self.kernel)

    @property
    def multiply_adds(self) -> int:
        return self.batch * self.groups * self.out_channels * self.plane * self.in_channels * self.taps


@dataclass(frozen=True)
class Operands:
    x: Node
    weight: Node
    bias: Node | None

    def arguments(self, y: Node) -> tuple[Node, Node, Node]:
        return self.x, self.weight, y

    @property
    def bias_argument(self) -> tuple[Node, ...]:
        return () if self.bias is None else (self.bias,)


def _window(
    item: Item,
    x: Node,
    groups: int,
    in_channels: int,
    kernel: tuple[int, ...],
    stride: Any,
    pad: Any,
    dilation: Any,
    is_packed: bool,
) -> Window:
    batch, _, *size = ir.shape(x)
    rank = len(size)
    spread = [tuple(map(int, values)) * (rank if len(values) == 1 else 1) for values in (stride, pad, dilation)]
    return Window(
        batch, groups, in_channels, item.shape[1] // groups, tuple(size), item.shape[2:], kernel, *spread, is_packed
    )  # fmt: skip


@lowers(aten.convolution.default)
def lower_convolution(item: Item, builder: ProgramBuilder) -> None:
    x, weight, bias, stride, pad, dilation, transposed, _, groups = item.args
    check_operands(item, x, weight, bias)
    shape = ir.shape(weight)
    window = _window(item, x, groups, shape[0] // groups if transposed else shape[1], shape[2:], stride, pad, dilation, False)
    lower_window(item, builder, window, Operands(x, weight, bias))


@lowers(packed.convolution)
def lower_convolution_with_pads(item: Item, builder: ProgramBuilder) -> None:
    x, weight, bias, stride, pads, dilation, groups = item.args
    check_operands(item, x, weight, bias)
    shape = ir.shape(weight)
    window = _window(item, x, groups, shape[1], shape[2:], stride, pads[: len(stride)], dilation, False)
    lower_window(item, builder, window, Operands(x, weight, bias))


@lowers(packed.convolution_packed)
def lower_packed(item: Item, builder: ProgramBuilder) -> None:
    x, weight, bias, kernel, stride, pads, dilation, groups, _ = item.args
    check_operands(item, x, weight, bias)
    channels = ir.shape(x)[1] // groups
    window = _window(item, x, groups, channels, tuple(kernel), stride, pads[: len(stride)], dilation, True)
    lower_window(item, builder, window, Operands(x, weight, bias))


def lower_window(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> None:
    """The best kernel that a convolution fits."""
    implicit_gemm(item, builder, window.to_rank(2), operands)


def _mode(window: Window, tile: tiles.Tile) -> int:
    if _is_pointwise(window):
        return conv.POINTWISE
    fill = window.in_channels / (-(-window.in_channels // tile.k) * tile.k)
    last = window.in_channels * window.taps + 2 * tile.k  # the fetch behind the last stage counts
    exact = last <= conv.LINEAR_K_LIMIT and window.taps <= conv.LINEAR_TAPS_LIMIT
    return conv.LINEAR if window.taps > 1 and fill < GOOD_FILL and exact else conv.TAPS


def _is_pointwise(window: Window) -> bool:
    plain = window.taps == 1 and set(window.stride) == {1} and not any(window.pad) and window.size == window.out
    return plain and window.plane % 4 == 0


def implicit_gemm(item: Item, builder: ProgramBuilder, window: Window, operands: Operands) -> None:
    """conv.hip."""
    pointwise = _is_pointwise(window)
    n, z = (window.plane, window.batch * window.groups) if pointwise else (window.batch * window.plane, window.groups)
    m = window.out_channels
    tile = tiles.choose(m, n, z, builder.target.card().compute_units)
    prologue, epilogue = item.prologue(1), item.epilogue(1)
    k_size = window.in_channels * window.taps
    w_k = ir.shape(operands.weight)[1] if window.packed else 1
    w_group, w_column = (k_size * w_k, 1) if window.packed else (k_size * m, k_size)
    parameters = tile.defines() | {
        "KH": window.kernel[0],
        "KW": window.kernel[1],
        "MODE": _mode(window, tile),
        "LAYOUT_A": gemm.VECTORS if window.packed else gemm.COLUMNS,
        "VECTOR_C": int(window.plane % 4 == 0),
        "BIAS": int(operands.bias is not None),
    }
    sizes = (m, n, window.groups, *magic(window.groups), w_group, w_column, w_k, window.in_channels, *window.size, window.out[1])
    steps = (window.plane, *window.stride, *window.dilation, *(pad % (1 << 32) for pad in window.pad))
    builder.launch(
        conv.CONV,
        parameters,
        item=item,
        grid=(-(-n // tile.n), -(-m // tile.m), z),
        arguments=(
            *operands.arguments(item.node),
            *sizes,
            *steps,
            *magic(window.out[1]),
            *magic(window.plane),
            *operands.bias_argument,
            *prologue.operands,
            *epilogue.operands,
        ),
        writes=(item.node,),
        flops=2 * window.multiply_adds + epilogue.flops * math.prod(item.shape),
        prelude=prologue.text + epilogue.text,
        hint="_".join(filter(None, (f"{window.kernel[0]}x{window.kernel[1]}", tile.name, epilogue.hint))),
        block=(tile.lanes, 1, 1),
    )
