"""Lets a matrix product of a few rows compute the row norm before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape
from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.packed import linear_packed
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.anchors import FLOATS

amdc_ops = torch.ops.amdc
NORMS = (amdc_ops.layer_norm.default, amdc_ops.rms_norm.default)


@dataclass(frozen=True)
class FuseNormProduct(Pass):
    """One kernel for a row norm and the products with packed weights behind it.

    before: n = layer_norm(x, [K], gain, shift); y = linear_packed(n, w, outs)
    after:  y = norm_linear(x, gain, shift, w, outs)
    Only for few rows, as in decoding: every work-group of the product computes the norm anew, which costs less than a launch and
    less than reading the work-group's part of the weights. Only where nothing else uses the norm.
    """

    max_rows: int = 4
    max_width: int = 4096  # elements of a row
    max_products: int = 3  # that use one norm: gate and up in a gated network, or queries, keys and values

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fused = 0
        for norm in list(graph.graph.nodes):
            products = self.products(norm)
            for product in products:
                _fuse(graph, norm, product)
            fused += len(products)
        return PassResult(fused > 0, (f"fused norms into {fused} products",) if fused else ())

    def products(self, norm: Node) -> list[Node]:
        """The products that may compute a norm, which are all that use it; empty where they may not."""
        found = list(norm.users)
        ready = is_op(norm, *NORMS) and len(found) <= self.max_products and self.takes(norm)
        return found if ready and all(_takes_norm(product, norm) for product in found) else []

    def takes(self, norm: Node) -> bool:
        """Whether the kernel takes what is normalised: rows of the last dimension alone, gain and shift of one type."""
        operands: Any = [operand for operand in norm.args[2:4] if isinstance(operand, Node)]
        one_kind = (len({dtype(operand) for operand in operands}) <= 1 and norm.args[2] is not None) or not operands
        rows, width = shape(norm) if len(shape(norm)) == 2 else (0, 0)
        fits = 0 < rows <= self.max_rows and 0 < width <= self.max_width and norm.args[1] == [width]
        return fits and one_kind and all(dtype(node) in FLOATS for node in (norm, *operands))


def _takes_norm(product: Node, norm: Node) -> bool:
    """Whether a node is a product with packed weights of a norm."""
    weight: Any = product.args[1] if is_op(product, linear_packed) and product.args[0] is norm else None
    return weight is not None and dtype(weight) in FLOATS


def _fuse(graph: Graph, norm: Node, product: Node) -> None:
    x, _, gain, *rest = norm.args
    centred = is_op(norm, NORMS[0])
    shift, epsilon = (rest[0], rest[1]) if centred else (None, rest[0])
    _, weight, outs = product.args
    replace(product, add_call(graph, product, norm_linear, (x, gain, shift, weight, outs, epsilon, centred)), norm)
