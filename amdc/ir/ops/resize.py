"""Resizing by interpolation along any dimensions: all modes of ONNX Resize."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.register import amdc_op
from amdc.ir.ops.taps import Rule, Taps, resize_taps

SCHEMA = (
    "resize(Tensor x, int[] sizes, float[] scales, str mode, str coordinate_transformation_mode, str nearest_mode, "
    "float cubic_coeff_a, bool exclude_outside, bool antialias, float[] roi, float extrapolation_value) -> Tensor"
)


def dimension_taps(shape: tuple[int, ...], arguments: tuple[object, ...]) -> dict[int, Taps]:
    """The taps of each dimension that a resize of a tensor of this shape changes; `arguments` are the operator's after x.

    A dimension that keeps its elements has no entry. roi holds all starts, then all ends (as shares of the extent), or is empty.
    """
    sizes, scales, mode, coordinate, nearest, cubic, exclude, antialias, roi, _ = arguments
    rule = Rule(mode, coordinate, nearest, cubic, exclude, antialias)  # type: ignore[arg-type]
    starts, ends = (roi[: len(shape)], roi[len(shape) :]) if roi else ([0.0] * len(shape), [1.0] * len(shape))  # type: ignore[index]
    crop = coordinate == "tf_crop_and_resize"
    taps = {}
    for d, (extent, size, scale) in enumerate(zip(shape, sizes, scales, strict=True)):  # type: ignore[call-overload]
        if (size, scale) != (extent, 1.0) or (crop and (starts[d], ends[d]) != (0.0, 1.0)):
            taps[d] = resize_taps(extent, size, scale, rule, (starts[d], ends[d]))
    return taps


@amdc_op(SCHEMA, shape=lambda x, sizes, *_: sizes)
def resize(
    x: Tensor,
    sizes: list[int],
    scales: list[float],
    mode: str,
    coordinate_transformation_mode: str,
    nearest_mode: str,
    cubic_coeff_a: float,
    exclude_outside: bool,
    antialias: bool,
    roi: list[float],
    extrapolation_value: float,
) -> Tensor:
    """x resized to `sizes`; `scales` are the nominal ratios that map coordinates (sizes may be rounded). See amdc.ir.ops.taps."""
    arguments = (sizes, scales, mode, coordinate_transformation_mode, nearest_mode, cubic_coeff_a, exclude_outside, antialias)
    result, missing = x, None
    for d, taps in dimension_taps(tuple(x.shape), (*arguments, roi, extrapolation_value)).items():
        indices = torch.from_numpy(taps.indices)
        shape = [-1 if k in (d, d + 1) else 1 for k in range(x.dim() + 1)]
        shape[d], shape[d + 1] = indices.shape
        gathered = result.index_select(d, indices.reshape(-1)).unflatten(d, tuple(indices.shape))
        weighted = gathered if mode == "nearest" else gathered * torch.from_numpy(taps.weights).reshape(shape)
        result = weighted.sum(d + 1) if indices.shape[1] > 1 else weighted.squeeze(d + 1)
        if taps.outside is not None:
            here = torch.from_numpy(taps.outside).reshape([-1 if k == d else 1 for k in range(x.dim())])
            missing = here if missing is None else missing | here
    return result.to(x.dtype) if missing is None else torch.where(missing, extrapolation_value, result).to(x.dtype)
