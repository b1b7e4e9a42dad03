"""ai.onnx.preview.training.Gradient: the derivative of a value of the model, recorded from torch's own differentiation."""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING

import onnx
import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported
from amdc.frontends.onnx.values import Scope, Value

if TYPE_CHECKING:
    from amdc.frontends.onnx.walk import Walk

TRAINING = "ai.onnx.preview.training"  # its domain


def gradient(walk: Walk, node: onnx.NodeProto, label: str, scope: Scope, arguments: list[Value | None]) -> list[Value | None]:
    """dy/dx for each of `xs`, where the inputs stand for the values called `xs` and then `zs`.

    The nodes between those and `y` are imported once more, on tensors that torch differentiates by. What is then the same as
    before is one node again after common subexpressions are joined.
    """
    settings = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    names = [name.decode() for name in (*settings["xs"], *settings.get("zs", []))]
    wanted, target = len(settings["xs"]), settings["y"].decode()
    inner = Scope(scope.opsets, ChainMap({}, scope.values), label)
    with torch.enable_grad():
        leaves = [_leaf(walk, label, value, name) for value, name in zip(arguments, names, strict=True)]
        for name, leaf, value in zip(names, leaves, arguments, strict=True):
            assert value is not None
            inner.values[name] = Value(leaf, value.element, None, value.inputs)
        for step in _between(walk.imported, target, set(names)):
            walk.node(step, label, inner)
        y = inner.values[target].tensor
        if not y.requires_grad:
            raise NotSupported(f"'{target}' does not depend on {', '.join(names[:wanted])} through floating-point operators")
        found = walk.record(
            label, lambda: torch.autograd.grad(y, leaves[:wanted], torch.ones_like(y), allow_unused=True, materialize_grads=True)
        )
    inputs = inner.values[target].inputs
    return [Value(part, value.element, None, inputs) for part, value in zip(found, arguments, strict=False) if value is not None]


def _leaf(walk: Walk, label: str, value: Value | None, name: str) -> Tensor:
    """A tensor with a value's content from which differentiation starts."""
    if value is None:
        raise NotSupported(f"its input for '{name}' is missing")
    (leaf,) = walk.record(label, lambda: walk.traced(value, name).detach())
    return leaf.requires_grad_(leaf.is_floating_point())


def _between(nodes: list[onnx.NodeProto], target: str, sources: set[str]) -> list[onnx.NodeProto]:
    """The nodes that compute a value from others, in order."""
    needed, found = {target} - sources, []
    for node in reversed(nodes):
        if needed.intersection(node.output):
            found.append(node)
            needed |= set(node.input) - sources
    return found[::-1]
