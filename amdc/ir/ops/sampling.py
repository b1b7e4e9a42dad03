"""Reading feature maps at computed positions by bilinear interpolation: region pooling, deformable convolution, volumes."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from amdc.ir.ops.register import amdc_op


def _corners(image: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """[4, C, P]: the four neighbours of each position times their bilinear weights; image [C,H,W], y and x [P] inside it."""
    height, width = image.shape[1:]
    flat = image.reshape(image.shape[0], -1)
    top, left = torch.floor(y), torch.floor(x)
    parts = []
    for row, row_weight in ((top, 1 - (y - top)), (top + 1, y - top)):
        for column, column_weight in ((left, 1 - (x - left)), (left + 1, x - left)):
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            places = (row.clamp(0, height - 1) * width + column.clamp(0, width - 1)).to(torch.int64)
            parts.append(flat[:, places] * (row_weight * column_weight * inside))
    return torch.stack(parts)


@amdc_op(
    "roi_align(Tensor x, Tensor rois, Tensor batch_indices, int height, int width, int sampling_ratio, float spatial_scale, "
    "str mode, bool half_pixel) -> Tensor",
    shape=lambda x, rois, places, height, width, *_: (rois.shape[0], x.shape[1], height, width),
)
def roi_align(
    x: Tensor,
    rois: Tensor,
    batch_indices: Tensor,
    height: int,
    width: int,
    sampling_ratio: int,
    spatial_scale: float,
    mode: str,
    half_pixel: bool,
) -> Tensor:
    """Regions pooled to height x width (He et al. 2017): x [N,C,H,W], rois [R,4] x1, y1, x2, y2, batch_indices [R].

    Each bin takes sampling_ratio^2 samples, or as many as it has pixels (rounded up) where that is 0. mode "avg": their mean;
    "max": the largest of the weighted neighbours, as ONNX has it. A sample more than a pixel outside is 0.
    """
    offset = 0.5 if half_pixel else 0.0
    pooled = []
    for roi, image in zip(rois * spatial_scale - offset, batch_indices, strict=True):
        start, extent = roi[:2], roi[2:] - roi[:2]
        extent = extent if half_pixel else torch.clamp(extent, min=1.0)
        step_x, step_y = extent[0] / width, extent[1] / height
        count_y, count_x = (sampling_ratio or math.ceil(float(step)) for step in (step_y, step_x))
        y = _positions(start[1], step_y, height, count_y)
        x_ = _positions(start[0], step_x, width, count_x)
        pooled.append(_pool_roi(x[int(image)], y, x_, (height, count_y, width, count_x), mode))
    return torch.stack(pooled) if pooled else x.new_empty(0, x.shape[1], height, width)


def _positions(start: Tensor, step: Tensor, bins: int, count: int) -> Tensor:
    """The coordinates of `count` evenly spaced samples in each bin."""
    shares = (torch.arange(count) + 0.5) / max(count, 1)
    return (start + (torch.arange(bins)[:, None] + shares[None, :]) * step).reshape(-1)


def _pool_roi(image: Tensor, y: Tensor, x: Tensor, layout: tuple[int, int, int, int], mode: str) -> Tensor:
    """[C, height, width] from samples at the product of the coordinates; layout: height, samples, width, samples."""
    height, width = image.shape[1:]
    rows, columns = (grid.reshape(-1) for grid in torch.meshgrid(y, x, indexing="ij"))
    inside = (rows >= -1) & (rows <= height) & (columns >= -1) & (columns <= width)
    corners = _corners(image, rows.clamp(0, height - 1), columns.clamp(0, width - 1)) * inside
    if mode == "max":
        return corners.amax(0).reshape(-1, *layout).amax((2, 4)).to(image.dtype)
    samples = corners.sum(0).reshape(-1, *layout).sum((2, 4))
    return (samples / max(layout[1] * layout[3], 1)).to(image.dtype)


def _columns_shape(x: Tensor, offset: Tensor, mask: Tensor | None, kernel: list[int], *_: object) -> tuple[int, ...]:
    return x.shape[0], x.shape[1] * math.prod(kernel), math.prod(offset.shape[2:])


@amdc_op(
    "deform_columns(Tensor x, Tensor offset, Tensor? mask, int[] kernel, int[] stride, int[] pads, int[] dilation, "
    "int offset_groups) -> Tensor",
    shape=_columns_shape,
)
def deform_columns(
    x: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    kernel: list[int],
    stride: list[int],
    pads: list[int],
    dilation: list[int],
    offset_groups: int,
) -> Tensor:
    """What a deformable convolution multiplies by its weights (Zhu et al. 2019): x [N,C,H,W] gives [N, C kh kw, OH OW].

    offset [N, groups kh kw 2, OH, OW] moves each tap by (y, x); mask [N, groups kh kw, OH, OW] scales it. Outside x is 0.
    """
    batch, channels = x.shape[:2]
    taps, (rows, columns) = math.prod(kernel), offset.shape[2:]
    moves = offset.reshape(batch, offset_groups, taps, 2, rows, columns)
    base = _tap_positions(kernel, stride, pads, dilation, rows, columns)
    parts = []
    for n in range(batch):
        for group, image in enumerate(x[n].split(channels // offset_groups)):
            y, x_ = ((base[i] + moves[n, group, :, i]).reshape(-1) for i in range(2))
            samples = _corners(image, y, x_).sum(0).reshape(-1, taps, rows * columns)
            if mask is not None:
                samples = samples * mask.reshape(batch, offset_groups, 1, taps, rows * columns)[n, group]
            parts.append(samples.reshape(-1, rows * columns))
    return torch.cat(parts).reshape(batch, channels * taps, rows * columns).to(x.dtype)


def _tap_positions(
    kernel: list[int], stride: list[int], pads: list[int], dilation: list[int], rows: int, columns: int
) -> tuple[Tensor, Tensor]:
    """Row and column [taps, rows, columns] that each tap of each window reads before it is moved."""

    def axis(d: int, count: int) -> Tensor:
        return torch.arange(kernel[d])[:, None] * dilation[d] + torch.arange(count)[None, :] * stride[d] - pads[d]

    shape = (*kernel, rows, columns)
    y, x = axis(0, rows)[:, None, :, None], axis(1, columns)[None, :, None, :]
    return y.expand(shape).reshape(-1, rows, columns), x.expand(shape).reshape(-1, rows, columns)


@amdc_op(
    "grid_sample(Tensor x, Tensor grid, str mode, str padding_mode, bool align_corners) -> Tensor",
    shape=lambda x, grid, *_: (*x.shape[:2], *grid.shape[1:-1]),
)
def grid_sample(x: Tensor, grid: Tensor, mode: str, padding_mode: str, align_corners: bool) -> Tensor:
    """x [N,C,D,H,W] read at grid [N,d,h,w,3] (x, y, z in -1..1); modes as in torch.nn.functional.grid_sample."""
    return F.grid_sample(x, grid, mode, padding_mode, align_corners)
