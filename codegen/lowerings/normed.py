"""Products that normalise their rows, and what the products before them leave for that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch.fx import Node

from amdc.codegen.builder import Place
from amdc.ir import graph as ir
from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.regions import anchor, is_region
from amdc.kernels.norm_gemv import MOST_ROWS


@dataclass(frozen=True)
class RowParts:
    """What a product leaves of each row of its result: mean and squared distances from it over each `columns` columns, in
    `place`, [2, count, rows]."""

    place: Place
    count: int
    columns: int


def norm_follows(graph: ir.Graph, node: Node) -> bool:
    """Whether a product for many rows takes the layer norm of a node's value."""
    return any(found is not None and found[0] is node for found in (normed(graph, user) for user in node.users))


def moments_writer(graph: ir.Graph, moments: Node) -> Node | None:
    """The first product that computes the layer norm which these moments are of, if it comes before all that use them."""
    x, epsilon = moments.args
    order = {node: index for index, node in enumerate(graph.graph.nodes)}
    products = [node for node in x.users if normed(graph, node) == (x, epsilon)]  # type: ignore[union-attr]
    first = min(products, key=order.__getitem__, default=None)
    uses = [use for result in moments.users for use in result.users]
    return first if first is not None and all(order[use] > order[first] for use in uses) else None


def normed(graph: ir.Graph, node: Node) -> tuple[Any, Any] | None:
    """What a product for many rows, bare or with an epilogue, takes the layer norm of, and that one's epsilon; None for any other
    node."""
    outer: dict[Any, Any] = {}
    product: Node | None = node
    if is_region(node):
        body = ir.region(graph, node)
        outer = dict(zip(ir.placeholders(body), node.args, strict=True))
        product = anchor(body)
    if product is None or not ir.is_op(product, norm_linear):
        return None
    x: Any = outer.get(product.args[0], product.args[0])
    epsilon, centred = product.args[5:7]
    return (x, epsilon) if centred and ir.shape(x)[0] > MOST_ROWS else None
