"""What the passes ask about constants: the value of an operand, and whether it is one number a channel."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, constant, shape

Number = bool | int | float


def is_constant(value: Any) -> bool:
    """Whether an argument is a number or a get_attr node."""
    return isinstance(value, Number) or (isinstance(value, Node) and value.op == "get_attr")


def tensor_of(graph: Graph, value: Any) -> torch.Tensor | None:
    """The float64 tensor of a constant floating-point operand (a number: of rank 0), or None."""
    if isinstance(value, Number):
        return torch.tensor(float(value), dtype=torch.float64)
    if isinstance(value, Node) and value.op == "get_attr" and constant(graph, value).dtype.is_floating_point:
        return constant(graph, value).double()
    return None


def per_channel(extents: tuple[int, ...], output: tuple[int, ...], axis: int) -> bool:
    """Whether an operand of shape `extents` that broadcasts to `output` is one number, or one a position of `axis`."""
    if len(extents) > len(output):
        return False
    padded = (1,) * (len(output) - len(extents)) + extents
    return all(extent == (output[at] if at == axis else 1) or extent == 1 for at, extent in enumerate(padded))


def channel_vector(graph: Graph, value: Any, output: tuple[int, ...], axis: int) -> torch.Tensor | None:
    """The float64 vector, one number a position of `axis`, that a constant operand stands for; None where it is no such thing."""
    tensor = tensor_of(graph, value)
    if tensor is None or not per_channel(tuple(tensor.shape), output, axis):
        return None
    return tensor.reshape(-1).expand(output[axis]) if tensor.numel() == 1 else tensor.reshape(-1)


def only_user(node: Node) -> Node | None:
    """The one node that uses `node`, or None where there are more or none."""
    return next(iter(node.users)) if len(node.users) == 1 else None


def constant_operand(node: Node) -> tuple[Node, Any] | None:
    """The data operand and the constant operand of a two-operand operator that has one of each."""
    first, second = node.args[0], node.args[1]
    if isinstance(first, Node) and not is_constant(first) and is_constant(second):
        return first, second
    if isinstance(second, Node) and not is_constant(second) and is_constant(first):
        return second, first
    return None


def elements(node: Node) -> int:
    return math.prod(shape(node))
