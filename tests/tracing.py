"""Small Graphs for tests: a Python function over core ATen operators, traced into a Graph that obeys amdc.ir.graph's contract."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.fx import Node
from torch.fx.experimental.proxy_tensor import make_fx

from amdc.ir.graph import Graph


def trace(function: Callable[..., Any], *example: torch.Tensor, decompose: bool = True) -> Graph:
    """The Graph of `function`, which takes tensors and gives a tensor or a tuple; those it closes over are constants."""
    table = torch._decomp.core_aten_decompositions() if decompose else {}
    for kept in (torch.ops.aten.addmm.default, torch.ops.aten.hardswish.default, torch.ops.aten.hardsigmoid.default):
        table.pop(kept, None)
    with torch.no_grad():
        graph = make_fx(function, decomposition_table=table, tracing_mode="fake", _allow_non_fake_inputs=True)(*example)
    for node in graph.graph.nodes:
        _name(node, graph)
    graph.meta = {
        "inputs": tuple(n.name for n in graph.graph.nodes if n.op == "placeholder"),
        "outputs": tuple(f"out{i}" for i in range(len(_outputs(graph)))),
    }
    graph.recompile()
    return graph


def _outputs(graph: Graph) -> tuple[Node, ...]:
    node = graph.graph.output_node()
    held: Any = node.args[0]
    node.args = ((held,) if isinstance(held, Node) else tuple(held),)
    return node.args[0]


def _name(node: Node, graph: Graph) -> None:
    if node.op == "get_attr":
        held = getattr(graph, str(node.target))
        if not isinstance(held, torch.Tensor):
            raise TypeError(f"{node} is no tensor")
    named = node.op == "call_function"
    node.meta = {
        "val": node.meta.get("val"),
        "source": (f"/{node.name}",) if named else (),
        "value": f"{node.name}_out" if named else None,
    }
