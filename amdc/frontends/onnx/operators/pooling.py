"""Max, average and Lp pooling, over windows and over whole planes.

aten pads both sides alike, by at most half a window. What it cannot express becomes a constant_pad_nd before the pooling and, for
averages that leave the padding out, a product with a constant plane that corrects the divisors.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from amdc.frontends.onnx.operators.window import Window, pad_explicitly, spatial
from amdc.frontends.onnx.registry import onnx_op

aten = torch.ops.aten
MAX_POOL = {2: aten.max_pool2d_with_indices.default, 3: aten.max_pool3d_with_indices.default}
AVG_POOL = {2: aten.avg_pool2d.default, 3: aten.avg_pool3d.default}


def _positions(window: Window, extents: list[int], ceil_mode: bool) -> list[int]:
    """How many positions aten gives a pooling that pads `window.begin` on both sides."""
    counts = []
    for extent, k, s, d, pad in zip(extents, window.kernel, window.strides, window.dilations, window.begin, strict=True):
        room = extent + 2 * pad - (k - 1) * d - 1
        count = (-(-room // s) if ceil_mode else room // s) + 1
        counts.append(count - 1 if ceil_mode and (count - 1) * s >= extent + pad else count)
    return counts


def _ceil_mode(window: Window, extents: list[int]) -> bool | None:
    """The ceil_mode with which aten's symmetric padding visits the window's positions; None where neither does."""
    if any(pad * 2 > k for pad, k in zip(window.begin, window.kernel, strict=True)):
        return None
    return next((ceil for ceil in (False, True) if _positions(window, extents, ceil) == window.positions), None)


def _reach(window: Window, extents: list[int]) -> list[int]:
    """The padding behind with which the last position just fits (negative: elements that no window reads)."""
    rows = zip(extents, window.kernel, window.strides, window.dilations, window.begin, window.positions, strict=True)
    return [(n - 1) * s + (k - 1) * d + 1 - extent - pad for extent, k, s, d, pad, n in rows]


def _planar(x: Tensor, kernel: list[int], *lists: list[int] | None) -> tuple[Tensor, list[int], list[list[int] | None]]:
    """Rows (N, C, W) as planes of height 1, so that 2-d pooling serves; pads are a pair per dimension, the rest one number."""
    if spatial(x) != 1:
        return x, kernel, list(lists)
    grown = [v if v is None else [1, *v] if len(v) == 1 else [0, v[0], 0, v[1]] for v in lists]
    return x.unsqueeze(2), [1, *kernel], grown


def _max_pool(x: Tensor, window: Window) -> tuple[Tensor, Tensor]:
    """Values, and the indices in each plane. Padding never wins."""
    extents = list(x.shape[2:])
    ceil = _ceil_mode(window, extents)
    pool = MAX_POOL[len(extents)]
    if ceil is not None:
        return pool(x, window.kernel, window.strides, window.begin, window.dilations, ceil)
    lowest = float("-inf") if x.is_floating_point() else torch.iinfo(x.dtype).min
    padded = pad_explicitly(x, window, lowest, _reach(window, extents))
    values, places = pool(padded, window.kernel, window.strides, [0] * len(extents), window.dilations, False)
    return values, _moved(places, list(padded.shape[2:]), extents, window.begin, range(len(extents)))


def _moved(places: Tensor, grown: list[int], extents: list[int], begin: list[int], order: Iterable[int]) -> Tensor:
    """Row-major places in planes of `grown` extents, as places in the planes without the padding, read in the given order."""
    rest, coordinates = places, [places] * len(grown)
    for d in reversed(range(len(grown))):
        coordinates[d] = torch.remainder(rest, grown[d]) - begin[d]
        rest = torch.div(rest, grown[d], rounding_mode="floor")
    moved: Tensor | int = 0
    for d in order:
        moved = moved * extents[d] + coordinates[d]
    assert isinstance(moved, Tensor)
    return moved


@onnx_op("MaxPool")
def max_pool(
    x: Tensor,
    /,
    *,
    kernel_shape: list[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    storage_order: int = 0,
    strides: list[int] | None = None,
    output_count: int = 1,
) -> Tensor | tuple[Tensor, Tensor]:
    """The second output counts elements from the start of the input; with storage_order 1, column by column in each plane."""
    planes, kernel, (steps, padding, spacing) = _planar(x, kernel_shape, strides, pads, dilations)
    values, indices = _max_pool(planes, Window.of(planes, kernel, steps, padding, spacing, auto_pad, ceil_mode))
    shape = [*x.shape[:2], *values.shape[-spatial(x) :]]
    if output_count == 1:
        return values.reshape(shape)
    extents = list(planes.shape[2:])
    if storage_order:
        indices = _moved(indices, extents, extents, [0] * len(extents), reversed(range(len(extents))))
    first = torch.arange(math.prod(x.shape[:2])).reshape([*x.shape[:2], *[1] * spatial(x)]) * math.prod(x.shape[2:])
    return values.reshape(shape), indices.reshape(shape) + first


def _sum_pool(x: Tensor, window: Window, end: list[int]) -> tuple[Tensor, int]:
    """Sums over the windows of x with real zero padding, divided by the second result."""
    padded, size = pad_explicitly(x, window, 0.0, end), math.prod(window.kernel)
    zeros = [0] * len(window.kernel)
    if any(d > 1 for d in window.dilations):
        ones = torch.ones(x.shape[1], 1, *window.kernel, dtype=x.dtype)
        return torch.convolution(padded, ones, None, window.strides, zeros, window.dilations, False, zeros, x.shape[1]), 1
    return AVG_POOL[len(zeros)](padded, window.kernel, window.strides, zeros, False, True), size


def _average_pool(x: Tensor, window: Window, include_padding: bool) -> Tensor:
    extents = list(x.shape[2:])
    ceil = _ceil_mode(window, extents)
    plain = max(window.dilations) == 1 and ceil is not None and (not include_padding or window.begin == window.end)
    if plain:
        return AVG_POOL[len(extents)](x, window.kernel, window.strides, window.begin, ceil, include_padding)
    total, size = _sum_pool(x, window, _reach(window, extents))
    counted = torch.ones(1, 1, *extents, dtype=x.dtype)
    if include_padding:
        counted = pad_explicitly(counted, window, 1.0)
    reach = [r - (e if include_padding else 0) for r, e in zip(_reach(window, extents), window.end, strict=True)]
    begin = [0] * len(extents) if include_padding else window.begin
    inside = Window(window.kernel, window.strides, window.dilations, begin, reach, window.positions)
    share, share_size = _sum_pool(counted, inside, reach)
    return total * ((size / share_size) / share)


@onnx_op("AveragePool", since=7)
def average_pool(
    x: Tensor,
    /,
    *,
    kernel_shape: list[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """With count_include_pad the divisor counts padding, but never what ceil_mode lets hang over."""
    planes, kernel, (steps, padding, spacing) = _planar(x, kernel_shape, strides, pads, dilations)
    window = Window.of(planes, kernel, steps, padding, spacing, auto_pad, ceil_mode)
    result = _average_pool(planes, window, bool(count_include_pad))
    return result.reshape([*x.shape[:2], *result.shape[-spatial(x) :]])


@onnx_op("LpPool", since=2)
def lp_pool(
    x: Tensor,
    /,
    *,
    kernel_shape: list[int],
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: list[int] | None = None,
    p: int = 2,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    planes, kernel, (steps, padding, spacing) = _planar(x, kernel_shape, strides, pads, dilations)
    window = Window.of(planes, kernel, steps, padding, spacing, auto_pad, ceil_mode)
    total, size = _sum_pool(torch.pow(torch.abs(planes), p), window, _reach(window, list(planes.shape[2:])))
    result = torch.pow(total * size, 1 / p)
    return result.reshape([*x.shape[:2], *result.shape[-spatial(x) :]])


def _plane(x: Tensor) -> list[int]:
    return list(range(2, 2 + spatial(x)))


@onnx_op("GlobalAveragePool")
def global_average_pool(x: Tensor, /) -> Tensor:
    return torch.mean(x, _plane(x), keepdim=True)


@onnx_op("GlobalMaxPool")
def global_max_pool(x: Tensor, /) -> Tensor:
    return torch.amax(x, _plane(x), keepdim=True)


@onnx_op("GlobalLpPool", since=2)
def global_lp_pool(x: Tensor, /, *, p: int = 2) -> Tensor:
    return torch.pow(torch.sum(torch.pow(torch.abs(x), p), _plane(x), keepdim=True), 1 / p)
