"""Lets one kernel compute the end of a classifier."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, dtype, is_op, replace, shape
from amdc.ir.ops.packed import linear_packed
from amdc.ir.ops.pooled_linear import pooled_linear
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user

aten = torch.ops.aten
VIEWS = (aten.view.default, aten.clone.default)


@dataclass(frozen=True)
class End:
    """What `nodes` compute of one image x, the last of them first: softmax(mean(x) @ weight + bias), as far as there."""

    nodes: tuple[Node, ...]
    x: Node
    weight: Node | None = None
    bias: Node | float | None = None
    outs: int = 0
    softmax: bool = False
    pooled: bool = False

    @property
    def worth(self) -> bool:
        """Whether the kernel saves a launch: it computes two of the three."""
        return self.softmax + self.pooled + (self.weight is not None) > 1


@dataclass(frozen=True)
class FusePooledLinear(Pass):
    """One operator for the global average pooling, the linear layer and the softmax that end a classifier.

    before: p = mean(x, [2, 3]); l = linear_packed(view(p, [1, K]), w, outs) + b; y = softmax(l, 1)
    after:  y = pooled_linear(x, w, b, outs, softmax=True)
    Any two of the three count too. Only for one image in fp32, where each of the launches takes less time than its own start.
    """

    max_outputs: int = 4096  # that the last work-group keeps in registers
    max_pixels: int = 1024

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        made = 0
        for node in reversed(list(graph.graph.nodes)):
            end = _end(node) if node.users else None
            if end is None or not end.worth or not self.takes(end):
                continue
            bias = end.bias
            if isinstance(bias, float):
                bias = add_constant(graph, node, "classifier_bias", torch.full((end.outs,), bias))
            elif bias is not None and shape(bias) != (end.outs,):
                bias = add_constant(graph, node, "classifier_bias", constant(graph, bias).reshape(-1).expand(end.outs))
            whole = add_call(graph, node, pooled_linear, (end.x, end.weight, bias, end.outs, end.softmax))
            if shape(whole) != shape(node):
                whole = add_call(graph, node, aten.view.default, (whole, list(shape(node))))
            replace(node, whole, *end.nodes[1:])
            made += 1
        return PassResult(made > 0, (f"fused {made} ends of classifiers",) if made else ())

    def takes(self, end: End) -> bool:
        """Whether the kernel takes what an end computes: one image, its sizes, and fp32."""
        extents = shape(end.x)
        held = [end.x, *end.nodes, *(operand for operand in (end.weight, end.bias) if isinstance(operand, Node))]
        small = end.outs <= self.max_outputs and math.prod(extents[2:]) <= self.max_pixels
        return extents[0] == 1 and small and all(dtype(node) == torch.float32 for node in held)


def _end(node: Node) -> End | None:
    """The largest end of a classifier that a node computes; None where it computes none."""
    softmax = is_op(node, aten._softmax.default) and _along_outputs(node)
    nodes: list[Node] = [node] if softmax else []
    current: Any = _step(node.args[0], nodes) if softmax else node
    bias: Any = None
    product = _biased(current)
    if product is not None:
        nodes, bias, current = [*nodes, current], product[1], product[0]
    if is_op(current, linear_packed):
        weight, outs = current.args[1:]
        nodes.append(current)
        mean = _step(current.args[0], nodes)
        x, pooled = (mean.args[0], True) if _pools(mean) else (current.args[0], False)
        return End((*nodes, *([mean] if pooled else [])), x, weight, bias, outs, softmax, pooled) if shape(x)[0] == 1 else None
    if softmax and product is None and _pools(current):
        return End((*nodes, current), current.args[0], None, None, shape(current)[1], True, True)
    return None


def _step(value: Any, inside: list[Node]) -> Any:
    """What a chain of views that only the last of `inside` reads shows, where that alone reads it; else the value itself."""
    found: Any = value
    user = inside[-1]
    while isinstance(found, Node) and only_user(found) is user:
        if not is_op(found, *VIEWS):
            return found
        found, user = found.args[0], found
    return None


def _along_outputs(node: Node) -> bool:
    """Whether a softmax of one row goes over all of its elements."""
    extents = shape(node)
    dim: Any = node.args[1]
    return len(extents) > 1 and math.prod(extents) == extents[dim] and extents[0] == 1


def _biased(node: Any) -> tuple[Node, Node | float] | None:
    """The product and the constant row or number that a sum adds to it; None where it is no such sum."""
    if not is_op(node, aten.add.Tensor) or node.kwargs:
        return None
    product, row = node.args
    if not is_op(product, linear_packed) or len(product.users) != 1 or shape(product) != shape(node) or shape(node)[0] != 1:
        return None
    if isinstance(row, (int, float)):
        return product, float(row)
    fits = isinstance(row, Node) and row.op == "get_attr" and math.prod(shape(row)) in (1, shape(product)[-1])
    return (product, row) if fits else None


def _pools(node: Any) -> bool:
    """Whether a node averages an image of [1,K,...] over all but its channels."""
    if not is_op(node, aten.mean.dim) or node.kwargs.get("dtype"):
        return False
    extents = shape(node.args[0])
    return sorted(dim % len(extents) for dim in node.args[1]) == list(range(2, len(extents))) and extents[0] == 1
