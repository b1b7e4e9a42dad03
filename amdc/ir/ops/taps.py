"""Which input elements, with which weights, make each output element of a resize along one dimension.

Every mode of ONNX Resize is separable, so a resize is a weighted sum of `taps` elements for each dimension in turn. Coordinates
are computed in float32, as runtimes do, so that ties of the nearest modes fall the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Array = np.ndarray
F32 = np.float32

# PyTorch's interpolations: mode, where coordinates lie (without align_corners), which neighbour is nearest.
UPSAMPLES = {
    **{f"upsample_nearest{rank}d": ("nearest", "asymmetric", "floor") for rank in (1, 2, 3)},
    **{f"_upsample_nearest_exact{rank}d": ("nearest", "half_pixel", "round_prefer_ceil") for rank in (1, 2, 3)},
    "upsample_linear1d": ("linear", "half_pixel", "floor"),
    "upsample_bilinear2d": ("linear", "half_pixel", "floor"),
    "upsample_trilinear3d": ("linear", "half_pixel", "floor"),
    "upsample_bicubic2d": ("cubic", "half_pixel", "floor"),
    "_upsample_bilinear2d_aa": ("linear", "half_pixel", "floor"),
    "_upsample_bicubic2d_aa": ("cubic", "half_pixel", "floor"),
}


def cubic_coefficient(antialias: bool) -> float:
    """The `a` of the cubic kernel (Keys 1981) in PyTorch, which antialiases as Pillow does, and else interpolates as OpenCV."""
    return -0.5 if antialias else -0.75


@dataclass(frozen=True)
class Rule:
    """What all dimensions of a resize share: the attributes of ONNX Resize under their own names."""

    mode: str  # nearest, linear, cubic
    coordinate_transformation_mode: str
    nearest_mode: str  # round_prefer_floor, round_prefer_ceil, floor, ceil; simple: floor, but ceil for scales below 1
    cubic_coeff_a: float
    exclude_outside: bool
    antialias: bool


@dataclass(frozen=True)
class Taps:
    """`indices` and `weights`: size x taps. `outside`: the output elements that take the extrapolation value, or None."""

    indices: Array
    weights: Array
    outside: Array | None


def resize_taps(extent: int, size: int, scale: float, rule: Rule, roi: tuple[float, float] = (0.0, 1.0)) -> Taps:
    """The taps for one dimension of `extent` elements that becomes `size`; `scale` is the nominal size / extent."""
    x = coordinates(extent, size, scale, rule.coordinate_transformation_mode, roi)
    crop = rule.coordinate_transformation_mode == "tf_crop_and_resize"
    outside = (x < 0) | (x > extent - 1) if crop else None
    if rule.mode == "nearest":
        indices, weights = _nearest(x, scale, rule.nearest_mode)[:, None], np.ones((size, 1), F32)
    else:
        indices, weights = _weighted(x, scale, rule)
    inside = (indices >= 0) & (indices < extent)
    if rule.exclude_outside:
        weights = np.where(inside, weights, F32(0))
        weights = weights / weights.sum(1, keepdims=True)
    return Taps(np.clip(indices, 0, extent - 1), weights.astype(F32), outside)


def coordinates(extent: int, size: int, scale: float, mode: str, roi: tuple[float, float]) -> Array:
    """The position in the input that each output element stands for (the table under coordinate_transformation_mode)."""
    y, factor = np.arange(size, dtype=F32), F32(scale)
    half_pixel = (y + F32(0.5)) / factor - F32(0.5)
    if mode == "half_pixel":
        return half_pixel
    if mode == "pytorch_half_pixel":
        return half_pixel if size > 1 else np.zeros(size, F32)
    if mode == "half_pixel_symmetric":
        return F32(extent / 2) * (F32(1) - F32(size) / (factor * F32(extent))) + half_pixel
    if mode == "asymmetric":
        return y / factor
    if mode == "align_corners":
        return y * F32(extent - 1) / F32(size - 1) if size > 1 else np.zeros(size, F32)
    if mode == "tf_half_pixel_for_nn":
        return (y + F32(0.5)) / factor
    if mode == "tf_crop_and_resize":
        start, end, span = F32(roi[0]), F32(roi[1]), F32(extent - 1)
        if size > 1:
            return start * span + y * (end - start) * span / F32(size - 1)
        return np.full(size, F32(0.5) * (start + end) * span, F32)
    raise ValueError(f"coordinate_transformation_mode '{mode}' is unknown")


def _nearest(x: Array, scale: float, mode: str) -> Array:
    if mode == "simple":
        mode = "ceil" if scale < 1 else "floor"
    rounded = {
        "round_prefer_floor": lambda: np.ceil(x - F32(0.5)),
        "round_prefer_ceil": lambda: np.floor(x + F32(0.5)),
        "floor": lambda: np.floor(x),
        "ceil": lambda: np.ceil(x),
    }
    if mode not in rounded:
        raise ValueError(f"nearest_mode '{mode}' is unknown")
    return rounded[mode]().astype(np.int64)


def _weighted(x: Array, scale: float, rule: Rule) -> tuple[Array, Array]:
    """Linear and cubic: the filter around x; when it shrinks with antialias, the filter is as wide as the output's pixels."""
    if rule.mode not in ("linear", "cubic"):
        raise ValueError(f"mode '{rule.mode}' is unknown")
    narrow = min(scale, 1.0) if rule.antialias else 1.0
    radius = (1 if rule.mode == "linear" else 2) / narrow
    first = int(np.floor(-radius)) + 1
    offsets = np.arange(first, 2 - first)
    base = np.floor(x)
    distance = np.abs(offsets[None, :].astype(F32) - (x - base)[:, None]) * F32(narrow)
    weights = np.maximum(1 - distance, 0) if rule.mode == "linear" else _cubic(distance, rule.cubic_coeff_a)
    if rule.antialias:
        weights = weights / weights.sum(1, keepdims=True)
    return base.astype(np.int64)[:, None] + offsets[None, :], weights


def _cubic(d: Array, a: float) -> Array:
    """Cubic convolution at distance d (Keys 1981)."""
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0)).astype(F32)
