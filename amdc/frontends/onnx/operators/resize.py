"""Resize and its predecessor Upsample."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.onnx.registry import NotSupported, onnx_op


def _resize(
    x: Tensor,
    sizes: list[int],
    scales: list[float],
    mode: str,
    *,
    coordinates: str,
    nearest_mode: str,
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    antialias: int = 0,
    roi: list[float] | None = None,
    extrapolation_value: float = 0.0,
) -> Tensor:
    flags = bool(exclude_outside), bool(antialias)
    return torch.ops.amdc.resize.default(
        x, sizes, scales, mode, coordinates, nearest_mode, cubic_coeff_a, *flags, roi or [], extrapolation_value
    )


def _scaled(x: Tensor, scales: list[float], axes: list[int]) -> tuple[list[int], list[float]]:
    """Sizes and scales of all dimensions from the scales of `axes`."""
    if len(scales) != len(axes):
        raise NotSupported(f"it gives {len(scales)} scales for {len(axes)} dimensions")
    per_dim = [1.0] * x.dim()
    for axis, scale in zip(axes, scales, strict=True):
        per_dim[axis] = scale
    return [math.floor(extent * scale) for extent, scale in zip(x.shape, per_dim, strict=True)], per_dim


def _sized(x: Tensor, sizes: list[int], axes: list[int], policy: str) -> tuple[list[int], list[float]]:
    """Sizes and scales of all dimensions from the sizes of `axes`; a policy other than stretch keeps the aspect ratio."""
    if len(sizes) != len(axes):
        raise NotSupported(f"it gives {len(sizes)} sizes for {len(axes)} dimensions")
    ratios = [size / x.shape[axis] for axis, size in zip(axes, sizes, strict=True)]
    result, scales = list(x.shape), [1.0] * x.dim()
    if policy != "stretch":
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        ratios = [ratio] * len(axes)
        sizes = [math.floor(ratio * x.shape[axis] + 0.5) for axis in axes]
    for axis, size, ratio in zip(axes, sizes, ratios, strict=True):
        result[axis], scales[axis] = size, ratio
    return result, scales


@onnx_op("Upsample", since=7)
def upsample_attribute(x: Tensor, /, *, scales: list[float], mode: str = "nearest") -> Tensor:
    return upsample(x, scales, mode=mode)


@onnx_op("Upsample", since=9, static=("scales",))
@onnx_op("Resize", since=10, static=("scales",))
def upsample(x: Tensor, scales: list[float], /, *, mode: str = "nearest") -> Tensor:
    """Before opset 11: coordinates are divided by the scale; nearest rounds down, but up where it shrinks, as in ONNX Runtime."""
    sizes, factors = _scaled(x, scales, list(range(x.dim())))
    kind = "linear" if mode in ("linear", "bilinear") else mode
    return _resize(x, sizes, factors, kind, coordinates="asymmetric", nearest_mode="simple")


@onnx_op("Resize", since=11, static=("roi", "scales", "sizes"))
def resize(
    x: Tensor,
    roi: list[float] | None = None,
    scales: list[float] | None = None,
    sizes: list[int] | None = None,
    /,
    *,
    antialias: int = 0,
    axes: list[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Tensor:
    places = list(range(x.dim())) if axes is None else [axis % x.dim() for axis in axes]
    if sizes:
        extents, factors = _sized(x, sizes, places, keep_aspect_ratio_policy)
    elif scales:
        extents, factors = _scaled(x, scales, places)
    else:
        raise NotSupported("it has neither scales nor sizes")
    return _resize(
        x,
        extents,
        factors,
        mode,
        coordinates=coordinate_transformation_mode,
        nearest_mode=nearest_mode,
        cubic_coeff_a=cubic_coeff_a,
        exclude_outside=exclude_outside,
        antialias=antialias,
        roi=_whole_roi(roi, places, x.dim()) if coordinate_transformation_mode == "tf_crop_and_resize" else None,
        extrapolation_value=extrapolation_value,
    )


def _whole_roi(roi: list[float] | None, axes: list[int], rank: int) -> list[float]:
    """Starts, then ends, of all dimensions; those that `axes` leaves out are kept whole."""
    if not roi or len(roi) != 2 * len(axes):
        raise NotSupported("tf_crop_and_resize needs a roi with a start and an end for each resized dimension")
    starts, ends = [0.0] * rank, [1.0] * rank
    for i, axis in enumerate(axes):
        starts[axis], ends[axis] = roi[i], roi[len(axes) + i]
    return starts + ends
