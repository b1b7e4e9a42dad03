"""Example inputs of a module: a tree whose leaves have names."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from amdc.errors import UsageError
from amdc.frontends.torch.names import input_names, parameter_names, unique

PLAIN = (type(None), bool, int, float, str, torch.dtype, torch.device)  # leaves fixed at export (inputs) or left out (outputs)


@dataclass(frozen=True)
class Examples:
    """The leaves of (args, kwargs), their names, and the tree they stand in."""

    leaves: tuple[Any, ...]
    names: tuple[str, ...]
    spec: TreeSpec

    @staticmethod
    def make(model: nn.Module, example_inputs: Any) -> Examples:
        """What the user gave for a module's `forward`. Raises UsageError for what is neither tensors nor containers, and for
        objects that may hide tensors, which would be fixed silently."""
        _register_caches()
        leaves, spec = tree_flatten(split_examples(example_inputs))
        names = unique(input_names(spec, parameter_names(model)))
        for name, leaf in zip(names, leaves, strict=True):
            if not isinstance(leaf, (Tensor, *PLAIN)):
                raise UsageError(
                    f"example input '{name}' is a {type(leaf).__name__}: pass tensors, plain values, tuples or dicts, or "
                    "register the type with torch.utils._pytree.register_pytree_node"
                )
        return Examples(tuple(leaves), tuple(names), spec)

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {name: leaf for name, leaf in zip(self.names, self.leaves, strict=True) if isinstance(leaf, Tensor)}

    def filled(self, tensors: Mapping[str, Tensor]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """(args, kwargs) with other tensors, by name; leaves that are no tensors stay."""
        leaves = [tensors.get(name, leaf) for name, leaf in zip(self.names, self.leaves, strict=True)]
        args, kwargs = tree_unflatten(leaves, self.spec)
        return args, kwargs


def split_examples(example_inputs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """(args, kwargs) of what the user gave."""
    if isinstance(example_inputs, Tensor):
        return (example_inputs,), {}
    if isinstance(example_inputs, Mapping):
        return (), dict(example_inputs)
    if isinstance(example_inputs, (tuple, list)):
        return tuple(example_inputs), {}
    raise UsageError(
        "a PyTorch module is compiled for example inputs: pass example_inputs=(x, ...) or example_inputs={'name': x, ...}"
        + ("" if example_inputs is None else f", not a {type(example_inputs).__name__}")
    )


def _register_caches() -> None:
    """transformers' key-value caches are trees of tensors, but only its own export helper tells PyTorch so."""
    if "transformers.cache_utils" in sys.modules:
        from transformers.integrations.executorch import register_dynamic_cache_export_support

        register_dynamic_cache_export_support()
