"""Small Graphs for tests: a Python function over core ATen operators, traced into a Graph that obeys amdc.ir.graph's contract."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.fx import Node
from torch.fx.experimental.proxy_tensor import make_fx

from amdc.ir.graph import Graph, constant, is_op, region
from amdc.ir.printer import type_text, value_text
from amdc.pass_manager import Pass, PassContext, run_pipeline
from amdc.passes.common_subexpressions import CommonSubexpressions
from amdc.passes.dead_code import DeadCode
from amdc.target import target

CONTEXT = PassContext(target("gfx803"), 2)
KEPT = ("addmm", "hardswish", "hardsigmoid")  # operators that amdc keeps though PyTorch would decompose them


def trace(function: Callable[..., Any], *example: torch.Tensor) -> Graph:
    """The Graph of `function`, which takes tensors and gives a tensor or a tuple; those it closes over are constants."""
    table = torch._decomp.core_aten_decompositions()
    for name in KEPT:
        table.pop(getattr(torch.ops.aten, name).default, None)
    with torch.no_grad():
        graph = make_fx(function, decomposition_table=table, tracing_mode="fake", _allow_non_fake_inputs=True)(*example)
    output = graph.graph.output_node()
    held: Any = output.args[0]
    output.args = ((held,) if isinstance(held, Node) else tuple(held),)
    for node in graph.graph.nodes:
        called = node.op == "call_function"
        source, value = ((f"/{node.name}",), f"{node.name}_out") if called else ((), None)
        node.meta = {"val": node.meta.get("val"), "source": source, "value": value}
    inputs = tuple(node.name for node in graph.graph.nodes if node.op == "placeholder")
    graph.meta = {"inputs": inputs, "outputs": tuple(f"out{index}" for index in range(len(output.args[0])))}
    for node in graph.graph.nodes:
        if node.op == "get_attr":
            setattr(graph, str(node.target), constant(graph, node).contiguous())
    graph.recompile()
    return graph


def run(graph: Graph, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What the Graph computes, in PyTorch."""
    with torch.no_grad():
        return torch.fx.Interpreter(graph).run(*inputs)


def structure(graph: Graph) -> str:
    """The graph's operators and how they are connected, without names and constants' values, in an order of its own."""
    numbers: dict[Node, str] = {}
    lines: list[str] = []

    def visit(node: Node) -> str:
        if node not in numbers:
            parts = [visit(operand) for operand in node.all_input_nodes]
            numbers[node] = str(len(numbers))
            lines.append(f"%{numbers[node]} {type_text(node.meta['val'])} = {_call(graph, node, parts)}")
        return numbers[node]

    def _call(graph: Graph, node: Node, parts: Sequence[str]) -> str:
        if node.op == "get_attr":
            return "constant"
        if node.op == "call_module":
            body = structure(region(graph, node)).replace("\n", "; ")
            return f"region({', '.join(parts)}) {{ {body} }}"
        if node.op == "placeholder":
            return "input"
        arguments = torch.fx.map_arg((node.args, tuple(node.kwargs.items())), lambda n: f"%{numbers[n]}")
        return f"{'getitem' if node.target is operator.getitem else node.target}{value_text(arguments)}"

    results = [visit(node) for node in graph.graph.output_node().all_input_nodes]
    return "\n".join([*lines, f"return {', '.join(results)}"])


def after_passes(graph: Graph, passes: Sequence[Pass], **options: Any) -> Graph:
    """The graph behind the passes and clean-up; it is verified after each."""
    return run_pipeline(graph, passes, CONTEXT, cleanup=(DeadCode(), CommonSubexpressions()), **options)


def assert_becomes(
    before: Callable[..., Any], after: Callable[..., Any], passes: Sequence[Pass], *example: torch.Tensor
) -> Graph:
    """The passes turn the graph of `before` into that of `after`, up to constants' values, and results stay the same."""
    graph, wanted = trace(before, *example), trace(after, *example)
    reference = run(graph, *example)
    after_passes(graph, passes)
    assert structure(graph) == structure(wanted)
    for got, want in zip(run(graph, *example), reference, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
    return graph


def calls(graph: Graph, *targets: Any) -> int:
    """How many nodes, those within regions too, call one of the operators."""
    bodies = [region(graph, node) for node in graph.graph.nodes if node.op == "call_module"]
    return sum(is_op(node, *targets) for held in (graph, *bodies) for node in held.graph.nodes)
