"""Recognises what a softmax in attention is computed of: a product of queries and keys, scaled, capped, masked."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, dtype, is_op, shape
from amdc.passes.constants import is_constant, tensor_of

aten = torch.ops.aten
# A finite score as low as the first has no weight beside others. As low as the second it swallows what it is added to (fp32 has
# 24 bits), so that rows that see nothing but such scores average alike, however the mask is spelled.
NO_WEIGHT, SWALLOWS = -1e4, -1e8


@dataclass(frozen=True)
class Mask:
    """`node` broadcasts to `level`, the scores' shape where it stands. A bool one, or its `inverse`, keeps scores; a float one
    is added."""

    node: Node
    level: tuple[int, ...]
    inverse: bool = False
    added: float = 0.0  # of a bool mask: what is added to the scores that it hides, where it is not -inf


@dataclass(frozen=True)
class Scores:
    """cap * tanh(scale * product) where there is a `cap`, else scale * product; then the masks. `shapes` are those on the way."""

    product: Node
    scale: float = 1.0
    cap: float | None = None
    masks: tuple[Mask, ...] = ()
    shapes: tuple[tuple[int, ...], ...] = ()


def number(graph: Graph, value: Any) -> float | None:
    """The value of a constant that is one floating-point number."""
    tensor = tensor_of(graph, value) if is_constant(value) and not isinstance(value, bool) else None
    return float(tensor) if tensor is not None and tensor.numel() == 1 else None


def factor(graph: Graph, node: Node) -> tuple[Node, float] | None:
    """What a multiplication or division by one constant number multiplies, and by how much."""
    if is_op(node, aten.mul.Tensor, aten.mul.Scalar):
        for data, other in (node.args[:2], node.args[1::-1]):
            value = number(graph, other)
            if isinstance(data, Node) and value is not None and shape(data) == shape(node):
                return data, value
    elif is_op(node, aten.div.Tensor, aten.div.Scalar) and not node.kwargs:
        value = number(graph, node.args[1])
        if isinstance(node.args[0], Node) and value and shape(node.args[0]) == shape(node):
            return node.args[0], 1.0 / value
    return None


def match(graph: Graph, node: Any, tests: frozenset[Node] = frozenset()) -> Scores | None:
    """A node as scores; None where it is something else, or where more than one node uses a value on the way, `tests` apart."""
    if not isinstance(node, Node) or node.op != "call_function" or len(set(node.users) - tests) > 1:
        return None
    if is_op(node, aten.bmm.default):
        return Scores(node, shapes=(shape(node),))
    if is_op(node, aten.view.default, aten.clone.default, aten._to_copy.default):
        found = match(graph, node.args[0])
        if found is None or not _splits_heads(found, shape(node)) or not dtype(node).is_floating_point:
            return None
        return replace(found, shapes=(*found.shapes, shape(node)))
    if is_op(node, aten.tanh.default):
        found = match(graph, node.args[0])
        return replace(found, cap=1.0) if found is not None and found.cap is None and not found.masks else None
    if is_op(node, aten.add.Tensor) and not node.kwargs:
        return _added(graph, node)
    if is_op(node, aten.where.self):
        return _hidden(graph, node)
    scaled = factor(graph, node)
    found = match(graph, scaled[0]) if scaled is not None else None
    if scaled is None or found is None or found.masks:
        return None
    return replace(found, scale=found.scale * scaled[1]) if found.cap is None else replace(found, cap=found.cap * scaled[1])


def _splits_heads(scores: Scores, extents: tuple[int, ...]) -> bool:
    """Whether scores of this shape are those of the product, their batch as it was or split in one way into batch and heads."""
    splits = {s[:2] for s in (*scores.shapes, extents) if len(s) == 4}
    return extents[-2:] == scores.shapes[0][-2:] and len(extents) in (3, 4) and len(splits) <= 1


def _added(graph: Graph, node: Node) -> Scores | None:
    for data, mask in (node.args[:2], node.args[1::-1]):
        if isinstance(mask, Node) and isinstance(data, Node) and shape(data) == shape(node) and dtype(mask).is_floating_point:
            found = match(graph, data)
            if found is not None:
                return replace(found, masks=(*found.masks, Mask(mask, shape(node))))
    return None


def _hidden(graph: Graph, node: Node) -> Scores | None:
    """where(keep, scores, low) or where(hide, low, scores)"""
    condition, *branches = node.args
    for inverse, (data, low) in enumerate((branches, branches[::-1])):
        value = number(graph, low)
        if value is None or not isinstance(data, Node) or shape(data) != shape(node) or not isinstance(condition, Node):
            continue
        found = match(graph, data)
        if found is None or not (value <= SWALLOWS or (value <= NO_WEIGHT and _each_row_sees(graph, condition, bool(inverse)))):
            return None
        added = 0.0 if math.isinf(value) or value > SWALLOWS else value
        return replace(found, masks=(*found.masks, Mask(condition, shape(node), bool(inverse), added)))
    return None


def _each_row_sees(graph: Graph, condition: Node, inverse: bool) -> bool:
    """Whether a constant condition keeps at least one score of each row."""
    if condition.op != "get_attr":
        return False
    kept = constant(graph, condition) ^ inverse
    return bool(kept.any(-1).all()) if kept.dim() else bool(kept)


def is_causal(graph: Graph, mask: Mask) -> bool:
    """Whether a constant mask lets row m see the columns up to m + N - M, and no others."""
    rows, columns = mask.level[-2:]
    if mask.node.op != "get_attr" or shape(mask.node)[-2:] != (rows, columns) or columns < rows:
        return False
    held = constant(graph, mask.node).reshape(-1, rows, columns)
    if held.dtype == torch.bool:
        kept = held ^ mask.inverse
    elif bool(((held == 0) | (held <= SWALLOWS)).all()):
        kept = held == 0
    else:
        return False
    return torch.equal(kept, torch.ones_like(kept).tril(columns - rows))


def combine(graph: Graph, before: Node, masks: list[Mask], heads: tuple[int, int]) -> Node | None:
    """One mask for attention over [batch, heads, M, N] that does what all of them do, computed in front of `before`."""
    floats: list[Node] = []
    bools: list[Node] = []
    for mask in masks:
        node = _four(graph, before, mask, heads)
        if dtype(node) != torch.bool:
            floats.append(node)
        elif mask.added:
            shown, hidden = (add_constant(graph, before, "score", torch.tensor(value)) for value in (0.0, mask.added))
            branches = (hidden, shown) if mask.inverse else (shown, hidden)
            floats.append(add_call(graph, before, aten.where.self, (node, *branches)))
        else:
            bools.append(add_call(graph, before, aten.logical_not.default, (node,)) if mask.inverse else node)
    added, kept = _fold(graph, before, aten.add.Tensor, floats), _fold(graph, before, aten.logical_and.default, bools)
    if added is None or kept is None:
        return added or kept
    hidden = add_constant(graph, before, "score", torch.tensor(-torch.inf, dtype=dtype(added)))
    return add_call(graph, before, aten.where.self, (kept, added, hidden))


def _fold(graph: Graph, before: Node, target: Any, nodes: list[Node]) -> Node | None:
    """All nodes joined by a two-operand operator."""
    found: Node | None = None
    for node in nodes:
        found = node if found is None else add_call(graph, before, target, (found, node))
    return found


def _four(graph: Graph, before: Node, mask: Mask, heads: tuple[int, int]) -> Node:
    """The mask's node, broadcasting to [batch, heads, M, N]."""
    extents = shape(mask.node)
    if len(mask.level) == 4 or len(extents) < 3 or extents[-3] == 1:
        return mask.node
    return add_call(graph, before, aten.view.default, (mask.node, [*heads, *extents[-2:]]))
