"""Convolution and linear operators as kernels want them: explicit pads on each side, and weights in the layout of a GEMM.

amdc::convolution(x, weight, bias, stride, pads, dilation, groups)
    x [N,I,*S], weight [O,I/groups,*kernel], bias [O] or None; pads: zeros before each spatial dimension, then behind each
    (as in ONNX), so that they may differ by side.
amdc::convolution_packed(x, weight, bias, kernel, stride, pads, dilation, groups, out_channels)
    weight [groups * I/groups * prod(kernel), ld]: row (group, input channel, kernel position), column output channel of the
    group; ld = leading_dimension(O / groups), the columns behind O / groups are zero.
amdc::linear_packed(x, weight, out_features)
    x [N,K], weight [K, ld]: x @ weight[:, :out_features].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from amdc.ir.ops.register import amdc_op

WINDOW = "int[] stride, int[] pads, int[] dilation, int groups"

# A row stride that is a multiple of 2 KiB sends all rows to the same memory channels: SGEMM on an R9 Nano falls to 0.64-0.80 of
# its neighbours at K = 2048. One cache line (64 B) of padding spreads them.
CAMPING_ELEMENTS, SPREAD_ELEMENTS = 512, 16


def leading_dimension(columns: int) -> int:
    """Elements from one row of a packed weight to the next: a multiple of 4 (dwordx4 loads), never of `CAMPING_ELEMENTS`."""
    rounded = -(-columns // 4) * 4
    return rounded + SPREAD_ELEMENTS if rounded % CAMPING_ELEMENTS == 0 else rounded


def pack_matrix(matrix: Tensor) -> Tensor:
    """[K, M] with its rows padded by zeros to `leading_dimension(M)`; the matrix itself where that is M, so that most of a
    transformer's weights are held once."""
    padding = leading_dimension(matrix.shape[1]) - matrix.shape[1]
    return torch.nn.functional.pad(matrix, (0, padding)).contiguous() if padding else matrix.contiguous()


def pack_convolution_weight(weight: Tensor, groups: int) -> Tensor:
    """[O, I/groups, *kernel] as `amdc::convolution_packed` takes it."""
    per_group = weight.reshape(groups, weight.shape[0] // groups, -1)  # group, output channel, (input channel, position)
    return pack_matrix(per_group.transpose(1, 2).reshape(-1, per_group.shape[1]))


def unpack_convolution_weight(packed: Tensor, kernel: Sequence[int], groups: int, out_channels: int) -> Tensor:
    """What `pack_convolution_weight` packed: [O, I/groups, *kernel]."""
    per_group = out_channels // groups
    rows = packed[:, :per_group].reshape(groups, packed.shape[0] // groups, per_group)
    return rows.transpose(1, 2).reshape(out_channels, packed.shape[0] // groups // math.prod(kernel), *kernel)


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: list[int], pads: list[int], dilation: list[int], groups: int
) -> Tensor:
    rank = len(stride)
    before, behind = pads[:rank], pads[rank:]
    if before != behind:
        sides = [side for axis in reversed(range(rank)) for side in (before[axis], behind[axis])]  # last dimension first
        x, before = torch.constant_pad_nd(x, sides, 0), [0] * rank
    return torch.convolution(x, weight, bias, stride, before, dilation, False, [0] * rank, groups)


@amdc_op(f"convolution(Tensor x, Tensor weight, Tensor? bias, {WINDOW}) -> Tensor")
def convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None, stride: list[int], pads: list[int], dilation: list[int], groups: int
) -> Tensor:
    return convolve(x, weight, bias, stride, pads, dilation, groups)


@amdc_op(f"convolution_packed(Tensor x, Tensor weight, Tensor? bias, int[] kernel, {WINDOW}, int out_channels) -> Tensor")
def convolution_packed(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    kernel: list[int],
    stride: list[int],
    pads: list[int],
    dilation: list[int],
    groups: int,
    out_channels: int,
) -> Tensor:
    unpacked = unpack_convolution_weight(weight, kernel, groups, out_channels)
    return convolve(x, unpacked, bias, stride, pads, dilation, groups)


@amdc_op("linear_packed(Tensor x, Tensor weight, int out_features) -> Tensor")
def linear_packed(x: Tensor, weight: Tensor, out_features: int) -> Tensor:
    return torch.mm(x, weight[:, :out_features])
