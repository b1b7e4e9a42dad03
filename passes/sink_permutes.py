"""Moves permutations of axes behind point-wise operators, to where they meet another permutation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, is_op, replace, shape, source
from amdc.ir.pointwise import is_pointwise
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user

aten = torch.ops.aten
PERMUTE, VIEW = aten.permute.default, aten.view.default


@dataclass(frozen=True)
class SinkPermutes(Pass):
    """Let a point-wise operator between two permutations work before both, so that they become one, or none.

    before: y = permute(relu(permute(conv(x), [0, 2, 3, 1]) + b), [0, 3, 1, 2])        (b: [C])
    after:  y = permute(permute(relu(conv(x) + view(b, [C, 1, 1])), [0, 2, 3, 1]), [0, 3, 1, 2])
    So networks that were exported channels last get their epilogues back; `Canonicalize` merges the permutations. Also where
    all operands of a sum are permuted alike: one permutation is left. Kernels read a permuted operand in place, so a
    permutation that meets no other stays where it is.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        sunk = 0
        for node in list(graph.graph.nodes):
            order = _order(node) if is_pointwise(node) and node.users else None
            if order is not None and (_meets_permute(node) or _all_permuted(node)):
                _sink(graph, node, order)
                sunk += 1
        return PassResult(sunk > 0, (f"moved {sunk} permutations behind their users",) if sunk else ())


def permuted(node: Node) -> tuple[Node, list[int]] | None:
    """What a permute, or several in a row, permutes, and the order; None for any other node."""
    if not is_op(node, PERMUTE):
        return None
    order = list(range(len(shape(node))))
    while is_op(node, PERMUTE):
        inner, own = node.args[:2]
        assert isinstance(inner, Node) and isinstance(own, (list, tuple))
        order = [int(own[axis]) % len(order) for axis in order]  # type: ignore[arg-type]
        node = inner
    return node, order


def _order(node: Node) -> list[int] | None:
    """The one order that operands of a node are permuted by, where all others can follow."""
    found = [pair for pair in map(permuted, node.all_input_nodes) if pair and len(pair[1]) == len(shape(node))]
    if not found or any(order != found[0][1] for _, order in found):
        return None
    others = [operand for operand in node.all_input_nodes if not permuted(operand)]
    return found[0][1] if all(map(_follows, others)) and _lies_permuted(node, found[0][1]) else None


def _lies_permuted(node: Node, order: list[int]) -> bool:
    """Whether PyTorch holds a node's value as a permuted dense tensor: else a view behind it might not take the permutation."""
    extents, strides = [0] * len(order), [0] * len(order)
    for axis, origin in enumerate(order):
        extents[origin] = shape(node)[axis]
    for axis, origin in enumerate(order):
        strides[axis] = math.prod(extents[origin + 1 :])
    held = zip(node.meta["val"].stride(), strides, shape(node), strict=True)
    return all(own == dense or extent == 1 for own, dense, extent in held)


def _follows(operand: Node) -> bool:
    """Whether an operand that is not permuted can be seen in another order without being moved at run time."""
    wide = sum(extent > 1 for extent in shape(operand))
    return operand.op == "get_attr" or (wide <= 1 and operand.meta["val"].is_contiguous())


def _meets_permute(node: Node) -> bool:
    """Whether the only way on from a node is through point-wise operators of its shape to a permute."""
    user = only_user(node)
    while user is not None and is_pointwise(user) and shape(user) == shape(node):
        user = only_user(user)
    return is_op(user, PERMUTE)


def _all_permuted(node: Node) -> bool:
    return sum(permuted(operand) is not None and only_user(operand) is node for operand in node.all_input_nodes) > 1


def _sink(graph: Graph, node: Node, order: list[int]) -> None:
    seen = {operand: _unpermuted(graph, node, operand, order) for operand in node.all_input_nodes}
    args, kwargs = torch.fx.map_arg((node.args, node.kwargs), seen.__getitem__)
    new = add_call(graph, node, node.target, args, kwargs)
    new.meta["source"] = source(node)
    replace(node, add_call(graph, node, PERMUTE, (new, order)))


def _unpermuted(graph: Graph, at: Node, operand: Node, order: list[int]) -> Node:
    """The operand as it broadcasts to what is not permuted yet."""
    pair = permuted(operand)
    if pair:
        return pair[0]
    extents = shape(operand)
    if math.prod(extents) == 1:
        return operand
    padded = (1,) * (len(order) - len(extents)) + extents
    inverse = [order.index(axis) for axis in range(len(order))]
    if operand.op == "get_attr":
        moved = constant(graph, operand).reshape(padded).permute(inverse)
        return add_constant(graph, at, str(operand.target), moved)
    return add_call(graph, at, VIEW, (operand, [padded[axis] for axis in inverse]))
