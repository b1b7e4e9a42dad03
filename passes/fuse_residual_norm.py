"""Lets a normalisation add the residual connection before it, where the sum is needed again behind it."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.cost import kernel_work, microseconds
from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape, source
from amdc.pass_manager import Pass, PassContext, PassResult

amdc_ops = torch.ops.amdc
JOINED: dict[Any, Any] = {
    amdc_ops.layer_norm.default: amdc_ops.add_layer_norm.default,
    amdc_ops.rms_norm.default: amdc_ops.add_rms_norm.default,
}


@dataclass(frozen=True)
class FuseResidualNorm(Pass):
    """One kernel that writes a sum and its norm.

    before: s = x + y; n = layer_norm(s, ...); ... s is used elsewhere too
    after:  s, n = add_layer_norm(x, y, ...)
    Where a matrix product's epilogue computes the sum already, nothing is left to join; where nothing else uses the sum, it
    becomes the norm's prologue (FuseRows). In between, the cost of a launch and of reading the sum once more decides.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        joined, notes = 0, []
        for norm in list(graph.graph.nodes):
            total = norm.args[0] if is_op(norm, *JOINED) and norm.users else None
            if not isinstance(total, Node) or not is_op(total, torch.ops.aten.add.Tensor) or len(total.users) < 2:
                continue
            reason = _obstacle(total) or _dearer(total, norm, context)
            if reason:
                notes.append(f"{norm} does not add {total} itself: {reason}")
            else:
                _join(graph, total, norm)
                joined += 1
        return PassResult(joined > 0, (*([f"joined {joined} sums with their norms"] if joined else []), *notes))


def _obstacle(total: Node) -> str:
    """Why a sum cannot be the norm's own; empty where it can."""
    operands = total.args[:2]
    if total.kwargs or not all(isinstance(o, Node) for o in operands):
        return "it is no sum of two tensors"
    same = all(shape(o) == shape(total) and dtype(o) == dtype(total) for o in total.all_input_nodes)
    return "" if same else "its operands are of another shape or type than the sum"


def _dearer(total: Node, norm: Node, context: PassContext) -> str:
    """Why two kernels would be better; empty where they are not."""
    elements = total.meta["val"].numel()
    apart = [kernel_work([node], [node], elements) for node in (total, norm)]
    together = kernel_work([total, norm], [total, norm], elements)
    gain = sum(microseconds(work, context.target) for work in apart) - microseconds(together, context.target)
    return "" if gain > 0 else f"that would cost {-gain:.1f} us more"


def _join(graph: Graph, total: Node, norm: Node) -> None:
    made = add_call(graph, norm, JOINED[norm.target], (*total.args, *norm.args[1:]))
    made.meta["source"] = source(total, norm)
    _move_users_behind(norm, total)
    for index, old in enumerate((total, norm)):
        replace(old, add_call(graph, norm, operator.getitem, (made, index)))


def _move_users_behind(norm: Node, total: Node) -> None:
    """Nothing that uses the sum may stand before the norm: the operators between them that depend on it go behind it."""
    late, behind = {total}, norm
    node = total.next
    while node is not norm:
        following = node.next
        if not late.isdisjoint(node.all_input_nodes):
            late.add(node)
            behind.append(node)
            behind = node
        node = following
