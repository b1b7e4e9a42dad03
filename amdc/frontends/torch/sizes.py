"""Example inputs of other sizes: named dimensions and whole shapes that the user binds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from amdc.errors import UsageError


def resized(
    examples: Mapping[str, Tensor],
    dynamic_shapes: Mapping[str, Mapping[int, Any]],
    shapes: Mapping[str, tuple[int, ...]],
    bindings: Mapping[str, int],
) -> dict[str, Tensor]:
    """The examples, dense, with the wanted sizes; only shapes and dtypes of examples matter to an export.

    Raises UsageError for unknown inputs, unknown symbols, symbols without a size, and ranks that differ.
    """
    unknown = sorted({*shapes, *dynamic_shapes} - set(examples))
    if unknown:
        raise UsageError(f"no such input: {', '.join(unknown)}; inputs: {', '.join(examples)}")
    symbols = {_symbol(dim) for dims in dynamic_shapes.values() for dim in dims.values()}
    if wrong := sorted(set(bindings) - symbols):
        raise UsageError(f"no such symbol: {', '.join(wrong)}; symbols: {', '.join(sorted(symbols)) or 'none (dynamic_shapes)'}")
    named = {_symbol(dim) for name, dims in dynamic_shapes.items() if name not in shapes for dim in dims.values()}
    if missing := sorted(named - set(bindings)):
        raise UsageError(f"dimensions without a size: {', '.join(missing)}; give them with --bind or --shape")
    return {
        name: _sized(name, tensor, dynamic_shapes.get(name, {}), shapes.get(name), bindings) for name, tensor in examples.items()
    }


def _symbol(dim: Any) -> str:
    """The name of a dimension: a string, or a torch.export.Dim."""
    return dim if isinstance(dim, str) else str(dim.__name__)


def _sized(
    name: str, tensor: Tensor, dims: Mapping[int, Any], shape: tuple[int, ...] | None, bindings: Mapping[str, int]
) -> Tensor:
    wanted = list(tensor.shape) if shape is None else list(shape)
    if len(wanted) != tensor.dim():
        raise UsageError(f"input '{name}' has {tensor.dim()} dimensions, not {len(wanted)}")
    if shape is None:
        for axis, dim in dims.items():
            wanted[axis] = bindings[_symbol(dim)]
    return tensor.detach().contiguous() if wanted == list(tensor.shape) else torch.zeros(wanted, dtype=tensor.dtype)
