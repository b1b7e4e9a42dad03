"""Blocks of pixels to channels and back."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported, onnx_op


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
    """Columns of patches added up into an image (2-d, padded alike on both sides)."""
    spacing, padding, steps = dilations or [1, 1], pads or [0, 0, 0, 0], strides or [1, 1]
    if len(image_shape) != 2 or padding[:2] != padding[2:]:
        raise NotSupported("only 2-d images with the same padding on both sides are supported")
    return F.fold(x, tuple(image_shape), tuple(block_shape), tuple(spacing), tuple(padding[:2]), tuple(steps))
