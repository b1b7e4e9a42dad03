"""Recognises attention that is spelled out, and makes one operator of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape
from amdc.ir.ops.attention import attention
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.attention_scores import Mask, Scores, combine, factor, is_causal, match, number

aten = torch.ops.aten
MOVES = (aten.view.default, aten.permute.default, aten.expand.default, aten.clone.default)
STORED = (torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class FuseAttention(Pass):
    """Make amdc::attention of two matrix products with a softmax between them.

    before: s = bmm(q, k^T) * scale + mask; y = bmm(softmax(s), v)
    after:  y = attention(q, k, v, mask, scale, causal)
    The scale may stand on queries, keys or scores, as a product or a quotient; masks are added, or choose between scores and a
    very low number; a constant mask that is a lower triangle becomes `causal`; keys and values repeated for groups of heads are
    taken as they were before. Scores or weights that something else uses stay as they are. A row that masks of -inf hide wholly
    becomes 0, where the softmax gave NaN.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        made, notes = 0, []
        for node in list(graph.graph.nodes):
            if is_op(node, attention) and _simplified(graph, node):
                made += 1
            if not is_op(node, aten.bmm.default) or dtype(node) not in STORED:
                continue
            softmax, tests = _softmax(graph, node)
            if softmax is None:
                continue
            scores = match(graph, softmax.args[0], tests)
            if scores is None or dtype(scores.product) != dtype(node):
                notes.append(f"{node}: what {softmax} is computed of is no scaled and masked product of its own")
                continue
            replace(node, _attention(graph, node, scores), softmax, scores.product)
            made += 1
        return PassResult(made > 0, (*notes, *((f"fused {made} attentions",) if made else ())))


def _masked_causally(graph: Graph, node: Node) -> bool:
    """Whether an attention's mask is the lower triangle: then no mask needs to be read, and half of the keys not either."""
    if not isinstance(node.args[3], Node):
        return False
    level = (*shape(node)[:3], shape(node.args[1])[2])  # type: ignore[arg-type]
    return is_causal(graph, Mask(node.args[3], level))


def _simplified(graph: Graph, node: Node) -> bool:
    """Let an attention without a mask that is the lower triangle, and on keys and values as they were before they were repeated
    for groups of heads, stand for one; whether there was anything to change."""
    q, k, v, mask, scale, causal, *rest = node.args
    masked = _masked_causally(graph, node)
    repeated = [found for found in (_ungrouped(k), _ungrouped(v)) if found is not None]
    grouped = len(repeated) == 2 and repeated[0][1][1] == repeated[1][1][1]
    if not masked and not grouped:
        return False
    if grouped:
        k, v = (add_call(graph, node, aten.view.default, found) for found in repeated)
    parts = (q, k, v, None if masked else mask, scale, masked or causal, *rest)
    replace(node, add_call(graph, node, attention, parts, dict(node.kwargs)))
    return True


def _softmax(graph: Graph, product: Node) -> tuple[Node | None, frozenset[Node]]:
    """The softmax over the last dimension that is the left operand of a product, used by nothing else; what tests its scores."""
    node: Any = product.args[0]
    while is_op(node, aten.view.default, aten.clone.default, aten._to_copy.default, aten.where.self) and len(node.users) == 1:
        if is_op(node, aten.where.self):
            return _safe(graph, node)
        node = node.args[0]
    alone = _is_softmax(node) and len(node.users) == 1 and shape(node)[-2:] == shape(product.args[0])[-2:]  # type: ignore[arg-type]
    return node if alone else None, frozenset()


def _is_softmax(node: Any) -> bool:
    return is_op(node, aten._softmax.default) and node.args[1] in (-1, len(shape(node)) - 1)


def _safe(graph: Graph, node: Node) -> tuple[Node | None, frozenset[Node]]:
    """where(every score is -inf, 0, softmax(scores)) or where(isnan(weights), 0, weights): what attention gives for such rows."""
    condition, zero, softmax = node.args
    if not isinstance(softmax, Node) or not _is_softmax(softmax) or not _is_zero(graph, zero):
        return None, frozenset()
    if not set(softmax.users) <= {node, zero, condition}:
        return None, frozenset()
    if is_op(condition, aten.isnan.default) and condition.args[0] is softmax:  # type: ignore[union-attr]
        return softmax, frozenset()
    test: Any = condition
    for target in (aten.logical_not.default, aten.any.dim, aten.logical_not.default):
        if not is_op(test, target):
            return None, frozenset()
        test = test.args[0]
    hides = is_op(test, aten.eq.Scalar) and test.args[1] == -math.inf and test.args[0] is softmax.args[0]
    return (softmax, frozenset([test])) if hides else (None, frozenset())


def _is_zero(graph: Graph, node: Any) -> bool:
    filled = is_op(node, aten.full_like.default, aten.full.default) and node.args[1] == 0
    return filled or (is_op(node, aten.scalar_tensor.default) and node.args[0] == 0) or number(graph, node) == 0


