"""Spells the rotation of rotary position embeddings so that it moves nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, dtype, is_op, replace, shape, source
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user

aten = torch.ops.aten


@dataclass(frozen=True)
class RotateHalves(Pass):
    """Exchange the halves of the last dimension by a view with a negative step, and their signs by a product.

    before: y = cat([-x[..., h:], x[..., :h]], -1)
    after:  y = flip(x.view(..., 2, h), -2).view(x.shape) * [-1, ..., 1, ...]
    A view is read in place and the product fuses with those by cosines and sines behind it: one launch instead of four
    (Su et al. 2021, RoFormer, in the form of halves that GPT-NeoX and Llama have).
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        made = 0
        for node in list(graph.graph.nodes):
            x = _halves(node)
            if x is not None:
                replace(node, _rotated(graph, node, x), *_parts(node))
                made += 1
        return PassResult(made > 0, (f"rotated {made} tensors by views",) if made else ())


def _parts(node: Node) -> list[Node]:
    parts: Any = node.args[0]
    return list(parts)


def _halves(node: Node) -> Node | None:
    """x, where a node is cat([-x[..., h:], x[..., :h]], -1); else None."""
    if not is_op(node, aten.cat.default) or len(_parts(node)) != 2:
        return None
    rank, width = len(shape(node)), shape(node)[-1]
    dim: Any = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    behind, front = _parts(node)
    if dim % rank != rank - 1 or width % 2 or not is_op(behind, aten.neg.default) or only_user(behind) is not node:
        return None
    x = _slice(behind.args[0], width // 2, width)
    return x if x is not None and x is _slice(front, 0, width // 2) and dtype(x).is_floating_point else None


def _slice(node: Any, start: int, end: int) -> Node | None:
    """x, where a node is x[..., start:end]; else None."""
    if not is_op(node, aten.slice.Tensor) or len(node.args) < 4 or node.args[1] % len(shape(node)) != len(shape(node)) - 1:
        return None
    x, _, first, last, *step = node.args
    width = shape(x)[-1]
    first, last = first or 0, width if last is None else min(last, width)
    bounds = [bound + width if bound < 0 else bound for bound in (first, last)]
    return x if bounds == [start, end] and step in ([], [1]) and width == 2 * (end - start) else None


def _rotated(graph: Graph, node: Node, x: Node) -> Node:
    """The halves of x exchanged, times the sign of each column, in front of `node`."""
    *outer, width = shape(x)
    pairs = add_call(graph, node, aten.view.default, (x, [*outer, 2, width // 2]))
    turned = add_call(graph, node, aten.flip.default, (pairs, [len(outer)]))
    flat = add_call(graph, node, aten.view.default, (turned, [*outer, width]))
    signs = torch.ones(width, dtype=dtype(x))
    signs[: width // 2] = -1
    for moved in (pairs, turned, flat):
        moved.meta["source"] = source(*_parts(node))
    return add_call(graph, node, aten.mul.Tensor, (flat, add_constant(graph, node, "rotation_signs", signs)), like=node)
