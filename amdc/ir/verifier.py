"""Checks that a Graph keeps its contract (amdc.ir.graph); run after every pass, in what users run too.

Every violation is named at once, with the node and the user's node names behind it. Shapes and dtypes are inferred anew by
running each operator on FakeTensors; results are remembered by operator and argument types: what a pass left alone costs little.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.fx import Node

from amdc.errors import InternalError
from amdc.ir.graph import Graph, constant, infer, inputs, output_nodes, outputs, placeholders, shape
from amdc.ir.pointwise import POINTWISE
from amdc.ir.printer import type_text, value_text
from amdc.ir.regions import misfit

_POINTWISE = frozenset(POINTWISE)
SHOWN = 20


def is_known(target: Any) -> bool:
    """Whether a Graph may call this: a core ATen operator, one of `POINTWISE`, an `amdc::` operator, or getitem."""
    if target is operator.getitem:
        return True
    if not isinstance(target, torch._ops.OpOverload):
        return False
    return target.namespace == "amdc" or target in _POINTWISE or torch.Tag.core in target.tags


def signature(graph: Graph) -> tuple[str, ...]:
    """The user's inputs and outputs with their types; no pass may change them."""
    ins = [f"input {name}: {type_text(n.meta['val'])}" for name, n in zip(inputs(graph), placeholders(graph), strict=True)]
    outs = [f"output {name}: {type_text(n.meta['val'])}" for name, n in zip(outputs(graph), output_nodes(graph), strict=True)]
    return (*ins, *outs)


def _where(node: Node) -> str:
    names = ", ".join(node.meta.get("source", ()))
    return f"%{node.name}" + (f" (from {names})" if names else "")


def _key(node: Node) -> str:
    """Operator and arguments, each node argument by its type and strides: what the result's type depends on."""

    def describe(argument: Node) -> Any:
        val = argument.meta["val"]
        return type_text(val) + (str(val.stride()) if isinstance(val, torch.Tensor) else "")

    arguments = torch.fx.map_arg((node.args, tuple(node.kwargs.items())), describe)
    return f"{node.target}{value_text(arguments)}"


