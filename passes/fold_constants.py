"""Evaluates operators whose operands are all constant."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_constant, constant, replace
from amdc.pass_manager import Pass, PassContext, PassResult

EXPENSIVE = tuple(getattr(torch.ops.aten, name).default for name in ("convolution", "mm", "bmm", "addmm"))


@dataclass(frozen=True)
class FoldConstants(Pass):
    """Evaluate cheap operators on constants, where the result is hardly larger than what it is made of.

    before: w = permute(constant, [1, 0]); y = x @ w
    after:  y = x @ another_constant
    `max_growth`: bytes that a result may exceed its operands by, so a small bundle does not become a large one. An operand that
    others go on using, as an embedding's table that is the last layer's weight too, is not replaced by the result: it counts 0.
    """

    max_growth: int = 65536

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        known: dict[Node, Any] = {}
        notes = []
        stays = {str(n.target) for n in graph.graph.nodes if n.op == "get_attr" and any(map(_needs_inputs, n.users))}
        for node in graph.graph.nodes:
            if node.op == "get_attr":
                known[node] = constant(graph, node)
            elif _is_foldable(node, known):
                value = _evaluate(node, known)
                replaced = [o for o in node.all_input_nodes if o.op != "get_attr" or str(o.target) not in stays]
                growth = _bytes(value) - sum(_bytes(known[operand]) for operand in replaced)
                if growth <= self.max_growth:
                    known[node] = value
                else:
                    notes.append(f"{node} would add {growth} bytes of constants")
        folded = [node for node in known if node.op != "get_attr" and any(user not in known for user in node.users)]
        for node in folded:
            origin = next((str(n.target) for n in node.all_input_nodes if n.op == "get_attr"), node.name)
            replace(node, add_constant(graph, node, origin, known[node]))
        return PassResult(bool(folded), (*([f"evaluated {len(folded)} expressions"] if folded else []), *notes))


def _needs_inputs(node: Node) -> bool:
    """Whether an operator also reads something that is no stored constant."""
    return any(operand.op != "get_attr" for operand in node.all_input_nodes)


def _is_foldable(node: Node, known: dict[Node, Any]) -> bool:
    if node.op != "call_function" or node.target in EXPENSIVE or any(o not in known for o in node.all_input_nodes):
        return False
    if node.target is operator.getitem:
        return True
    return isinstance(node.target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded not in node.target.tags


def _evaluate(node: Node, known: dict[Node, Any]) -> Any:
    arguments, keywords = torch.fx.map_arg((node.args, node.kwargs), known.__getitem__)
    assert callable(node.target)
    with torch.no_grad():
        return node.target(*arguments, **keywords)


def _bytes(value: Any) -> int:
    """Size of a tensor, or of the tensors of a tuple, stored densely."""
    parts = value if isinstance(value, (tuple, list)) else (value,)
    return sum(part.numel() * part.element_size() for part in parts)
