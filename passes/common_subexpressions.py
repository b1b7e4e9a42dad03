"""Computes once what the graph computes more than once."""

from __future__ import annotations

from dataclasses import dataclass

from torch.fx import Node

from amdc.ir.graph import Graph, source
from amdc.ir.printer import value_text
from amdc.pass_manager import Pass, PassContext, PassResult


@dataclass(frozen=True)
class CommonSubexpressions(Pass):
    """Let the first of several equal nodes (same operator, same arguments) stand for the others.

    before: a = relu(x); b = relu(x); return a + b
    after:  a = relu(x); return a + a
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        seen: dict[str, Node] = {}
        merged = 0
        for node in list(graph.graph.nodes):
            if node.op not in ("call_function", "get_attr"):
                continue
            first = seen.setdefault(
                f"{node.op} {node.target} {value_text(node.args)} {value_text(tuple(node.kwargs.items()))}", node
            )
            if first is not node:
                first.meta["source"] = source(first, node)
                first.meta["value"] = first.meta.get("value") or node.meta.get("value")
                node.replace_all_uses_with(first, propagate_meta=False)
                graph.graph.erase_node(node)
                merged += 1
        return PassResult(merged > 0, (f"merged {merged} nodes",) if merged else ())