@dataclass
class Verifier:
    """Remembers from one check to the next the types inferred, and of each sound node what its soundness rests on."""

    inferred: dict[str, str] = field(default_factory=dict)
    sound: dict[Node, tuple[Any, ...]] = field(default_factory=dict)

    def check(self, graph: Graph, expected: tuple[str, ...] | None = None) -> list[str]:
        """All violations of the contract; `expected` is what `signature` gave before the pass."""
        found = list(self._graph(graph))
        if not found and expected is not None and signature(graph) != expected:
            found = [f"expected {old}; got {new}" for old, new in zip(expected, signature(graph), strict=False) if old != new]
            found = found or [f"expected {len(expected)} inputs and outputs; got {len(signature(graph))}"]
        return found

    def _graph(self, graph: Graph, body: bool = False) -> Iterator[str]:
        seen: set[Node] = set()
        for node in graph.graph.nodes:
            missing = [argument for argument in node.all_input_nodes if argument not in seen]
            if missing:
                yield f"{_where(node)} uses {', '.join(map(str, missing))} before, or without, its definition"
            elif node.op == "output":
                yield from _outputs(graph, node, body)
            elif problem := _val_problem(node):
                yield f"{_where(node)} {problem}"
            else:
                yield from self._node(graph, node, body)
            seen.add(node)

    def _node(self, graph: Graph, node: Node, body: bool) -> Iterator[str]:
        if node.op == "call_function":
            yield from self._call(node)
        elif body and node.op != "placeholder":
            yield f"{_where(node)} is a {node.op}; a region's body holds operators alone"
        elif node.op == "get_attr":
            yield from _constant(graph, node)
        elif node.op == "call_module":
            yield from self._region(graph, node)
        elif node.op != "placeholder":
            yield f"{_where(node)} is a {node.op}, which no Graph may hold"

    def _call(self, node: Node) -> Iterator[str]:
        if not is_known(node.target):
            yield f"{_where(node)} calls {node.target}, which is neither core ATen nor an amdc operator"
            return
        facts = (node.target, node.args, node.kwargs, node.meta["val"], *(o.meta["val"] for o in node.all_input_nodes))
        known = self.sound.get(node, ())
        if len(known) == len(facts) and all(map(operator.is_, known, facts)):
            return
        key = _key(node)
        if key not in self.inferred:
            try:
                self.inferred[key] = type_text(infer(node))
            except Exception as error:  # whatever the operator raises on these arguments is the violation
                yield f"{_where(node)}: {node.target} does not accept its arguments: {str(error).splitlines()[0]}"
                return
        if self.inferred[key] != type_text(node.meta["val"]):
            yield f"{_where(node)} claims {type_text(node.meta['val'])}, but {node.target} gives {self.inferred[key]}"
        else:
            self.sound[node] = facts

    def _region(self, graph: Graph, node: Node) -> Iterator[str]:
        body = getattr(graph, str(node.target), None)
        if not isinstance(body, Graph):
            yield f"{_where(node)} calls '{node.target}', which is no region of this graph"
            return
        got = [type_text(a.meta["val"]) for a in node.args if isinstance(a, Node)]
        want = [type_text(p.meta["val"]) for p in placeholders(body)]
        if got != want or len(got) != len(node.args) or node.kwargs:
            yield f"{_where(node)} passes ({', '.join(got)}) to a region that takes ({', '.join(want)})"
        found = list(self._graph(body, body=True))
        yield from (f"{_where(node)}, inside: {text}" for text in found)
        if not found and (problem := misfit(body)):
            yield f"{_where(node)}: {problem}"
        if not found and type_text(output_nodes(body)[0].meta["val"]) != type_text(node.meta["val"]):
            yield f"{_where(node)} claims {type_text(node.meta['val'])}, but its region gives another type"


def _val_problem(node: Node) -> str:
    """Why `meta` is not as the contract says; empty where it is."""
    val = node.meta.get("val")
    for part in val if isinstance(val, (tuple, list)) else (val,):
        if not isinstance(part, torch.Tensor):
            return 'has no tensor in meta["val"]'
        if not all(isinstance(extent, int) for extent in part.shape):
            return f"has a shape that is not static: {tuple(part.shape)}"
    return "" if isinstance(node.meta.get("source", ()), tuple) else 'has a meta["source"] that is no tuple'


def _constant(graph: Graph, node: Node) -> Iterator[str]:
    tensor = getattr(graph, str(node.target), None)
    if not isinstance(tensor, torch.Tensor):
        yield f"{_where(node)} names the constant '{node.target}', which this graph does not hold"
    elif not constant(graph, node).is_contiguous():
        yield f"{_where(node)}: the constant '{node.target}' is not contiguous"
    elif tuple(tensor.shape) != shape(node) or tensor.dtype != node.meta["val"].dtype:
        yield f"{_where(node)} claims {type_text(node.meta['val'])}, but its constant is {type_text(tensor)}"


def _outputs(graph: Graph, node: Node, body: bool) -> Iterator[str]:
    held: Any = node.args[0]
    if body and not isinstance(held, Node):
        yield "the region's output is not one node"
    elif not body and (not isinstance(held, tuple) or len(held) != len(outputs(graph))):
        yield f"the output node holds {value_text(held)}, which is no tuple of {len(outputs(graph))} nodes"


def verify(graph: Graph, reference_outputs: tuple[str, ...] | None = None, verifier: Verifier | None = None) -> None:
    """Raise `InternalError` naming every violation; `reference_outputs` is a `signature` that must still hold."""
    found = (verifier or Verifier()).check(graph, reference_outputs)
    if found:
        more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
        raise InternalError("the graph breaks its contract:\n" + "\n".join(f"  {text}" for text in found[:SHOWN] + more))
