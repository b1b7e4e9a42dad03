"""Makes one matrix product of those that project one input for attention: queries, keys and values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, dtype, is_op, replace, shape, source
from amdc.ir.ops.attention import attention
from amdc.ir.pointwise import is_pointwise
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user

aten = torch.ops.aten
MOVES = (aten.view.default, aten.permute.default, aten.expand.default, aten.slice.Tensor, aten.flip.default, aten.cat.default)


@dataclass(frozen=True)
class Projection:
    """x @ weight, and `end`: the product itself, or the only addition behind it, of a constant bias a column."""

    product: Node
    end: Node
    weight: torch.Tensor
    bias: torch.Tensor | None


@dataclass(frozen=True)
class MergeProjections(Pass):
    """Merge products of one input with constant weights into one, whose columns are the parts.

    before: q = x @ a + p; k = x @ b + r; v = x @ c + s
    after:  m = x @ [a b c] + [p r s]; q = m[:, :n], ...
    Only where all of them end in attention, through views, rotations and the like: these read a part where it lies, so that three
    launches become one. Others would need a copy of each part.
    """

    max_depth: int = 12  # operators between a product and the attention

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        merged = 0
        uses = Counter(str(node.target) for node in graph.graph.nodes if node.op == "get_attr" for _ in node.users)
        for x in list(graph.graph.nodes):
            found = [self.projection(graph, user, uses) for user in x.users if user.args[0] is x] if len(x.users) > 1 else []
            parts = [part for part in found if part is not None]
            parts = [part for part in parts if part.weight.dtype == parts[0].weight.dtype]
            if len(parts) > 1:
                _merge(graph, x, parts)
                merged += len(parts)
        return PassResult(merged > 0, (f"merged {merged} products",) if merged else ())

    def projection(self, graph: Graph, node: Node, uses: Mapping[str, int]) -> Projection | None:
        """A product that can be merged; None for any other node. `uses` counts those of each constant: a shared one stays."""
        weight: Any = node.args[1] if is_op(node, aten.mm.default) else None
        if weight is None or weight.op != "get_attr" or uses[str(weight.target)] > 1:
            return None
        end, bias = _biased(graph, node)
        if not end.users or not all(self.attends(user, self.max_depth) for user in end.users):
            return None
        return Projection(node, end, constant(graph, weight), bias)

    def attends(self, node: Node, depth: int) -> bool:
        """Whether all that comes of a value goes into attention or its cache, through operators that read views in place."""
        if is_op(node, attention, aten.index_put.default):
            return True
        if depth == 0 or not node.users or not (is_op(node, *MOVES) or is_pointwise(node)):
            return False
        return all(self.attends(user, depth - 1) for user in node.users)


def _biased(graph: Graph, product: Node) -> tuple[Node, torch.Tensor | None]:
    """The addition of a constant row behind a product, and the row; the product itself where there is none."""
    user = only_user(product)
    if user is not None and is_op(user, aten.add.Tensor) and not user.kwargs and shape(user) == shape(product):
        other: Any = user.args[1] if user.args[0] is product else user.args[0]
        columns = shape(product)[1]
        row = isinstance(other, Node) and other.op == "get_attr" and shape(other) in ((columns,), (1, columns))
        if row and dtype(other) == dtype(product):
            return user, constant(graph, other).reshape(-1)
    return product, None


def _merge(graph: Graph, x: Node, parts: list[Projection]) -> None:
    """Put one product, with one bias where any part has one, before the first, and let its columns stand for the parts."""
    order = {node: index for index, node in enumerate(graph.graph.nodes)}
    first = min((part.product for part in parts), key=order.__getitem__)
    weight = add_constant(graph, first, "merged_weight", torch.cat([part.weight for part in parts], 1))
    weight.meta["value"] = None
    whole = add_call(graph, first, aten.mm.default, (x, weight))
    whole.meta["source"] = source(*(part.product for part in parts))
    if any(part.bias is not None for part in parts):
        rows = [part.weight.new_zeros(part.weight.shape[1]) if part.bias is None else part.bias for part in parts]
        whole = add_call(graph, first, aten.add.Tensor, (whole, add_constant(graph, first, "merged_bias", torch.cat(rows))))
        whole.meta["source"] = source(*(part.end for part in parts))
    start = 0
    for part in parts:
        columns = part.weight.shape[1]
        piece = add_call(graph, first, aten.slice.Tensor, (whole, 1, start, start + columns))
        replace(part.end, piece, part.product)
        start += columns
