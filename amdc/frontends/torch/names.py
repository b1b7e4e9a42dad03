"""Readable names for the leaves of nested inputs and outputs, and for the module that an operator stands in."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from torch import nn
from torch.fx import Node
from torch.utils._pytree import TreeSpec


def leaf_names(spec: TreeSpec, name: str) -> list[str]:
    """A name for each leaf of a tree: its path, such as `past.0.key`; the path's first part is `name` (may be empty)."""
    if spec.is_leaf():
        return [name]
    found = []
    for key, child in zip(_keys(spec), spec.children(), strict=True):
        found += leaf_names(child, f"{name}.{key}" if name else key)
    return found


def _keys(spec: TreeSpec) -> Sequence[str]:
    """The names of a container's children: keys, fields, or positions."""
    count, context = len(spec.children()), spec.context
    fields = getattr(context, "_fields", None)  # the context of a namedtuple is its type
    for keys in (fields, context, context[0] if isinstance(context, (list, tuple)) and context else None):
        if isinstance(keys, (list, tuple)) and len(keys) == count and all(isinstance(key, (str, int)) for key in keys):
            return [str(key) for key in keys]
    return [str(index) for index in range(count)]


def input_names(spec: TreeSpec, parameters: Sequence[str]) -> list[str]:
    """The names of all leaves of (args, kwargs); positional arguments are called as `forward` calls its parameters."""
    positional, keywords = spec.children()
    found = []
    for index, child in enumerate(positional.children()):
        found += leaf_names(child, parameters[index] if index < len(parameters) else f"args.{index}")
    return found + leaf_names(keywords, "")


def output_names(spec: TreeSpec) -> list[str]:
    """The names of all leaves of a module's result: a lone tensor is `output`, the others go by their path below it."""
    if spec.is_leaf():
        return ["output"]
    plain = spec.type in (tuple, list)
    return leaf_names(spec, "output" if plain else "")


def parameter_names(module: nn.Module) -> list[str]:
    """What `forward` calls its positional parameters."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in inspect.signature(module.forward).parameters.values() if parameter.kind in kinds]


def unique(names: Sequence[str]) -> list[str]:
    """The same names, a number behind those that occurred before."""
    found: list[str] = []
    for name in names:
        made, count = name, 0
        while made in found:
            count += 1
            made = f"{name}_{count}"
        found.append(made)
    return found


def operator_name(target: Any) -> str:
    """`addmm` for aten.addmm.default; `custom::op` for operators of other libraries."""
    namespace = getattr(target, "namespace", "")
    name = getattr(target, "__name__", str(target)).split(".")[0]
    return name if namespace in ("aten", "") else f"{namespace}::{name}"


def module_path(node: Node) -> str:
    """The path of the innermost module that a node of an exported or traced graph stands in; empty for the root."""
    stack = node.meta.get("nn_module_stack") or {}
    path = list(stack.values())[-1][0] if stack else ""
    return _plain(str(path))


def _plain(path: str) -> str:
    """Dynamo writes a path as Python text, `L['self'].layers[0]`; export writes `layers.0`."""
    for old, new in (("L['self']", ""), ("L__self__", ""), ("._modules", ""), ("['", "."), ("']", ""), ("[", "."), ("]", "")):
        path = path.replace(old, new)
    return path.strip("._")


def label(node: Node, cut: str = "") -> str:
    """What errors and reports call an operator: `encoder.layer.0.attention/addmm`; `cut` is taken off the module's path."""
    path = f"{module_path(node)}.".removeprefix(cut).rstrip(".")
    return f"{path}/{operator_name(node.target)}" if path else operator_name(node.target)
