"""Operators that work on contiguous rows: softmax, normalisations and reductions of the innermost dimensions."""

from __future__ import annotations

from typing import Any

import torch
from torch.fx import Node

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.ir.graph import dtype, is_op, shape

aten, amdc_ops = torch.ops.aten, torch.ops.amdc
SOFTMAX = (aten._softmax.default, aten._log_softmax.default)
NORMS = (amdc_ops.layer_norm.default, amdc_ops.rms_norm.default, amdc_ops.group_norm.default)
REDUCTIONS = (aten.mean.dim, aten.sum.dim_IntList, aten.amax.default, aten.amin.default, aten.var.correction)
PASSES: dict[Any, int] = {  # how often a kernel reads each element of a row
    **dict.fromkeys((*SOFTMAX, *NORMS), 3),
    amdc_ops.rms_norm.default: 2,
    aten.var.correction: 2,
}


def reads_rows(node: Any) -> bool:
    """Whether a kernel computes a node from rows that lie contiguously, all of floating-point numbers."""
    if not is_op(node, *SOFTMAX, *NORMS, *REDUCTIONS) or not dtype(node).is_floating_point or node.kwargs.get("dtype"):
        return False
    x = node.args[0]
    rank = len(shape(x))
    if rank == 0 or 0 in shape(x) or not dtype(x).is_floating_point:
        return False
    if is_op(node, *SOFTMAX):
        return int(node.args[1]) % rank == rank - 1
    return is_op(node, *NORMS) or _reduces_innermost(node)


def _reduces_innermost(node: Any) -> bool:
    """Whether a reduction is over the last axes, so that a kernel finds the elements of one result side by side."""
    rank = len(shape(node.args[0]))
    axes = node.args[1] if len(node.args) > 1 and node.args[1] else range(rank)
    return sorted(int(axis) % rank for axis in axes) == list(range(rank - len(axes), rank))


def passes_over(node: Node) -> int:
    """How often the kernel of a node that `reads_rows` reads each element."""
    return PASSES.get(node.target, 1)
