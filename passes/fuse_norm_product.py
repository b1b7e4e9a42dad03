"""Lets a matrix product compute the row norm before it."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.cost import kernel_work, microseconds
from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape
from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.packed import linear_packed
from amdc.ir.ops.row_moments import add_normalized, row_moments
from amdc.ir.pointwise import is_pointwise
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.anchors import FLOATS, comes_from_anchor
from amdc.target import Target

aten, amdc_ops = torch.ops.aten, torch.ops.amdc
NORMS = (amdc_ops.layer_norm.default, amdc_ops.rms_norm.default)
L1_BYTES, TILE_COLUMNS = 64, 64  # a clock of a compute unit; columns of a product's work-group, of many that read the same rows
START_US = 2.0  # latencies of reading and adding up the rows, beside the bytes


@dataclass(frozen=True)
class FuseNormProduct(Pass):
    """One kernel for a row norm and the products with packed weights behind it.

    before: n = layer_norm(x, [K], gain, shift); y = linear_packed(n, w, outs)
    after:  y = norm_linear(x, gain, shift, w, outs)
    Every work-group of the product computes the norm anew: of few rows, as in decoding, that costs less than reading its part
    of the weights, of many less than a launch, which is worked out. Where the norm is added to something too, as in BERT, the
    sum computes it from its moments, which the product leaves behind:
    before: s = y + n        after: mean, scale = row_moments(x); s = add_normalized(y, x, mean, scale, gain, shift)
    Only where nothing else uses the norm. Between `max_rows` and `min_rows` the matrix-vector kernel computes the product alone.
    """

    max_rows: int = 4
    min_rows: int = 17
    max_width: int = 4096  # elements of a row
    max_products: int = 3  # that use one norm: gate and up in a gated network, or queries, keys and values

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fused, notes = 0, []
        for norm in list(graph.graph.nodes):
            if not is_op(norm, *NORMS) or not norm.users:
                continue
            products = [user for user in norm.users if _is_product_of(user, norm)]
            reason = self.obstacle(norm, products, context.target)
            if reason:
                notes.append(f"{norm} stays a kernel: {reason}")
                continue
            _fuse(graph, norm, products)
            fused += len(products)
        return PassResult(fused > 0, (*((f"fused norms into {fused} products",) if fused else ()), *notes))

    def obstacle(self, norm: Node, products: list[Node], target: Target) -> str:
        """Why the products cannot compute the norm for all that use it; empty where they can, and should."""
        rows, width = shape(norm) if len(shape(norm)) == 2 else (0, 0)
        others = [user for user in norm.users if user not in products]
        if not 0 < len(products) <= self.max_products:
            return f"{len(products)} products with packed weights use it"
        if not rows or not 0 < width <= self.max_width or norm.args[1] != [width]:
            return f"it is not of the rows, up to {self.max_width} wide, of a matrix"
        if rows <= self.max_rows:
            return "something else uses it" if others or not _takes_types(norm, products, FLOATS) else ""
        if rows < self.min_rows or width % 4 or not _takes_types(norm, products, (torch.float32,)):
            return f"no kernel takes {rows} rows of {width} of these types"
        if not all(_adds(user, norm) for user in others):
            return "something else uses it"
        x: Any = norm.args[0]
        if is_pointwise(x) and not comes_from_anchor(x, rows=False):
            return f"it computes {x} itself"
        return _dearer(norm, products, target)


def _is_product_of(node: Node, norm: Node) -> bool:
    """Whether a node is a product with packed weights of a norm."""
    return is_op(node, linear_packed) and node.args[0] is norm and node.args[1] is not norm


def _takes_types(norm: Node, products: list[Node], types: tuple[torch.dtype, ...]) -> bool:
    """Whether everything is of these types, and gain and shift, where there are any, of one."""
    operands = [operand for operand in norm.args[2:4] if isinstance(operand, Node)]
    one_kind = (len({dtype(operand) for operand in operands}) <= 1 and norm.args[2] is not None) or not operands
    x: Any = norm.args[0]
    weights: Any = [product.args[1] for product in products]
    return one_kind and all(dtype(node) in types for node in (norm, x, *operands, *weights))


def _adds(user: Node, norm: Node) -> bool:
    """Whether a node adds a layer norm with gain and shift to something else of its shape."""
    if not is_op(user, aten.add.Tensor) or user.kwargs or norm.target is not NORMS[0] or None in norm.args[2:4]:
        return False
    other = user.args[1] if user.args[0] is norm else user.args[0]
    return isinstance(other, Node) and other is not norm and shape(other) == shape(norm) and dtype(other) == dtype(norm)


def _dearer(norm: Node, products: list[Node], target: Target) -> str:
    """Why a kernel of its own would be better for many rows; empty where it is not."""
    rows, width = shape(norm)
    card = target.card()
    rate = card.compute_units * L1_BYTES * card.clock_ghz * 1e3  # bytes a microsecond
    columns = [-(-shape(product)[1] // TILE_COLUMNS) for product in products]
    anew = sum(START_US + rows * width * dtype(norm).itemsize * count / rate for count in columns)
    loss = anew - microseconds(kernel_work([norm], [norm], 0), target)
    return f"its products would take {loss:.1f} us more" if loss > 0 else ""


def _fuse(graph: Graph, norm: Node, products: list[Node]) -> None:
    x, _, gain, *rest = norm.args
    centred = is_op(norm, NORMS[0])
    shift, epsilon = (rest[0], rest[1]) if centred else (None, rest[0])
    sums = [user for user in norm.users if user not in products]
    if sums:
        moments = add_call(graph, norm, row_moments, (x, epsilon))
        mean, scale = (add_call(graph, norm, operator.getitem, (moments, index)) for index in (0, 1))
    for product in products:
        _, weight, outs = product.args
        replace(product, add_call(graph, product, norm_linear, (x, gain, shift, weight, outs, epsilon, centred)), norm)
    for total in sums:
        other = total.args[1] if total.args[0] is norm else total.args[0]
        replace(total, add_call(graph, total, add_normalized, (other, x, mean, scale, gain, shift)), norm)
