"""Which function lowers which operator."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cache
from typing import Any

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.item import Item

Lowering = Callable[[Item, ProgramBuilder], None]

MODULES = (
    "pointwise",
    "views",
    "data_movement",
    "indexing",
    "scattering",
    "constants",
    "normalization",
    "row_norms",
    "norm_product",
    "norm_mlp",
    "norm_attention",
    "resize",
    "softmax",
    "reduction",
    "scans",
    "sorting",
    "pooling",
    "recurrent",
    "sampling",
    "rearrangement",
    "matmul",
    "attention",
    "convolution",
    "bottleneck",
    "convolution_pooled",
    "expand_depthwise",
    "pool_convolution",
    "pooled_linear",
    "integer_products",
)

_LOWERINGS: dict[Any, Lowering] = {}


def lowers(*targets: Any) -> Callable[[Lowering], Lowering]:
    """Register the lowering of some operators; of an all point-wise region, the target is None."""

    def register(function: Lowering) -> Lowering:
        _LOWERINGS.update(dict.fromkeys(targets, function))
        return function

    return register


@cache
def _load() -> None:
    for module in MODULES:
        importlib.import_module(f"amdc.codegen.lowerings.{module}")


def find(item: Item) -> Lowering | None:
    """The lowering of an item's operator; None where there is none."""
    _load()
    return _LOWERINGS.get(item.anchor.target if item.anchor is not None else None)


def supported() -> list[str]:
    """The names of all operators that have a lowering."""
    _load()
    return sorted(str(target) for target in _LOWERINGS if target is not None)
