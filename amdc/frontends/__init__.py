"""Readers of foreign model formats; each turns a model into a Graph (amdc.ir.graph)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amdc.errors import ModelError, UsageError

if TYPE_CHECKING:
    from amdc.ir.graph import Graph


def import_any(
    model: Any,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    bindings: Mapping[str, int] | None = None,
    example_inputs: Any = None,
    dynamic_shapes: Mapping[str, Mapping[int, Any]] | None = None,
    specialize_inputs: Mapping[str, Any] | None = None,
) -> Graph:
    """The Graph of an nn.Module (with example inputs), an ExportedProgram, a path to one (.pt2), or an ONNX model (a path, bytes
    or a ModelProto); a Graph stays as it is. `shapes` and `bindings` give the sizes of whole inputs and of single symbols;
    `example_inputs` and `dynamic_shapes` (symbols' places: {input: {axis: symbol}}) belong to modules alone.
    `specialize_inputs` (of ONNX models): see `amdc.frontends.onnx.import_model`. Raises ModelError and UsageError.
    """
    import torch

    if isinstance(model, torch.fx.GraphModule) and "inputs" in model.meta:
        return model
    if isinstance(model, torch.nn.Module):
        from amdc.frontends.torch import import_module

        return import_module(model, example_inputs, dynamic_shapes, shapes, bindings)
    if example_inputs is not None or dynamic_shapes is not None:
        raise UsageError("example_inputs and dynamic_shapes belong to PyTorch modules; other models say what their inputs are")
    program = read_exported(model)
    if program is not None:
        from amdc.frontends.torch import import_exported

        return import_exported(program, shapes, bindings, model_name(model))
    from amdc.frontends.onnx import import_model

    return import_model(model, shapes, bindings, specialize_inputs)


def model_name(model: Any) -> str:
    """What progress and errors call a model: its file, or its class."""
    return str(model) if isinstance(model, (str, Path)) else type(model).__name__


def read_exported(model: Any) -> Any:
    """The ExportedProgram that a model is, or that its file holds; None for any other model."""
    import torch

    if isinstance(model, torch.export.ExportedProgram):
        return model
    if not isinstance(model, (str, Path)) or Path(model).suffix != ".pt2":
        return None
    if not Path(model).is_file():
        raise UsageError(f"no such file: {model}")
    try:
        return torch.export.load(str(model))
    except Exception as problem:  # torch.export.load raises many types on a file that is damaged or of another version
        reason = str(problem).strip().split("\n")[0] or type(problem).__name__
        raise ModelError(f"{model} is not a readable PyTorch export: {reason}") from problem
