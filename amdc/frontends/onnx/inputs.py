"""Static shapes for a model's inputs: what the model fixes, and what the user binds."""

from __future__ import annotations

from dataclasses import dataclass

import onnx
import torch

from amdc.errors import ModelError, UsageError
from amdc.frontends.onnx.elements import held_dtype
from amdc.frontends.onnx.load import Model

Shape = tuple[int, ...]
Dimension = int | str | None  # fixed, named by a symbol, or unknown


@dataclass(frozen=True)
class BoundInput:
    """An input as it is compiled: `dtype` holds values of ONNX's `element` type."""

    shape: Shape
    dtype: torch.dtype
    element: int


def model_inputs(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """The inputs that a caller gives: graph inputs without a default value among the initializers."""
    defaults = {initializer.name for initializer in proto.graph.initializer}
    return [value for value in proto.graph.input if value.name not in defaults]


def bind_inputs(model: Model, shapes: dict[str, Shape], bindings: dict[str, int]) -> dict[str, BoundInput]:
    """Shape and dtype of each input, in order. All problems are raised at once.

    Raises UsageError for names that the model does not have, dimensions that contradict it, and dimensions that stay unbound.
    """
    inputs = model_inputs(model.proto)
    declared = {value.name: _dimensions(value) for value in inputs}
    problems = _unknown_names(declared, shapes, bindings)
    symbols = dict(bindings)
    for name, given in shapes.items():
        if name in declared:
            problems += _merge(name, declared[name], given, symbols)
    bound = {}
    for value in inputs:
        fixed = _bound(declared[value.name], shapes.get(value.name), symbols)
        element = value.type.tensor_type.elem_type
        bound[value.name] = BoundInput(fixed or (), held_dtype(element, f"input '{value.name}'"), element)
        if fixed is None and value.name not in shapes:
            problems.append(_unbound(value.name, declared[value.name]))
    if problems:
        raise UsageError(f"{model.name}: the shapes of its inputs are not settled\n  " + "\n  ".join(problems))
    return bound


def _dimensions(value: onnx.ValueInfoProto) -> tuple[Dimension, ...] | None:
    """The declared dimensions; None where the model does not even give their number. Negative numbers and "?" mean unknown."""
    tensor = value.type.tensor_type
    if not value.type.HasField("tensor_type"):
        raise ModelError(
            f"input '{value.name}' is a {value.type.WhichOneof('value') or 'value without a type'}; only tensors are supported"
        )
    if not tensor.HasField("shape"):
        return None
    return tuple(_dimension(dim) for dim in tensor.shape.dim)


def _dimension(dim: onnx.TensorShapeProto.Dimension) -> Dimension:
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value >= 0 else None
    return dim.dim_param if dim.dim_param not in ("", "?", "-1") else None


def _unknown_names(
    declared: dict[str, tuple[Dimension, ...] | None], shapes: dict[str, Shape], bindings: dict[str, int]
) -> list[str]:
    symbols = sorted({d for dims in declared.values() for d in dims or () if isinstance(d, str)})
    problems = [f"no input is called '{name}'; the inputs are: {', '.join(declared)}" for name in shapes if name not in declared]
    problems += [
        f"no dimension is called '{name}'; the symbols are: {', '.join(symbols) or 'none'}"
        for name in bindings
        if name not in symbols
    ]
    problems += [
        f"'{name}' is bound to {extent}; a dimension must be at least 1" for name, extent in bindings.items() if extent < 1
    ]
    return problems


def _merge(name: str, declared: tuple[Dimension, ...] | None, given: Shape, symbols: dict[str, int]) -> list[str]:
    """Hold a given shape against the declared one; its extents bind the symbols. Returns the contradictions."""
    if any(extent < 0 or (extent == 0 and 0 not in (declared or ())) for extent in given):
        return [f"input '{name}' cannot have the shape {_text(given)}; every dimension must be at least 1"]
    if declared is None:
        return []
    if len(given) != len(declared):
        return [f"input '{name}' has {len(declared)} dimensions, {_text(declared)}; {_text(given)} has {len(given)}"]
    problems = []
    for dim, extent in zip(declared, given, strict=True):
        expected = symbols.setdefault(dim, extent) if isinstance(dim, str) else dim
        if expected is not None and expected != extent:
            why = f"'{dim}' is {expected} elsewhere" if isinstance(dim, str) else f"the model fixes {_text(declared)}"
            problems.append(f"input '{name}' cannot have the shape {_text(given)}: {why}")
    return problems


def _bound(declared: tuple[Dimension, ...] | None, given: Shape | None, symbols: dict[str, int]) -> Shape | None:
    """The static shape, or None where something is unbound."""
    if given is not None:
        return given
    dims = (None,) if declared is None else declared
    extents = [symbols.get(dim) if isinstance(dim, str) else dim for dim in dims]
    return None if None in extents else tuple(extent for extent in extents if extent is not None)


def _unbound(name: str, declared: tuple[Dimension, ...] | None) -> str:
    if declared is None:
        return f"input '{name}' has no declared shape; give one: --shape {name}=1x3x224x224"
    example = "x".join(str(dim) if isinstance(dim, int) else f"<{dim or '?'}>" for dim in declared)
    symbols = dict.fromkeys(dim for dim in declared if isinstance(dim, str))
    bind = f", or {' '.join(f'--bind {symbol}=<n>' for symbol in symbols)}" if symbols and None not in declared else ""
    return f"input '{name}' has open dimensions: {_text(declared)}; bind it with --shape {name}={example}{bind}"


def _text(dims: tuple[Dimension, ...]) -> str:
    return "x".join("?" if dim is None else str(dim) for dim in dims) or "scalar"
