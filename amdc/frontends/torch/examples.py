"""Example inputs of a module: a tree whose leaves have names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from amdc.errors import UsageError
from amdc.frontends.torch.names import input_names, parameter_names, unique


@dataclass(frozen=True)
class Examples:
    """The leaves of (args, kwargs), their names, and the tree they stand in."""

    leaves: tuple[Any, ...]
    names: tuple[str, ...]
    spec: TreeSpec

    @staticmethod
    def make(model: nn.Module, example_inputs: Any) -> Examples:
        """What the user gave for a module's `forward`. Raises UsageError for what is neither tensors nor containers."""
        leaves, spec = tree_flatten(split_examples(example_inputs))
        return Examples(tuple(leaves), tuple(unique(input_names(spec, parameter_names(model)))), spec)

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
