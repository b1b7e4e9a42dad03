"""Makes one operator of a normalisation that is spelled out."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.ir.graph import Graph, add_call, constant, dtype, is_op, replace, shape, source
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.norm_patterns import Normalised, deviation, inverse_deviation, normalised

aten, amdc_ops = torch.ops.aten, torch.ops.amdc
NATIVE = (aten.native_layer_norm.default, aten.native_group_norm.default)


@dataclass(frozen=True)
class FuseNormalization(Pass):
    """One layer norm or RMS norm instead of its parts, and operators with one result instead of those with statistics.

    before: d = x - mean(x); y = d / sqrt(mean(d * d) + epsilon)     before: y = x * rsqrt(mean(x ** 2) + epsilon)
    after:  y = layer_norm(x, epsilon)                               after:  y = rms_norm(x, epsilon)
    The axes must be the innermost ones. Scale and shift are taken by `FuseNormAffine`. The spellings: see norm_patterns.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fused, notes = 0, []
        for node in list(graph.graph.nodes):
            found = normalised(node) if node.users else None
            if found:
                reason = _obstacle(node, found)
                if reason:
                    notes.append(f"{node} stays as it is spelled: {reason}")
                else:
                    _fuse(graph, node, found)
                    fused += 1
            elif is_op(node, *NATIVE):
                fused += _with_one_result(graph, node)
        notes += _near_misses(graph)
        return PassResult(fused > 0, (*([f"fused {fused} normalisations"] if fused else []), *notes))


def _obstacle(node: Node, found: Normalised) -> str:
    """Why a normalisation cannot be one operator; empty where it can."""
    statistics = found.statistics
    rank = len(shape(statistics.x))
    if statistics.axes != tuple(range(rank - len(statistics.axes), rank)):
        return f"it is over axes {list(statistics.axes)} of {rank}, which are not the innermost ones"
    if shape(statistics.x) != shape(node) or dtype(statistics.x) != dtype(node):
        return "its statistics are of another shape or type than its result"
    return ""


def _near_misses(graph: Graph) -> list[str]:
    """Roots of a variance that are left over, with what they are used for."""
    left = [node for node in graph.graph.nodes if node.users and (inverse_deviation(node) or deviation(node))]
    return [
        f"{node} is the root of a variance that {', '.join(map(str, node.users))} uses otherwise than to divide what it is of"
        for node in left
        if not any(is_op(user, aten.reciprocal.default) or normalised(user) for user in node.users)
    ]


def _fuse(graph: Graph, node: Node, found: Normalised) -> None:
    statistics = found.statistics
    extents = list(shape(statistics.x)[-len(statistics.axes) :])
    if statistics.centred:
        new = add_call(graph, node, amdc_ops.layer_norm.default, (statistics.x, extents, None, None, statistics.epsilon))
    else:
        new = add_call(graph, node, amdc_ops.rms_norm.default, (statistics.x, extents, None, statistics.epsilon))
    for target, operand in ((aten.mul.Tensor, found.scale), (aten.add.Tensor, found.shift)):
        if operand is not None:
            new.meta["source"] = source(node)
            new = add_call(graph, node, target, (new, operand))
    replace(node, new)


def _with_one_result(graph: Graph, node: Node) -> bool:
    """native_layer_norm(x, ...)[0] -> layer_norm(x, ...), and so for group norm, where nothing uses the statistics."""
    args: Any = node.args
    results = [user for user in node.users if user.users]
    if not results or any(user.target is not operator.getitem or user.args[1] != 0 for user in results):
        return False
    if is_op(node, aten.native_layer_norm.default):
        new = add_call(graph, node, amdc_ops.layer_norm.default, args)
    else:
        x, weight, bias, _, channels, _, groups, epsilon = args
        if groups == channels and _neutral(graph, weight, 1.0) and _neutral(graph, bias, 0.0):
            new = add_call(graph, node, amdc_ops.layer_norm.default, (x, list(shape(x)[2:]), None, None, epsilon))
        else:
            new = add_call(graph, node, amdc_ops.group_norm.default, (x, weight, bias, groups, epsilon))
    for result in results:
        replace(result, new, node)
    return True


def _neutral(graph: Graph, value: Any, number: float) -> bool:
    """Whether a weight or bias is absent, or the same as if it were."""
    return value is None or (value.op == "get_attr" and bool((constant(graph, value) == number).all()))
