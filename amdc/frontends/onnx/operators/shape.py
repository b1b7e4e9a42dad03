"""Operators that move, select or copy elements without computing on them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from amdc.frontends.onnx.operators.random import generator
from amdc.frontends.onnx.registry import NotSupported, onnx_op


@onnx_op("Identity")
def identity(x: Tensor, /) -> Tensor:
    return x


@onnx_op("Dropout", since=7)
def dropout_attribute(x: Tensor, /, *, ratio: float = 0.5) -> tuple[Tensor, Tensor]:
    """Nothing is dropped in inference; the mask is all true."""
    return x, torch.ones(tuple(x.shape), dtype=torch.bool)


@onnx_op("Dropout", since=12, static=("ratio", "training"))
def dropout(
    x: Tensor, ratio: float | None = None, training: bool | None = None, /, *, seed: int | None = None
) -> tuple[Tensor, Tensor]:
    """In training mode elements are dropped by a mask that is drawn at import."""
    share = 0.5 if ratio is None else ratio
    if not training or share == 0.0:
        return x, torch.ones(tuple(x.shape), dtype=torch.bool)
    mask = torch.from_numpy(np.asarray(generator(seed).uniform(0, 1, tuple(x.shape)) >= share))
    return torch.where(mask, x * (1 / (1 - share)), 0.0).to(x.dtype), mask


@onnx_op("Reshape", since=5, static=("shape",))
def reshape(x: Tensor, shape: list[int], /, *, allowzero: int = 0) -> Tensor:
    """0 keeps an extent (unless allowzero), -1 is what remains."""
    extents = [x.shape[i] if extent == 0 and not allowzero else extent for i, extent in enumerate(shape)]
    return x.reshape(extents)


@onnx_op("Flatten")
def flatten(x: Tensor, /, *, axis: int = 1) -> Tensor:
    axis = axis + x.dim() if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), math.prod(x.shape[axis:]))


@onnx_op("Transpose")
def transpose(x: Tensor, /, *, perm: list[int] | None = None) -> Tensor:
    return x.permute(perm if perm is not None else list(range(x.dim()))[::-1])


@onnx_op("Squeeze")
def squeeze_attribute(x: Tensor, /, *, axes: list[int] | None = None) -> Tensor:
    return squeeze(x, axes)


@onnx_op("Squeeze", since=13, static=("axes",))
def squeeze(x: Tensor, axes: list[int] | None = None, /) -> Tensor:
    dims = [d for d in range(x.dim()) if x.shape[d] == 1] if axes is None else [axis % x.dim() for axis in axes]
    wrong = [d for d in dims if x.shape[d] != 1]
    if wrong:
        raise NotSupported(f"axis {wrong[0]} has {x.shape[wrong[0]]} elements and cannot be squeezed")
    return x.reshape([extent for d, extent in enumerate(x.shape) if d not in dims])


@onnx_op("Unsqueeze")
def unsqueeze_attribute(x: Tensor, /, *, axes: list[int]) -> Tensor:
    return unsqueeze(x, axes)


@onnx_op("Unsqueeze", since=13, static=("axes",))
def unsqueeze(x: Tensor, axes: list[int] | int, /) -> Tensor:
    places = [axes] if isinstance(axes, int) else axes
    rank = x.dim() + len(places)
    extents = iter(x.shape)
    new = {axis % rank for axis in places}
    return x.reshape([1 if d in new else next(extents) for d in range(rank)])


@onnx_op("Concat", since=4)
def concat(*parts: Tensor, axis: int) -> Tensor:
    return torch.cat(parts, axis)


@onnx_op("Split", since=2)
def split_attribute(x: Tensor, /, *, axis: int = 0, split: list[int] | None = None, output_count: int = 1) -> tuple[Tensor, ...]:
    return split_sizes(x, split, axis=axis, output_count=output_count)


@onnx_op("Split", since=13, static=("split",))
def split_sizes(
    x: Tensor, split: list[int] | None = None, /, *, axis: int = 0, num_outputs: int | None = None, output_count: int = 1
) -> tuple[Tensor, ...]:
    """Without sizes, equal parts, the last one smaller."""
    if split is None:
        extent, count = x.shape[axis], num_outputs or output_count
        part = -(-extent // count)
        split = [min(part, extent - i * part) for i in range(count)]
    return tuple(torch.split(x, split, axis))


@onnx_op("Slice", since=1)
def slice_attributes(x: Tensor, /, *, starts: list[int], ends: list[int], axes: list[int] | None = None) -> Tensor:
    return slice_(x, starts, ends, axes)


@onnx_op("Slice", since=10, static=("starts", "ends", "axes", "steps"))
def slice_(
    x: Tensor, starts: list[int], ends: list[int], axes: list[int] | None = None, steps: list[int] | None = None, /
) -> Tensor:
    """Negative steps read backwards: the reversed dimension is sliced with the mirrored bounds."""
    places, strides = axes or list(range(len(starts))), steps or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, places, strides, strict=True):
        extent = x.shape[axis]
        chosen = range(extent)[slice(start, end if end >= -extent or step > 0 else None, step)]
        if step < 0:
            x = torch.flip(x, [axis % x.dim()])
            chosen = range(extent - 1 - chosen.start, extent - 1 - chosen.stop, -step)
        if (chosen.start, len(chosen), chosen.step) != (0, extent, 1):
            x = torch.ops.aten.slice.Tensor(x, axis, chosen.start, max(chosen.stop, chosen.start), chosen.step)
    return x


@onnx_op("Expand", since=8, static=("shape",))
def expand(x: Tensor, shape: list[int], /) -> Tensor:
    return x.expand(torch.broadcast_shapes(tuple(x.shape), tuple(shape)))


@onnx_op("Tile", since=6, static=("repeats",))
def tile(x: Tensor, repeats: list[int], /) -> Tensor:
    return x.repeat(repeats)
