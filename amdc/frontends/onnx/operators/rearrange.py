"""Blocks of pixels to channels and back."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from amdc.frontends.onnx.registry import onnx_op


@onnx_op("DepthToSpace")
def depth_to_space(x: Tensor, /, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """N, C, H, W to N, C / b^2, H b, W b; the block index is the outer (DCR) or the inner (CRD) part of the channel."""
    n, c, h, w = x.shape
    b, inner = blocksize, c // blocksize**2
    if mode == "DCR":
        blocks = x.reshape(n, b, b, inner, h, w).permute(0, 3, 4, 1, 5, 2)
    else:
        blocks = x.reshape(n, inner, b, b, h, w).permute(0, 1, 4, 2, 5, 3)
    return blocks.reshape(n, inner, h * b, w * b)


@onnx_op("SpaceToDepth")
def space_to_depth(x: Tensor, /, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """N, C, H, W to N, C b^2, H / b, W / b."""
    n, c, h, w = x.shape
    b = blocksize
    split = x.reshape(n, c, h // b, b, w // b, b)
    order = (0, 3, 5, 1, 2, 4) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
    return split.permute(order).reshape(n, c * b * b, h // b, w // b)


@onnx_op("Col2Im", since=18, static=("image_shape", "block_shape"))
def col2im(
    x: Tensor,
    image_shape: list[int],
    block_shape: list[int],
    /,
    *,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """Columns of patches [N, C * taps, positions] added up into an image [N, C, image...].

    What aten does not fold is a transposed convolution whose kernels hold a single one each.
    """
    rank = len(image_shape)
    spacing, padding, steps = dilations or [1] * rank, pads or [0] * (2 * rank), strides or [1] * rank
    if rank == 2 and padding[:2] == padding[2:]:
        return F.fold(x, tuple(image_shape), tuple(block_shape), tuple(spacing), tuple(padding[:2]), tuple(steps))
    taps = math.prod(block_shape)
    channels = x.shape[1] // taps
    extents = zip(image_shape, padding[:rank], padding[rank:], block_shape, spacing, steps, strict=True)
    counts = [(image + before + behind - (k - 1) * d - 1) // s + 1 for image, before, behind, k, d, s in extents]
    ones = torch.eye(taps, dtype=x.dtype).reshape(taps, 1, *block_shape).repeat(channels, *[1] * (rank + 1))
    columns, zeros = x.reshape(x.shape[0], x.shape[1], *counts), [0] * rank
    whole = torch.convolution(columns, ones, None, steps, zeros, spacing, True, zeros, channels)
    crop = [n for d in reversed(range(rank)) for n in (-padding[d], image_shape[d] + padding[d] - whole.shape[2 + d])]
    return torch.constant_pad_nd(whole, crop, 0)
