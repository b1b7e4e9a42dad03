"""Makes one operator of an activation that is spelled out, whatever the spelling."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, constant, dtype, is_op, replace, shape, source
from amdc.pass_manager import Pass, PassContext, PassResult

aten = torch.ops.aten
MAX_STEPS = 16  # operators of one spelling: tanh-GELU with its cube as two products has 10
TOLERANCE = 1e-6  # of 1 + |value|: constants such as 0.7978845 and 1.4142135 are given to seven digits
PROBES = 8  # samples that most functions differ in

ELEMENTARY = frozenset(
    getattr(getattr(aten, name), kind)
    for kind, names in {
        "Tensor": "add sub mul div",
        "Scalar": "add sub rsub mul div",
        "default": "neg abs reciprocal exp log log1p expm1 sqrt erf tanh sigmoid relu clamp hardtanh hardsigmoid softplus "
        "minimum maximum _to_copy",
    }.items()
    for name in names.split()
) | {aten.pow.Tensor_Scalar, aten.pow.Tensor_Tensor, aten.where.self}

COMPARISONS = tuple(getattr(aten, name).Scalar for name in ("gt", "ge", "lt", "le"))
THRESHOLDS = (0, 20)  # of a sign, and of softplus


@dataclass(frozen=True)
class Activation:
    """A function of one variable; `make` adds its operators to a graph, `steps` counts them."""

    function: Callable[[Tensor], Tensor]
    make: Callable[[Graph, Node, Node], Node]
    steps: int = 1


def _one(name: str, **kwargs: Any) -> Callable[[Graph, Node, Node], Node]:
    return lambda graph, at, x: add_call(graph, at, getattr(aten, name).default, (x,), kwargs)


def _mish(graph: Graph, at: Node, x: Node) -> Node:
    gate = add_call(graph, at, aten.tanh.default, (_one("softplus")(graph, at, x),))
    for made in (gate, gate.args[0]):
        made.meta["source"] = source(at)  # type: ignore[union-attr]
    return add_call(graph, at, aten.mul.Tensor, (x, gate))


ACTIVATIONS = {
    "relu": Activation(torch.relu, _one("relu")),
    "sigmoid": Activation(torch.sigmoid, _one("sigmoid")),
    "tanh": Activation(torch.tanh, _one("tanh")),
    "silu": Activation(F.silu, _one("silu")),
    "gelu": Activation(F.gelu, _one("gelu")),
    "gelu (tanh)": Activation(lambda x: F.gelu(x, approximate="tanh"), _one("gelu", approximate="tanh")),
    "hardswish": Activation(F.hardswish, _one("hardswish")),
    "hardsigmoid": Activation(F.hardsigmoid, _one("hardsigmoid")),
    "softplus": Activation(F.softplus, _one("softplus")),
    "elu": Activation(F.elu, _one("elu")),
    "mish": Activation(F.mish, _mish, steps=3),
}


@dataclass(frozen=True)
class FuseActivation(Pass):
    """Replace a chain of point-wise operators that computes a known activation.

    before: y = x * 0.5 * (1 + erf(x / 1.4142135))     before: y = x / (1 + exp(-x))     before: y = x * clamp(x + 3, 0, 6) / 6
    after:  y = gelu(x)                                after:  y = silu(x)               after:  y = hardswish(x)
    A chain is what elementary functions and numbers make of one tensor. It is recognised by its values, in float64 at some 1,300
    places out to 600, so spellings need no list; of comparisons, which could hide between the places, only those of x with 0 and
    20 count. Where a spelling overflows in fp32, as log(1 + exp(x)) does beyond 88, the operator gives the limit instead.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        order = {node: index for index, node in enumerate(graph.graph.nodes)}
        found: dict[str, int] = {}
        for x in list(graph.graph.nodes):
            match = _last_match(graph, x, order) if _is_variable(x) else None
            if match:
                name, last, inner = match
                new = ACTIVATIONS[name].make(graph, last, x)
                replace(last, new, *inner)
                order[new] = order[last]
                found[name] = found.get(name, 0) + 1
        return PassResult(bool(found), tuple(f"{name}: {count}" for name, count in found.items()))


def _is_variable(node: Node) -> bool:
    """Whether a node's value can be the x of an activation: a floating-point tensor that no constant is."""
    value = node.meta.get("val")
    return node.op in ("placeholder", "call_function") and isinstance(value, Tensor) and value.is_floating_point()


