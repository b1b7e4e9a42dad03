"""Whether an ONNX graph is one: every value defined once, before it is used."""

from __future__ import annotations

import graphlib
from collections import Counter
from collections.abc import Callable

import onnx


def structure_problems(
    graph: onnx.GraphProto, label: Callable[[onnx.NodeProto, int], str], outer: frozenset[str] = frozenset()
) -> list[str]:
    """Values defined twice, used but never defined, and cycles; `label` names a node. A subgraph may use the values `outer`."""
    labels = [label(node, index) for index, node in enumerate(graph.node)]
    given = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    given |= {sparse.values.name for sparse in graph.sparse_initializer}
    made = [(name, where) for node, where in zip(graph.node, labels, strict=True) for name in node.output if name]
    times = Counter([*given, *(name for name, _ in made)])
    problems = [f"value '{name}' is defined {count} times" for name, count in times.items() if count > 1]
    seen = outer | frozenset(times)
    for node, where in zip(graph.node, labels, strict=True):
        problems += [f"node '{where}' uses '{name}', which nothing defines" for name in node.input if name and name not in seen]
        for inner in (a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH):
            problems += [f"inside node '{where}': {problem}" for problem in structure_problems(inner, label, seen)]
    problems += [f"output '{value.name}' is not defined by any node" for value in graph.output if value.name not in seen]
    return problems or _order_problems(graph, labels, dict(made))


def _order_problems(graph: onnx.GraphProto, labels: list[str], maker: dict[str, str]) -> list[str]:
    """A cycle, or nodes that stand before the nodes whose results they use."""
    place = {where: index for index, where in enumerate(labels)}
    needs = {where: {maker[name] for name in node.input if name in maker} for node, where in zip(graph.node, labels, strict=True)}
    late = [(where, before) for where, befores in needs.items() for before in sorted(befores) if place[before] >= place[where]]
    if not late:
        return []
    try:
        graphlib.TopologicalSorter(needs).prepare()
    except graphlib.CycleError as cycle:
        return ["its nodes form a cycle: " + " -> ".join(f"'{where}'" for where in cycle.args[1])]
    return [f"node '{where}' stands before node '{before}', whose result it uses" for where, before in late]