def _attention(graph: Graph, product: Node, scores: Scores) -> Node:
    """The call that computes what `product`, of weights and values, computes, in its shape."""
    left, right = scores.product.args
    (count, m, _), n = shape(left), shape(right)[2]  # type: ignore[arg-type]
    q, on_q = _unscaled(graph, product, left)
    k, on_k = _unscaled(graph, product, right)
    heads = _heads([*scores.shapes, *_sources(q), *_sources(k)], count)
    queries = _four(graph, product, q, heads)
    keys = _transposed(graph, product, _four(graph, product, k, heads))
    values = _four(graph, product, product.args[1], heads)
    grouped = _grouped(graph, product, keys), _grouped(graph, product, values)
    if grouped[0] is not None and grouped[1] is not None and shape(grouped[0])[1] == shape(grouped[1])[1]:
        keys, values = grouped[0], grouped[1]
    causal = [mask for mask in scores.masks if is_causal(graph, mask)]
    mask = combine(graph, product, [mask for mask in scores.masks if mask not in causal], heads)
    cap = scores.cap or 0.0
    scale = scores.scale * on_q * on_k * (cap or 1.0)
    made = add_call(graph, product, attention, (queries, keys, values, mask, scale, bool(causal), cap))
    made.meta["source"] = tuple(product.meta.get("source", ()))
    assert shape(made) == (*heads, m, shape(product)[2]) and shape(keys)[2] == n
    return add_call(graph, product, aten.view.default, (made, list(shape(product))))


def _unscaled(graph: Graph, before: Node, operand: Any) -> tuple[Node, float]:
    """The operand without the multiplications by numbers that it went through, and what they multiply it by."""
    chain: list[Node] = []
    node, moved, total = operand, 0, 1.0
    while isinstance(node, Node):
        scaled = factor(graph, node)
        if scaled is not None:
            node, total, moved = scaled[0], total * scaled[1], len(chain)
            start = node
        elif is_op(node, *MOVES):
            chain.append(node)
            node = node.args[0]
        else:
            break
    if total == 1.0:
        return operand, 1.0
    for move in reversed(chain[:moved]):
        start = add_call(graph, before, move.target, (start, *move.args[1:]), dict(move.kwargs))
        start.meta["source"] = tuple(move.meta.get("source", ()))
    return start, total


def _sources(node: Node) -> list[tuple[int, ...]]:
    """The shapes of what a chain of views starts from, the nearest first."""
    found = []
    while is_op(node, aten.view.default, aten.clone.default):
        node = node.args[0]  # type: ignore[assignment]
        found.append(shape(node))
    return found


def _heads(shapes: list[tuple[int, ...]], count: int) -> tuple[int, int]:
    """Batch and heads that are `count` together: as some shape of rank 4 says, else one batch."""
    return next(((s[0], s[1]) for s in shapes if len(s) == 4 and s[0] * s[1] == count), (1, count))


def _four(graph: Graph, before: Node, node: Any, heads: tuple[int, int]) -> Node:
    """[batch * heads, a, b] as [batch, heads, a, b]: what it was reshaped from, if it was."""
    wanted, origin = (*heads, *shape(node)[1:]), node
    while is_op(origin, aten.view.default, aten.clone.default):
        origin = origin.args[0]
        if shape(origin) == wanted:
            return origin
    return add_call(graph, before, aten.view.default, (node, list(wanted)))


def _transposed(graph: Graph, before: Node, node: Node) -> Node:
    """The last two of four dimensions exchanged."""
    order, origin = [0, 1, 3, 2], node
    if is_op(node, aten.permute.default):
        first: Any = node.args[1]
        order = [first[dim] % 4 for dim in order]
        origin = node.args[0]  # type: ignore[assignment]
    return origin if order == [0, 1, 2, 3] else add_call(graph, before, aten.permute.default, (origin, order))


def _grouped(graph: Graph, before: Node, node: Node) -> Node | None:
    """[B,G,N,D] of which [B,H,N,D] is made by repeating each group for H / G heads; None where it is not made so."""
    found = _ungrouped(node)
    return None if found is None else add_call(graph, before, aten.view.default, found)


def _ungrouped(node: Any) -> tuple[Node, list[int]] | None:
    """What a repetition for H / G heads repeats, [B,G,1,N,D], and its shape [B,G,N,D]; None where a node is no such thing."""
    if not is_op(node, aten.view.default, aten.clone.default) or len(shape(node)) != 4:
        return None
    origin: Any = node
    while is_op(origin, aten.view.default, aten.clone.default):
        origin = origin.args[0]
    batch, heads, n, d = shape(node)
    if not is_op(origin, aten.expand.default) or len(shape(origin)) != 5:
        return None
    groups, repeats = shape(origin)[1:3]
    if shape(origin) != (batch, groups, repeats, n, d) or shape(origin.args[0]) != (batch, groups, 1, n, d):
        return None
    assert groups * repeats == heads
    return origin.args[0], [batch, groups, n, d]
