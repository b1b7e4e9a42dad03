"""Lets one kernel gather and add the rows of two tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape, source
from amdc.ir.ops.embedding_sum import embedding_sum
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import elements, only_user

aten = torch.ops.aten
INDICES = (torch.int32, torch.int64)


@dataclass(frozen=True)
class FuseEmbeddings(Pass):
    """One operator for the sum of tokens' and positions' embeddings.

    before: y = index(tokens, [i]) + view(embedding(positions, j), ...)
    after:  y = view(embedding_sum(tokens, i, positions, j), ...)
    Two launches become one, and the norm behind, which no longer has a sum to compute, may become part of a product. Only for
    fp32 and as many rows of both tables.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        made = 0
        for node in list(graph.graph.nodes):
            if not is_op(node, aten.add.Tensor) or node.kwargs or dtype(node) != torch.float32:
                continue
            found = [_gathered(operand, node) for operand in node.args]
            if found[0] is None or found[1] is None or len({(elements(rows), shape(table)[1]) for table, rows, _ in found}) > 1:  # type: ignore[misc]
                continue
            operands, gathers = [], []
            for table, rows, gather in found:  # type: ignore[misc]
                flat = len(shape(rows)) == 1
                operands += [table, rows if flat else add_call(graph, node, aten.view.default, (rows, [elements(rows)]))]
                gathers.append(gather)
            whole = add_call(graph, node, embedding_sum, tuple(operands))
            whole.meta["source"] = source(*gathers, node)
            replace(node, add_call(graph, node, aten.view.default, (whole, list(shape(node)))))
            made += 1
        return PassResult(made > 0, (f"fused {made} sums of embeddings",) if made else ())


def _gathered(value: Any, user: Node) -> tuple[Node, Node, Node] | None:
    """Table, indices and operator of rows that are gathered for `user` alone and have its shape; None for any other value."""
    if not isinstance(value, Node) or shape(value) != shape(user):
        return None
    while is_op(value, aten.view.default) and only_user(value) is user:
        user, value = value, value.args[0]
    if not isinstance(value, Node) or only_user(value) is not user:
        return None
    table: Any = value.args[0] if value.args else None
    rows: Any = None
    if is_op(value, aten.embedding.default):
        rows = value.args[1]
    elif is_op(value, aten.index.Tensor) and len(value.args[1]) == 1:  # type: ignore[arg-type]
        rows = value.args[1][0]  # type: ignore[index]
    fits = rows is not None and len(shape(table)) == 2 and dtype(rows) in INDICES and dtype(table) == dtype(value)
    return (table, rows, value) if fits and elements(value) == elements(rows) * shape(table)[1] > 0 else None
