"""Concatenation without a kernel: what is joined is computed where it belongs in the result.

Along a dimension that no extent above 1 precedes (channels, at batch 1) the inputs are consecutive parts of the result, so each
producer writes into its part. A chain of concatenations, as in a dense block, becomes one buffer that grows.
"""

from __future__ import annotations

import math
import operator

from torch.fx import Node

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.expression import dtype_name
from amdc.ir import graph as ir
from amdc.ir.pointwise import aten
from amdc.program import ITEM_SIZES


def concat_dim(node: Node) -> int:
    """The dimension that aten.cat joins along."""
    dim = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
    assert isinstance(dim, int)
    return dim % len(ir.shape(node))


def parts(node: Node) -> list[tuple[Node, int]]:
    """The inputs of an aten.cat that are not empty, and where each starts along the dimension."""
    dim, start = concat_dim(node), 0
    found: list[tuple[Node, int]] = []
    for part in node.args[0]:  # type: ignore[union-attr]
        assert isinstance(part, Node)
        if len(ir.shape(part)) == len(ir.shape(node)) and part.meta["val"].numel():
            found.append((part, start))
            start += ir.shape(part)[dim]
    return found


def join_in_place(graph: ir.Graph, builder: ProgramBuilder, nodes: list[Node]) -> None:
    """Give the inputs of such concatenations their places, the outermost first. A part keeps a place of its own where it is an
    input, a constant or an output of the model, or belongs to another concatenation already."""
    outputs = set(ir.output_nodes(graph))
    for node in reversed(nodes):
        if not ir.is_op(node, aten.cat.default) or math.prod(ir.shape(node)[: concat_dim(node)]) != 1:
            continue
        step = ITEM_SIZES[dtype_name(node)] * math.prod(ir.shape(node)[concat_dim(node) + 1 :])
        joined = [part for part, _ in parts(node)]
        for part, start in parts(node):
            producer, index = (part.args[0], part.args[1]) if part.target is operator.getitem else (part, 0)
            assert isinstance(producer, Node) and isinstance(index, int)
            free = (
                producer.op in ("call_function", "call_module") and part not in outputs and not builder.is_placed(producer, index)
            )
            if free and joined.count(part) == 1 and dtype_name(part) == dtype_name(node):
                builder.place_within(producer, builder.place(node), start * step, index)
