"""Windows that slide over spatial dimensions: strides, dilations, and ONNX's three ways to say how much is padded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported


def kernel_of(weight: Tensor, kernel_shape: list[int] | None) -> list[int]:
    """The extents of a convolution's kernel, which the attribute repeats. Raises NotSupported where it says something else."""
    kernel = list(weight.shape[2:])
    if kernel_shape not in (None, kernel):
        raise NotSupported(f"kernel_shape {kernel_shape} contradicts the weight's {kernel}")
    return kernel


@dataclass(frozen=True)
class Window:
    """Per spatial dimension: extent, step, distance between taps, padding before and behind, number of positions."""

    kernel: list[int]
    strides: list[int]
    dilations: list[int]
    begin: list[int]
    end: list[int]
    positions: list[int]

    @staticmethod
    def of(
        x: Tensor,
        kernel: list[int],
        strides: list[int] | None = None,
        pads: list[int] | None = None,
        dilations: list[int] | None = None,
        auto_pad: str = "NOTSET",
        ceil_mode: int = 0,
    ) -> Window:
        """The window of a node on x (N, C, spatial...), with ONNX's defaults filled in."""
        rank = spatial(x)
        if len(kernel) != rank:
            raise NotSupported(f"the kernel {kernel} does not fit an input with {rank} spatial dimensions")
        strides, dilations = strides or [1] * rank, dilations or [1] * rank
        extents = list(x.shape[2:])
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
        begin, end = _padding(extents, spans, strides, pads, auto_pad)
        room = [e + b + a - s for e, b, a, s in zip(extents, begin, end, spans, strict=True)]
        if min(room) < 0:
            raise NotSupported(
                f"the window spans {spans} elements, but the padded input has {[r + s for r, s in zip(room, spans, strict=True)]}"
            )
        positions = [_positions(*dim, ceil_mode) for dim in zip(extents, begin, room, strides, strict=True)]
        return Window(kernel, strides, dilations, begin, end, positions)


def spatial(x: Tensor) -> int:
    """The number of spatial dimensions of N, C, spatial..."""
    if x.dim() < 3:
        raise NotSupported(f"its input needs a batch, a channel and a spatial dimension, but has {x.dim()} dimensions")
    return x.dim() - 2


def _positions(extent: int, begin: int, room: int, stride: int, ceil_mode: int) -> int:
    """How many windows fit; with ceil_mode the last may hang over, but must start inside the input or the padding before it."""
    if not ceil_mode:
        return room // stride + 1
    count = -(-room // stride) + 1
    return count - 1 if (count - 1) * stride >= extent + begin else count


def _padding(
    extents: list[int], spans: list[int], strides: list[int], pads: list[int] | None, auto_pad: str
) -> tuple[list[int], list[int]]:
    rank = len(extents)
    if auto_pad in ("NOTSET", ""):
        pads = pads or [0] * (2 * rank)
        if len(pads) != 2 * rank:
            raise NotSupported(f"pads {pads} must hold {2 * rank} numbers")
        return list(pads[:rank]), list(pads[rank:])
    if auto_pad == "VALID":
        return [0] * rank, [0] * rank
    if auto_pad not in ("SAME_UPPER", "SAME_LOWER"):
        raise NotSupported(f"auto_pad '{auto_pad}' is unknown")
    total = [max((math.ceil(e / s) - 1) * s + span - e, 0) for e, s, span in zip(extents, strides, spans, strict=True)]
    return _split(total, auto_pad)


def _split(total: list[int], auto_pad: str) -> tuple[list[int], list[int]]:
    """Halves of the padding; SAME_UPPER puts the odd element behind, SAME_LOWER before."""
    less, more = [t // 2 for t in total], [t - t // 2 for t in total]
    return (more, less) if auto_pad == "SAME_LOWER" else (less, more)


def transposed_pads(
    x: Tensor,
    kernel: list[int],
    strides: list[int],
    dilations: list[int],
    extra: list[int],
    pads: list[int] | None,
    auto_pad: str,
    output_shape: list[int] | None,
) -> tuple[list[int], list[int]]:
    """What a transposed convolution cuts from its full result, before and behind (negative: adds). `extra` is output_padding."""
    rank = len(kernel)
    if output_shape is None and not auto_pad.startswith("SAME"):
        pads = pads if pads is not None and auto_pad != "VALID" else [0] * (2 * rank)
        return list(pads[:rank]), list(pads[rank:])
    extents = list(x.shape[2:])
    wanted = output_shape[-rank:] if output_shape is not None else [e * s for e, s in zip(extents, strides, strict=True)]
    full = [(e - 1) * s + o + (k - 1) * d + 1 for e, s, o, k, d in zip(extents, strides, extra, kernel, dilations, strict=True)]
    total = [f - w for f, w in zip(full, wanted, strict=True)]
    # the specification gives the odd element to the front unless SAME_UPPER is asked for
    return _split(total, "SAME_UPPER" if auto_pad == "SAME_UPPER" else "SAME_LOWER")


def pad_explicitly(x: Tensor, window: Window, value: float, end: list[int] | None = None) -> Tensor:
    """x with the window's padding made real; `end` replaces the padding behind."""
    behind = window.end if end is None else end
    amounts = [amount for b, e in zip(reversed(window.begin), reversed(behind), strict=True) for amount in (b, e)]
    return torch.constant_pad_nd(x, amounts, value)