def _last_match(graph: Graph, x: Node, order: dict[Node, int]) -> tuple[str, Node, list[Node]] | None:
    """The longest chain from x that is an activation: its name, its last node, and the nodes before that."""
    best = None
    chain: list[Node] = []
    for node, value in _functions_of(graph, x, order):
        chain.append(node)
        name = _name(value) if shape(node) == shape(x) and dtype(node) == dtype(x) else None
        inside = _between(x, node, chain) if name else []
        if name and len(inside) >= ACTIVATIONS[name].steps:
            best = name, node, inside
    return best


def _functions_of(graph: Graph, x: Node, order: dict[Node, int]) -> Iterator[tuple[Node, Tensor]]:
    """The nodes behind x, in order, that are functions of x alone, with their values at the samples."""
    samples = _samples()
    values: dict[Node, Tensor] = {x: samples}
    queue = [(order[user], user) for user in x.users]
    heapq.heapify(queue)
    seen: set[Node] = set()
    while queue and len(values) <= MAX_STEPS:
        _, node = heapq.heappop(queue)
        if node in seen or not (_is_elementary(node) or _compares(node, x)):
            continue
        seen.add(node)
        operands = {o: values[o] if o in values else _number(graph, o) for o in node.all_input_nodes}
        if any(value is None for value in operands.values()):
            continue
        values[node] = _evaluate(node, operands)
        yield node, values[node]
        for user in node.users:
            heapq.heappush(queue, (order.get(user, -1), user))


def _is_elementary(node: Node) -> bool:
    """Whether float64 can stand for what a node computes: a cast to whole numbers, or a choice by a stored truth, is none."""
    if is_op(node, aten._to_copy.default):
        return dtype(node).is_floating_point
    if is_op(node, aten.where.self):
        condition = node.args[0]
        return isinstance(condition, Node) and condition.op != "get_attr"
    return is_op(node, *ELEMENTARY)


def _compares(node: Node, x: Node) -> bool:
    return is_op(node, *COMPARISONS) and node.args[0] is x and node.args[1] in THRESHOLDS


def _number(graph: Graph, node: Node) -> Any:
    """The number, in float64, that a constant of one element holds, or its truth value; None for any other node."""
    if node.op != "get_attr" or constant(graph, node).numel() != 1:
        return None
    held = constant(graph, node).reshape(())
    return held if held.dtype == torch.bool else held.double()


def _evaluate(node: Node, operands: dict[Node, Any]) -> Tensor:
    if is_op(node, aten._to_copy.default):
        return operands[node.all_input_nodes[0]].double()
    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), operands.__getitem__)
    assert callable(node.target)
    return node.target(*args, **kwargs)


def _between(x: Node, last: Node, chain: list[Node]) -> list[Node]:
    """The nodes of a chain that compute `last` from x, without `last`."""
    needed, todo = set(), [last]
    while todo:
        for operand in todo.pop().all_input_nodes:
            if operand is not x and operand in chain and operand not in needed:
                needed.add(operand)
                todo.append(operand)
    return [node for node in chain if node in needed]


@cache
def _samples() -> Tensor:
    """The places where functions are compared, float64; the first `PROBES` of them tell most functions apart."""
    probes = torch.tensor([0.7, -0.9, 2.2, -2.6, 4.5, -4.1, 9.0, -8.0], dtype=torch.float64)
    far = torch.linspace(40, 600, 57, dtype=torch.float64)
    edges = torch.tensor([*THRESHOLDS, 3.0, -3.0], dtype=torch.float64)
    near = torch.cat([edges - 1e-4, edges, edges + 1e-4])
    return torch.cat([probes, near, torch.linspace(-40, 40, 1201, dtype=torch.float64), far, -far])


@cache
def _table() -> Tensor:
    return torch.stack([activation.function(_samples()) for activation in ACTIVATIONS.values()])


def _name(value: Tensor) -> str | None:
    """The activation that has these values at the samples."""
    if value.dtype != torch.float64 or value.shape != _samples().shape:
        return None
    table = _table()
    close = (table[:, :PROBES] - value[:PROBES]).abs() <= TOLERANCE * (1 + table[:, :PROBES].abs())
    for index in close.all(1).nonzero().flatten().tolist():
        if bool(((table[index] - value).abs() <= TOLERANCE * (1 + table[index].abs())).all()):
            return list(ACTIVATIONS)[index]
    return None
