"""Lets one kernel compute the feed-forward block of a transformer for one token, with the norm before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape
from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.norm_mlp import norm_mlp
from amdc.ir.ops.packed import linear_packed
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user

aten = torch.ops.aten


@dataclass(frozen=True)
class FuseNormMlp(Pass):
    """One operator for a norm, a product, an activation and a product, of one row.

    before: h = gelu(norm_linear(x, gain, shift, w1, F) + b1); y = linear_packed(h, w2, N)
    after:  y = norm_mlp(x, gain, shift, w1, b1, F, "gelu", w2, N)
    Both products are bound by the reading of their weights; a launch, and the end of one stream of weights and the start of
    another, are saved. Only fp32, and only where nothing else uses what lies between. Each 64 inner values leave a sum of every
    result in memory, so there may be `max_outputs`.
    """

    max_width: int = 4096  # elements of x
    max_outputs: int = 2048

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fused = 0
        for node in list(graph.graph.nodes):
            chain = self._chain(node)
            if chain is None:
                continue
            product, bias, name, between = chain
            x, gain, shift, inner, features, epsilon, centred = product.args
            weight, outs = node.args[1:]
            args = (x, gain, shift, inner, bias, features, name, weight, outs, epsilon, centred)
            replace(node, add_call(graph, node, norm_mlp, args, like=node), *between)
            fused += 1
        return PassResult(fused > 0, (f"fused {fused} feed-forward blocks",) if fused else ())

    def _chain(self, node: Node) -> tuple[Any, Node | None, str, tuple[Node, ...]] | None:
        """What a product comes from: the product of a norm, its bias, the activation's name, and the nodes before this one."""
        if not is_op(node, linear_packed) or shape(node)[0] != 1 or shape(node)[1] > self.max_outputs:
            return None
        last: Any = node.args[0]
        name = _activation(last)
        if name is None or only_user(last) is not node:
            return None
        biased: Any = last.args[0]
        bias = _bias(biased)
        product: Any = biased if bias is None else biased.args[0]
        nodes = (last, product) if bias is None else (last, biased, product)
        alone = all(only_user(held) is user for held, user in zip(nodes[1:], nodes, strict=False))
        if not is_op(product, norm_linear) or not alone or shape(product.args[0])[1] > self.max_width:
            return None
        floats = all(dtype(held) == torch.float32 for held in (node, *node.all_input_nodes, *product.all_input_nodes))
        return (product, bias, name, nodes) if floats else None


def _activation(node: Any) -> str | None:
    """How `norm_mlp` calls an activation; None for another node."""
    if is_op(node, aten.gelu.default):
        return "gelu_tanh" if node.kwargs.get("approximate") == "tanh" else "gelu"
    return next((name for name in ("relu", "silu") if is_op(node, getattr(aten, name).default)), None)


def _bias(node: Any) -> Node | None:
    """The vector that a sum adds to the rows of a product; None where the node is no such sum."""
    if not is_op(node, aten.add.Tensor) or node.kwargs or not is_op(node.args[0], norm_linear):
        return None
    bias = node.args[1]
    return bias if isinstance(bias, Node) and shape(bias) == shape(node)[1:] else None
