"""Interpolation in all of PyTorch's modes becomes amdc::resize."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

from amdc.frontends.torch.operators.registry import Emit, rewrites
from amdc.ir.graph import shape

aten = torch.ops.aten

# operator -> mode, where coordinates lie, which neighbour is nearest
MODES = {
    **{f"upsample_nearest{rank}d": ("nearest", "asymmetric", "floor") for rank in (1, 2, 3)},
    **{f"_upsample_nearest_exact{rank}d": ("nearest", "half_pixel", "round_prefer_ceil") for rank in (1, 2, 3)},
    "upsample_linear1d": ("linear", "half_pixel", "floor"),
    "upsample_bilinear2d": ("linear", "half_pixel", "floor"),
    "upsample_trilinear3d": ("linear", "half_pixel", "floor"),
    "upsample_bicubic2d": ("cubic", "half_pixel", "floor"),
    "_upsample_bilinear2d_aa": ("linear", "half_pixel", "floor"),
    "_upsample_bicubic2d_aa": ("cubic", "half_pixel", "floor"),
}


def _resize(name: str, is_list: bool) -> Any:
    mode, coordinates, nearest = MODES[name]
    antialias = name.endswith("_aa")
    coefficient = -0.5 if antialias else -0.75  # Keys 1981; PyTorch antialiases as Pillow does, and else as OpenCV

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


for _name in MODES:
    rewrites(getattr(aten, _name).default, whole=True)(_resize(_name, False))
    rewrites(getattr(aten, _name).vec, whole=True)(_resize(_name, True))
