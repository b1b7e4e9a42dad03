"""An nn.Module with example inputs becomes a Graph, by way of torch.export."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.utils._pytree import TreeSpec, tree_flatten

from amdc.errors import ModelError, UsageError
from amdc.frontends.torch.examples import PLAIN, Examples
from amdc.frontends.torch.exported import Signature, decomposed, import_functional
from amdc.frontends.torch.names import output_names
from amdc.frontends.torch.sizes import resized
from amdc.ir.graph import Graph


def import_module(
    model: nn.Module,
    example_inputs: Any,
    dynamic_shapes: Mapping[str, Mapping[int, Any]] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    bindings: Mapping[str, int] | None = None,
) -> Graph:
    """The Graph of a module in evaluation mode, for inputs of the examples' shapes and dtypes (contract: `import_exported`).

    `example_inputs`: a tuple of positional arguments, a dict of keyword arguments, or a single tensor; nested tuples, dicts and
    registered containers may hold tensors too. Values that are no tensors are fixed. `dynamic_shapes` names dimensions
    ({"input_ids": {1: "S"}}, or a torch.export.Dim instead of "S"), and `bindings` gives the sizes of these names; `shapes`
    replaces whole shapes. One Graph has static shapes: import once a binding.
    Raises ModelError where the module cannot be exported or compiled, UsageError for unusable examples, names and sizes.
    """
    examples = Examples.make(model, example_inputs)
    tensors = resized(examples.tensors, dict(dynamic_shapes or {}), dict(shapes or {}), dict(bindings or {}))
    program, signature = export(model, examples, tensors)
    return import_functional(program, signature, type(model).__name__)


def export(model: nn.Module, examples: Examples, tensors: Mapping[str, Tensor]) -> tuple[ExportedProgram, Signature]:
    """The module as a functional program of tensors alone, for tensors of these shapes, and the names on both of its sides."""
    name = type(model).__name__
    if model.training:
        raise UsageError(f"{name} is in training mode, and amdc compiles inference: call model.eval() first")
    flat = _Flat(model, examples, tuple(tensors))
    try:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The tensor attribute")  # recurrent modules list their weights anew on each call
            program = decomposed(torch.export.export(flat, tuple(tensors.values()), strict=False))
    except Exception as problem:  # torch.export raises many types; all mean that this module is not exportable
        reason = str(problem).strip().split("\n")[0] or type(problem).__name__
        raise ModelError(f"{name} cannot be exported by torch.export: {reason}") from problem
    return program, Signature(tuple(tensors), flat.seen.names(name), "module.")


@dataclass
class _Seen:
    """What the module returned while it was traced: the tree of its result, and which leaves are tensors."""

    spec: TreeSpec | None = None
    is_tensor: list[bool] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)

    def note(self, result: Any) -> tuple[Tensor, ...]:
        leaves, self.spec = tree_flatten(result)
        self.is_tensor = [isinstance(leaf, Tensor) for leaf in leaves]
        self.strange = sorted({type(leaf).__name__ for leaf in leaves if not isinstance(leaf, (Tensor, *PLAIN))})
        return tuple(leaf for leaf in leaves if isinstance(leaf, Tensor))

    def names(self, model: str) -> tuple[str, ...]:
        if self.strange:
            raise ModelError(
                f"{model} returns {', '.join(self.strange)}: tensors inside it are out of reach. Return tensors, tuples or "
                "dicts, or register the type with torch.utils._pytree.register_pytree_node"
            )
        assert self.spec is not None
        return tuple(name for name, held in zip(output_names(self.spec), self.is_tensor, strict=True) if held)


class _Flat(nn.Module):
    """The module with tensors in and tensors out. Containers are taken apart and built outside of what torch.export sees, because
    it builds them again when it decomposes, and the constructors of key-value caches compute."""

    def __init__(self, module: nn.Module, examples: Examples, names: tuple[str, ...]) -> None:
        super().__init__()
        self.module = module
        self.seen = _Seen()
        self._examples, self._names = examples, names
        self.eval()

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        args, kwargs = self._examples.filled(dict(zip(self._names, tensors, strict=True)))
        return self.seen.note(self.module(*args, **kwargs))
