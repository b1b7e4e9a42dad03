"""Interpolation in all of PyTorch's modes becomes amdc::resize."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from amdc.frontends.torch.operators.registry import Emit, rewrites
from amdc.ir.graph import shape
from amdc.ir.ops.taps import UPSAMPLES, cubic_coefficient

aten = torch.ops.aten


def _resize(name: str, is_list: bool) -> Any:
    mode, coordinates, nearest = UPSAMPLES[name]
    antialias = name.endswith("_aa")
    coefficient = cubic_coefficient(antialias)

    def function(emit: Emit, x: Node, output_size: list[int] | None, *rest: Any) -> Node:
        """(x, sizes, [align_corners,] a scale for each dimension or None); the overload `vec` has the scales in one list."""
        others = list(rest)
        aligned = mode != "nearest" and bool(others.pop(0))
        given = (others[0] if others else None) if is_list else others
        extents = shape(x)[2:]
        scales = list(given or ()) or [None] * len(extents)
        sizes = output_size or [int(extent * float(scale)) for extent, scale in zip(extents, scales, strict=True)]
        kept = [None] * len(extents) if is_list and output_size else scales
        factors = [float(s) if s else size / extent for s, size, extent in zip(kept, sizes, extents, strict=True)]
        return emit(
            torch.ops.amdc.resize.default,
            x,
            [*shape(x)[:2], *sizes],
            [1.0, 1.0, *factors],
            mode,
            "align_corners" if aligned else coordinates,
            nearest,
            coefficient,
            antialias,
            antialias,
            [],
            0.0,
        )

    return function


for _name in UPSAMPLES:
    rewrites(getattr(aten, _name).default, whole=True)(_resize(_name, False))
    rewrites(getattr(aten, _name).vec, whole=True)(_resize(_name, True))
