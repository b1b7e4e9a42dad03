"""Padding and cropping."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported, onnx_op


@onnx_op("Pad", since=2)
def pad_attributes(x: Tensor, /, *, pads: list[int], mode: str = "constant", value: float = 0.0) -> Tensor:
    return pad(x, pads, value, mode=mode)


@onnx_op("Pad", since=11, static=("pads", "value", "axes"))
def pad(
    x: Tensor,
    pads: list[int],
    value: float | list[float] | None = None,
    axes: list[int] | None = None,
    /,
    *,
    mode: str = "constant",
) -> Tensor:
    """`pads`: all begins, then all ends; negative ones crop."""
    places = list(range(x.dim())) if axes is None else [axis % x.dim() for axis in axes]
    if len(pads) != 2 * len(places):
        raise NotSupported(f"pads {pads} must hold {2 * len(places)} numbers")
    begin, end = [0] * x.dim(), [0] * x.dim()
    for i, axis in enumerate(places):
        begin[axis], end[axis] = pads[i], pads[len(places) + i]
    if mode == "constant":
        fill = value[0] if isinstance(value, list) else value
        amounts = [amount for pair in zip(reversed(begin), reversed(end), strict=True) for amount in pair]
        return torch.constant_pad_nd(x, amounts, 0 if fill is None else fill) if any(amounts) else x
    for axis in places:
        if begin[axis] or end[axis]:
            x = torch.index_select(x, axis, _border(x.shape[axis], begin[axis], end[axis], mode))
    return x


def _border(extent: int, begin: int, end: int, mode: str) -> Tensor:
    """The input position of each padded position."""
    positions = torch.arange(-begin, extent + end)
    if mode == "edge":
        return positions.clamp(0, extent - 1)
    if mode == "wrap":
        return positions % extent
    if mode == "reflect":
        period = max(2 * (extent - 1), 1)
        folded = positions % period
        return torch.where(folded < extent, folded, period - folded)
    raise NotSupported(f"mode '{mode}' is unknown")


@onnx_op("CenterCropPad", since=18, static=("shape",))
def center_crop_pad(x: Tensor, shape: list[int], /, *, axes: list[int] | None = None) -> Tensor:
    """Crops or zero-pads around the centre; an odd element goes behind when padding and is cut behind when cropping."""
    places = list(range(x.dim())) if axes is None else [axis % x.dim() for axis in axes]
    begin, end = [], []
    for axis, size in zip(places, shape, strict=True):
        more = size - x.shape[axis]
        begin.append(more // 2 if more >= 0 else -(-more // 2))
        end.append(more - begin[-1])
    return pad(x, begin + end, None, places)
