"""Makes one multiplication and one addition of a chain of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, dtype, is_op, replace, shape
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import Number, is_constant, only_user, tensor_of

aten = torch.ops.aten
MULTIPLY = (aten.mul.Tensor, aten.mul.Scalar)
ADD = (aten.add.Tensor, aten.add.Scalar)


@dataclass(frozen=True)
class CollapseAffine(Pass):
    """Collapse chains of products and sums with constants, whose links nothing else uses.

    before: y = ((x * a + b) * c) + d
    after:  y = x * (a * c) + (b * c + d)
    New constants are computed in float64 and rounded once. A chain stays where its constants would grow by broadcasting.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        collapsed = 0
        for node in list(graph.graph.nodes):
            if _link(graph, node) is not None and not _is_link_behind(graph, node):
                collapsed += _collapse(graph, _chain(graph, node))
        return PassResult(collapsed > 0, (f"collapsed {collapsed} chains",) if collapsed else ())


def _link(graph: Graph, node: Node) -> torch.Tensor | None:
    """The constant of a product or sum of a tensor and a constant, of the tensor's shape and dtype."""
    if not is_op(node, *MULTIPLY, *ADD) or node.kwargs or len(node.args) != 2 or not dtype(node).is_floating_point:
        return None
    x, operand = node.args
    if not isinstance(x, Node) or is_constant(x) or shape(x) != shape(node) or dtype(x) != dtype(node):
        return None
    return tensor_of(graph, operand)


def _is_link_behind(graph: Graph, node: Node) -> bool:
    """Whether the node continues a chain that starts before it."""
    before = node.args[0]
    return isinstance(before, Node) and only_user(before) is node and _link(graph, before) is not None


def _chain(graph: Graph, first: Node) -> list[Node]:
    chain = [first]
    while (user := only_user(chain[-1])) is not None and _link(graph, user) is not None and user.args[0] is chain[-1]:
        chain.append(user)
    return chain


def _collapse(graph: Graph, chain: list[Node]) -> bool:
    """Replace a chain if fewer operators do; whether it was."""
    multiplies = [is_op(node, *MULTIPLY) for node in chain]
    if multiplies.count(True) < 2 and multiplies.count(False) < 2:
        return False
    scale, shift = torch.ones((), dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    largest = 1
    for node, multiply in zip(chain, multiplies, strict=True):
        held = _link(graph, node)
        assert held is not None
        scale, shift = (scale * held, shift * held) if multiply else (scale, shift + held)
        largest = max(largest, held.numel())
    if max(scale.numel(), shift.numel()) > largest:
        return False
    last, x = chain[-1], chain[0].args[0]
    assert isinstance(x, Node)
    if not bool((scale == 1).all()):
        x = add_call(graph, last, aten.mul.Tensor, (x, _operand(graph, last, chain, scale)), like=last)
    if not bool((shift == 0).all()):
        x = add_call(graph, last, aten.add.Tensor, (x, _operand(graph, last, chain, shift)), like=last)
    if x is chain[0].args[0]:  # the links cancel
        last.replace_all_uses_with(x, propagate_meta=False)
    else:
        replace(last, x, *chain[:-1])
    return True


def _operand(graph: Graph, at: Node, chain: list[Node], tensor: torch.Tensor) -> Any:
    """A number, or a new constant named after one of the chain's."""
    if all(isinstance(node.args[1], Number) for node in chain):
        return tensor.item()
    name = next(str(node.args[1].target) for node in chain if isinstance(node.args[1], Node))
    return add_constant(graph, at, name, tensor.to(dtype(at)))
