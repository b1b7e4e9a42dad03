"""Reading images at computed positions, the grids of such positions, and putting pooled elements back."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.onnx.operators.window import kernel_of, spatial
from amdc.frontends.onnx.registry import NotSupported, onnx_op


@onnx_op("GridSample", since=16)
def grid_sample(
    x: Tensor, grid: Tensor, /, *, align_corners: int = 0, mode: str = "linear", padding_mode: str = "zeros"
) -> Tensor:
    kind = {"linear": "bilinear", "cubic": "bicubic"}.get(mode, mode)
    if spatial(x) == 2:
        return F.grid_sample(x, grid, kind, padding_mode, bool(align_corners))
    if spatial(x) != 3 or kind == "bicubic":
        raise NotSupported(f"mode '{mode}' on {spatial(x)} spatial dimensions is not supported")
    return torch.ops.amdc.grid_sample.default(x, grid, kind, padding_mode, bool(align_corners))


@onnx_op("AffineGrid", since=20, static=("size",))
def affine_grid(theta: Tensor, size: list[int], /, *, align_corners: int = 0) -> Tensor:
    """theta [N,2,3] or [N,3,4] applied to the positions of an image of `size` (N, C, spatial...): [N, spatial..., 2 or 3]."""
    axes = [_axis(extent, bool(align_corners)) for extent in size[2:]]
    places = [grid.reshape(-1) for grid in reversed(torch.meshgrid(*axes, indexing="ij"))]  # x first
    points = torch.stack([*places, torch.ones_like(places[0])]).to(theta.dtype)
    moved = torch.matmul(theta, points)  # N, coordinate, point
    return moved.transpose(1, 2).reshape(size[0], *size[2:], len(axes))


def _axis(extent: int, align_corners: bool) -> Tensor:
    """The positions of the elements between -1 and 1: the ends are the first and the last centre, or their outer edges."""
    steps = torch.arange(extent, dtype=torch.float64)
    return steps * (2 / max(extent - 1, 1)) - 1 if align_corners else (2 * steps + 1) / extent - 1


@onnx_op("RoiAlign", since=10)
def roi_align_10(
    x: Tensor,
    rois: Tensor,
    batch_indices: Tensor,
    /,
    *,
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Tensor:
    """Before opset 16 positions count from pixels' edges."""
    return roi_align(
        x,
        rois,
        batch_indices,
        coordinate_transformation_mode="output_half_pixel",
        mode=mode,
        output_height=output_height,
        output_width=output_width,
        sampling_ratio=sampling_ratio,
        spatial_scale=spatial_scale,
    )


@onnx_op("RoiAlign", since=16)
def roi_align(
    x: Tensor,
    rois: Tensor,
    batch_indices: Tensor,
    /,
    *,
    coordinate_transformation_mode: str = "half_pixel",
    mode: str = "avg",
    output_height: int = 1,
    output_width: int = 1,
    sampling_ratio: int = 0,
    spatial_scale: float = 1.0,
) -> Tensor:
    if mode not in ("avg", "max"):
        raise NotSupported(f"mode '{mode}' is unknown")
    half_pixel = coordinate_transformation_mode == "half_pixel"
    size = output_height, output_width, sampling_ratio
    return torch.ops.amdc.roi_align.default(x, rois, batch_indices, *size, spatial_scale, mode, half_pixel)


@onnx_op("DeformConv", since=19)
def deform_conv(
    x: Tensor,
    weight: Tensor,
    offset: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    /,
    *,
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    offset_group: int = 1,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """Columns sampled at moved positions, then a matrix product a group: x [N,C,H,W], weight [M, C / group, kh, kw]."""
    if spatial(x) != 2:
        raise NotSupported(f"{spatial(x)} spatial dimensions are not supported, only 2")
    kernel = kernel_of(weight, kernel_shape)
    columns = torch.ops.amdc.deform_columns.default(
        x, offset, mask, kernel, strides or [1, 1], pads or [0] * 4, dilations or [1, 1], offset_group
    )
    taps = math.prod(weight.shape[1:])
    grouped = columns.reshape(x.shape[0], group, taps, columns.shape[2])
    product = torch.matmul(weight.reshape(1, group, weight.shape[0] // group, taps), grouped)
    result = product.reshape(x.shape[0], weight.shape[0], *offset.shape[2:])
    return result if bias is None else result + bias.reshape(-1, 1, 1)


@onnx_op("MaxUnpool", since=9, static=("output_shape",))
def max_unpool(
    x: Tensor,
    indices: Tensor,
    output_shape: list[int] | None = None,
    /,
    *,
    kernel_shape: list[int],
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """Elements put where the pooling found them, zero elsewhere; the indices count through the whole tensor before pooling."""
    rank = len(kernel_shape)
    pads, strides = pads or [0] * (2 * rank), strides or [1] * rank
    rows = zip(x.shape[2:], strides, pads[:rank], pads[rank:], kernel_shape, strict=True)
    pooled = [*x.shape[:2], *((extent - 1) * s - before - behind + k for extent, s, before, behind, k in rows)]
    empty = torch.zeros(math.prod(pooled), dtype=x.dtype)
    filled = torch.scatter(empty, 0, indices.reshape(-1).to(torch.int64), x.reshape(-1)).reshape(pooled)
    if output_shape is None or output_shape == pooled:
        return filled
    amounts = [n for extent, wanted in zip(reversed(pooled), reversed(output_shape), strict=True) for n in (0, wanted - extent)]
    return torch.constant_pad_nd(filled, amounts, 0)
