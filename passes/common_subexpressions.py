"""Computes once what the graph computes more than once."""

from __future__ import annotations

from dataclasses import dataclass

from torch.fx import Node

from amdc.ir.arrays import to_numpy
from amdc.ir.graph import Graph, constant, source
from amdc.ir.printer import value_text
from amdc.pass_manager import Pass, PassContext, PassResult

INSPECTED_BYTES = 4096  # of a constant that is compared by its content: index ranges, biases, scales of norms


@dataclass(frozen=True)
class CommonSubexpressions(Pass):
    """Let the first of several equal nodes (same operator and arguments, small constants of one content) stand for the others.

    before: a = relu(x + c); b = relu(x + d); return a + b, where c and d hold the same
    after:  a = relu(x + c); return a + a
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        seen: dict[str, Node] = {}
        merged = 0
        for node in list(graph.graph.nodes):
            if node.op not in ("call_function", "get_attr"):
                continue
            first = seen.setdefault(_key(graph, node), node)
            if first is not node:
                first.meta["source"] = source(first, node)
                first.meta["value"] = first.meta.get("value") or node.meta.get("value")
                node.replace_all_uses_with(first, propagate_meta=False)
                graph.graph.erase_node(node)
                merged += 1
        return PassResult(merged > 0, (f"merged {merged} nodes",) if merged else ())


def _key(graph: Graph, node: Node) -> str:
    """What equal nodes have in common."""
    if node.op == "get_attr":
        held = constant(graph, node)
        if held.numel() * held.element_size() <= INSPECTED_BYTES:
            return f"{held.dtype} {tuple(held.shape)} {to_numpy(held).tobytes().hex()}"
    return f"{node.op} {node.target} {value_text(node.args)} {value_text(tuple(node.kwargs.items()))}"
