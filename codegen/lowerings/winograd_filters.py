"""The filters of a 3x3 convolution as Winograd's F(2x2, 3x3) multiplies them.

Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016): a 2x2 tile of outputs is
A^T ((G g G^T) * (B^T d B)) A, with d the 4x4 inputs under it: 16 products instead of 36.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.lowerings.convolution_window import Operands, Window
from amdc.ir import graph as ir
from amdc.ir.arrays import to_numpy
from amdc.ir.ops.packed import unpack_convolution_weight

G = np.array([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]])
POINTS = 16
SKEW = 64  # floats between the filters of two waves, which start together: else all would read the same channel of L2


def plain_weights(builder: ProgramBuilder, window: Window, operands: Operands) -> np.ndarray:
    """The constant weights of a convolution as [O, I/groups, *kernel], however the graph holds them."""
    held = ir.constant(builder.graph, operands.weight)
    if operands.packed:
        held = unpack_convolution_weight(held, window.kernel, window.groups, window.groups * window.out_channels)
    return to_numpy(held.to(torch.float64))


def arrange(weights: np.ndarray, groups: int, filters: int, channels: int, parts: int, tail: int) -> np.ndarray:
    """The transformed filters [O, I/groups, 3, 3] in the order in which kernels/hip/winograd.hip reads them, as float32.

    [group][block of `filters`][part][channel][row of the 4x4 points][filter of the block][column of the points]: what one wave
    needs is contiguous, and SKEW floats lie behind it. Channels and filters are padded with zeros to `channels`, a multiple of
    `parts`, and a multiple of `filters`; `tail` more floats follow, which the kernel fetches ahead.
    """
    outs, ins = weights.shape[0] // groups, weights.shape[1]
    points = G @ weights.astype(np.float64) @ G.T
    blocks = -(-outs // filters)
    padded = np.zeros((groups, blocks * filters, channels, 4, 4))
    padded[:, :outs, :ins] = points.reshape(groups, outs, ins, 4, 4)
    ordered = padded.reshape(groups, blocks, filters, channels, 4, 4).transpose(0, 1, 3, 4, 2, 5)
    streams = ordered.reshape(groups * blocks * parts, -1)
    skewed = np.concatenate([streams, np.zeros((len(streams), SKEW))], axis=1)
    return np.concatenate([skewed.reshape(-1), np.zeros(tail)]).astype(np.float32)


def arrange_stages(weights: np.ndarray, groups: int, filters: int, channels: int, parts: int) -> np.ndarray:
    """The transformed filters [O, I/groups, 3, 3] as stages of kernels/hip/winograd_lds.hip lie in its LDS, as float32.

    [group][block of `filters`][part][stage][channel][point][filter of the block], SKEW floats behind each part. The rows
    of the 4x4 points are in the order 0, 1, 3, 2, row 3 negated, as the kernel transforms its inputs. Channels are padded with
    zeros to `channels`, a multiple of `parts` stages, and filters to a multiple of `filters`.
    """
    outs, ins = weights.shape[0] // groups, weights.shape[1]
    points = (G @ weights.astype(np.float64) @ G.T)[:, :, [0, 1, 3, 2]] * np.array([1, 1, -1, 1])[:, None]
    blocks = -(-outs // filters)
    padded = np.zeros((groups, blocks * filters, channels, POINTS))
    padded[:, :outs, :ins] = points.reshape(groups, outs, ins, POINTS)
    ordered = padded.reshape(groups, blocks, filters, channels, POINTS).transpose(0, 1, 3, 4, 2)
    streams = ordered.reshape(groups * blocks * parts, -1)
    return np.concatenate([streams, np.zeros((len(streams), SKEW))], axis=1).reshape(-1).astype(np.float32)


def transformed(
    builder: ProgramBuilder, window: Window, operands: Operands, filters: int, channels: int, parts: int, tail: int
) -> Place:
    """The transformed filters as a constant of the bundle; see `arrange`."""
    weight: Node = operands.weight
    name = f"{weight.target}_winograd{filters}x{channels}x{parts}x{window.groups}"
    weights = plain_weights(builder, window, operands)
    return builder.constant(name, arrange(weights, window.groups, filters, channels, parts, tail))
