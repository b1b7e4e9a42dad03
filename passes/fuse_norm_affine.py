"""Lets a normalisation scale and shift its result itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.ir.graph import Graph, add_call, add_constant, dtype, is_op, replace, shape
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user
from amdc.passes.norm_patterns import pairs

aten, amdc_ops = torch.ops.aten, torch.ops.amdc
VIEW = aten.view.default
LAYER, RMS, GROUP = amdc_ops.layer_norm.default, amdc_ops.rms_norm.default, amdc_ops.group_norm.default


@dataclass(frozen=True)
class FuseNormAffine(Pass):
    """Fuse scale and shift behind a normalisation without any into it.

    before: y = layer_norm(x, [C]) * scale + shift                        (scale, shift: [C])
    after:  y = layer_norm(x, [C], scale, shift)
    before: y = view(layer_norm(view(x, [N, G, -1])), [N, C, H, W]) * scale + shift     (scale, shift: [C, 1, 1])
    after:  y = group_norm(x, scale, shift, G); without the views and with G = C, an instance norm
    An RMS norm takes a scale alone. Scale and shift must have the norm's dtype: else the norm's result is rounded before them.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fused, notes = 0, []
        for node in list(graph.graph.nodes):
            end = _last(node)
            scaling = only_user(end) if end else None
            scale = next((other for value, other in pairs(scaling, aten.mul.Tensor) if value is end), None)
            if end is None or scaling is None or not isinstance(scale, Node):
                continue
            why_not = _fuse(graph, node, end, scaling, scale)
            fused += not why_not
            notes += [f"{node} does not take the scale {scale}: {why_not}"] if why_not else []
        return PassResult(fused > 0, (*([f"fused {fused} scales"] if fused else []), *notes))


def _last(node: Node) -> Node | None:
    """A norm without scale and shift, or the view behind it; None for any other node."""
    if not is_op(node, LAYER, RMS) or any(value is not None for value in node.args[2:-1]):
        return None
    user = only_user(node)
    return user if user is not None and is_op(user, VIEW) else node


def _fuse(graph: Graph, node: Node, end: Node, scaling: Node, scale: Node) -> str:
    """Let `node` scale, and shift if that comes next; or say why not."""
    normalized: Any = node.args[1]
    if dtype(scale) != dtype(node):
        return f"it is of {dtype(scale)}, not {dtype(node)}"
    shifting = only_user(scaling)
    shift = next((other for value, other in pairs(shifting, aten.add.Tensor) if value is scaling), None)
    by_row = _extents(scale, end) == list(shape(end)[-len(normalized) :]) and end is node
    groups = _groups(node, end)
    if not by_row and (groups is None or not _per_channel(scale, end)):
        return f"its shape {shape(scale)} is neither that of a row, {list(normalized)}, nor one number a channel"
    fits = isinstance(shift, Node) and dtype(shift) == dtype(node)
    fits = fits and (_extents(shift, end) == _extents(scale, end) if by_row else _per_channel(shift, end))
    takes_shift = fits and not is_op(node, RMS)
    last, bias = (shifting, shift) if takes_shift else (scaling, None)
    assert last is not None
    if shape(last) != shape(end):
        return f"its result has the shape {shape(last)}"
    extents = list(normalized) if by_row else [shape(end)[1]]
    affine = [None if value is None else _flat(graph, last, value, extents) for value in (scale, bias)]
    x, epsilon = node.args[0], node.args[-1]
    if by_row:
        affine = affine[: 1 if is_op(node, RMS) else 2]
        new = add_call(graph, last, node.target, (x, normalized, *affine, epsilon))
    else:
        whole = x if end is node else x.args[0]  # type: ignore[union-attr]
        new = add_call(graph, last, GROUP, (whole, *affine, groups, epsilon))
    replace(last, new, node, end, scaling)
    return ""


def _extents(value: Any, output: Node) -> list[int]:
    """An operand's extents without the leading ones that broadcasting allows to leave out."""
    extents = list(shape(value))
    while extents and extents[0] == 1 and len(extents) > 1:
        extents.pop(0)
    return extents


def _per_channel(value: Any, output: Node) -> bool:
    """Whether an operand is one number a position of axis 1 of the output."""
    rank = len(shape(output))
    padded = (1,) * (rank - len(shape(value))) + shape(value)
    return rank > 2 and padded == (1, shape(output)[1], *[1] * (rank - 2))


def _groups(node: Node, end: Node) -> int | None:
    """How many groups of channels of `end` a norm's rows are: [N,C,*S] normalised over S, or [N,G,L] seen as [N,C,*S]."""
    x: Any = node.args[0]
    normalized: Any = node.args[1]
    if not is_op(node, LAYER) or len(shape(end)) < 3:
        return None
    if end is node:
        return shape(node)[1] if len(normalized) == len(shape(node)) - 2 else None
    batch, channels, *space = shape(end)
    if not is_op(x, VIEW) or shape(x.args[0]) != shape(end) or not x.args[0].meta["val"].is_contiguous():
        return None
    length = math.prod(normalized)
    plane = math.prod(space)
    rows = math.prod(shape(x)[: len(shape(x)) - len(normalized)])
    fits = rows % batch == 0 and length % plane == 0 and channels % (length // plane) == 0
    return rows // batch if fits and rows // batch * length == channels * plane else None


def _flat(graph: Graph, at: Node, value: Node, extents: list[int]) -> Node:
    """A scale or shift in the shape that the operator wants; a constant is shared, not copied."""
    if list(shape(value)) == extents:
        return value
    if value.op == "get_attr":
        return add_constant(graph, at, str(value.target), getattr(graph, str(value.target)).reshape(extents))
    return add_call(graph, at, VIEW, (value, extents))
