"""Strides and shapes: dense strides, broadcasting, and merging the dimensions that all operands step through alike."""

from __future__ import annotations

import math
from collections.abc import Sequence

Shape = tuple[int, ...]


def dense_strides(shape: Sequence[int]) -> Shape:
    """The strides, in elements, of a row-major tensor."""
    return tuple(math.prod(shape[dim + 1 :]) for dim in range(len(shape)))


def broadcast_strides(shape: Sequence[int], domain: Sequence[int]) -> Shape:
    """The strides of a dense tensor that is broadcast to `domain`: 0 along the dimensions that it lacks or has once."""
    padded = (1,) * (len(domain) - len(shape)) + tuple(shape)
    return tuple(0 if extent == 1 else stride for extent, stride in zip(padded, dense_strides(padded), strict=True))


def collapse(domain: Shape, strides: Sequence[Shape], fixed: Sequence[int] = ()) -> tuple[Shape, list[Shape], dict[int, int]]:
    """Merge neighbouring dimensions where every operand allows it, and drop those of extent 1. Dimensions in `fixed` stay as they
    are. Returns the new domain, of rank 1 at least, the operands' new strides, and where each fixed dimension went."""
    kept: list[tuple[int, list[int], bool]] = []
    moved: dict[int, int] = {}
    for dim, extent in enumerate(domain):
        steps, alone = [operand[dim] for operand in strides], dim in fixed
        if extent == 1 and not alone:
            continue
        if kept and not alone and not kept[-1][2] and all(a == b * extent for a, b in zip(kept[-1][1], steps, strict=True)):
            kept[-1] = (kept[-1][0] * extent, steps, False)
        else:
            kept.append((extent, steps, alone))
            if alone:
                moved[dim] = len(kept) - 1
    if not kept:
        kept.append((1, [0] * len(strides), False))
    return tuple(entry[0] for entry in kept), [tuple(entry[1][k] for entry in kept) for k in range(len(strides))], moved
