"""Removes what no output needs."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.ir.graph import Graph
from amdc.pass_manager import Pass, PassContext, PassResult


@dataclass(frozen=True)
class DeadCode(Pass):
    """Erase nodes that nothing uses, and the constants and regions that no node names. Inputs stay.

    before: a = exp(x); b = relu(x); return b
    after:  b = relu(x); return b
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        erased = 0
        for node in reversed(graph.graph.nodes):
            if not node.users and node.op not in ("placeholder", "output"):
                graph.graph.erase_node(node)
                erased += 1
        named = {str(node.target) for node in graph.graph.nodes if node.op in ("get_attr", "call_module")}
        for name in (*dict(graph.named_buffers(recurse=False)), *dict(graph.named_children())):
            if name not in named:
                delattr(graph, name)
        return PassResult(erased > 0, (f"erased {erased} nodes",) if erased else ())
