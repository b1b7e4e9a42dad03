"""Brings operators into one spelling, so that the passes behind it need to know only that one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch.fx import Node

from amdc.ir.graph import Graph, dtype, replace, shape
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.rules_arithmetic import ARITHMETIC_RULES
from amdc.passes.rules_indexing import INDEXING_RULES
from amdc.passes.rules_shape import SHAPE_RULES
from amdc.passes.rules_spelling import SPELLING_RULES

Rule = Callable[[Graph, Node], Node | None]
RULES: dict[Any, tuple[Rule, ...]] = {}
for _table in (ARITHMETIC_RULES, INDEXING_RULES, SHAPE_RULES, SPELLING_RULES):
    for _target, _rules in _table.items():
        RULES[_target] = RULES.get(_target, ()) + _rules

MAX_ROUNDS = 10  # a rule's result may be another rule's input; chains in real models end after two or three


@dataclass(frozen=True)
class Canonicalize(Pass):
    """Apply the rules of rules_arithmetic, rules_indexing, rules_shape and rules_spelling until none fires.

    before: y = addmm(b, x.view(x.shape), w) - 0.0    before: y = batch_norm(x, s, b, m, v)
    after:  y = x @ w + b                             after:  y = x * scale + shift
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fired: dict[str, int] = {}
        for _ in range(MAX_ROUNDS):
            before = sum(fired.values())
            for node in list(graph.graph.nodes):
                if node.op == "call_function" and node.users:
                    _apply(graph, node, fired)
            if sum(fired.values()) == before:
                break
        return PassResult(bool(fired), tuple(f"{name.replace('_', ' ')}: {count}" for name, count in fired.items()))


def _apply(graph: Graph, node: Node, fired: dict[str, int]) -> None:
    """Replace a node by what the first rule that fires makes of it; a rule never changes shape or dtype."""
    for rule in RULES.get(node.target, ()):
        new = rule(graph, node)
        if new is not None:
            assert shape(new) == shape(node) and dtype(new) == dtype(node), f"{rule.__name__} changes the type of {node}"
            _stand_for(node, new)
            fired[rule.__name__] = fired.get(rule.__name__, 0) + 1
            return


def _stand_for(old: Node, new: Node) -> None:
    """`replace`, but an operand that takes the place of `old` keeps its own names."""
    if new not in old.all_input_nodes:
        replace(old, new)
        return
    new.meta["value"] = new.meta.get("value") or old.meta.get("value")
    old.replace_all_uses_with(new, propagate_meta=False)
