"""Lets one kernel compute the attention block of a transformer for one token, with the norm before it."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape
from amdc.ir.ops.attention_joined import attention_joined
from amdc.ir.ops.norm_attention import norm_attention
from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.packed import linear_packed
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user

aten = torch.ops.aten
SPLITS = (aten.split_with_sizes.default, aten.split.Tensor, aten.chunk.default)


@dataclass(frozen=True)
class FuseNormAttention(Pass):
    """One operator for a norm, the projections, attention to a cache and to the token itself, and the output product, of one row.

    before: q, k, v = split(norm_linear(x, gain, shift, w1, 3 * H * D) + b1); a = attention_joined(q, keys, values, k, v)
            y = linear_packed(a, w2, N)
    after:  y = norm_attention(x, gain, shift, w1, b1, keys, values, w2, N)
    All three are bound by what they read; two launches, and the ends and starts of streams, are saved. Only fp32, heads of
    `width` without mask, one head of keys for each of queries, and only where nothing else uses what lies between. A head is
    a work-group: `min_heads` draw DRAM's whole rate in the timing model.
    """

    width: int = 64
    min_heads: int = 8
    max_past: int = 8191
    max_inputs: int = 4096
    max_outputs: int = 3072

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        fused = 0
        for node in list(graph.graph.nodes):
            attended = self._attended(node)
            projected = _projected(attended) if attended is not None else None
            if attended is None or projected is None or not self.takes(node, attended, projected[0]):
                continue
            product, bias = projected
            x, gain, shift, inner, _, epsilon, centred = product.args
            keys, values, scale = attended.args[1], attended.args[2], attended.args[6]
            args = (x, gain, shift, inner, bias, keys, values, *node.args[1:], epsilon, centred, scale)
            replace(node, add_call(graph, node, norm_attention, args, like=node), attended, product)
            fused += 1
        return PassResult(fused > 0, (f"fused {fused} attention blocks",) if fused else ())

    def _attended(self, node: Node) -> Any:
        """The attention whose result a product alone reads; None for any other node."""
        if not is_op(node, linear_packed) or shape(node)[0] != 1:
            return None
        view: Any = node.args[0]
        attended: Any = view.args[0] if is_op(view, aten.view.default) and only_user(view) is node else None
        fits = is_op(attended, attention_joined) and only_user(attended) is view and not attended.kwargs
        return attended if fits and attended.args[5] is None and not any(attended.args[8:]) else None

    def takes(self, node: Node, attended: Node, product: Node) -> bool:
        """Whether the kernel takes the sizes and types."""
        (batch, heads, rows, width), (_, groups, past, _) = (shape(held) for held in attended.all_input_nodes[:2])
        one = batch == rows == 1 and groups == heads >= self.min_heads and width == self.width == shape(attended)[3]
        fits = past <= self.max_past and shape(node)[1] <= self.max_outputs and shape(product.args[0])[1] <= self.max_inputs  # type: ignore[arg-type]
        operands = (node, *node.all_input_nodes, *attended.all_input_nodes, *product.all_input_nodes)
        return one and fits and shape(product)[1] == 3 * heads * width and all(dtype(held) == torch.float32 for held in operands)


def _projected(attended: Node) -> tuple[Node, Node | None] | None:
    """The product whose thirds are the queries, keys and values of the token, for the attention alone, and its bias."""
    pieces: list[Any] = []
    for index, place in enumerate((0, 3, 4)):
        view: Any = attended.args[place]
        piece = view.args[0] if is_op(view, aten.view.default) and only_user(view) is attended else None
        if (
            not isinstance(piece, Node)
            or piece.target is not operator.getitem
            or piece.args[1] != index
            or only_user(piece) is not view
        ):
            return None
        pieces.append(piece)
    split: Any = pieces[0].args[0]
    if not is_op(split, *SPLITS) or len(split.users) != 3 or {piece.args[0] for piece in pieces} != {split}:
        return None
    thirds = {shape(piece)[-1] for piece in pieces} == {shape(split.args[0])[-1] // 3}
    row: Any = split.args[0]
    while is_op(row, aten.view.default) and len(row.users) == 1:
        row = row.args[0]
    if not thirds or len(row.users) != 1:
        return None
    if is_op(row, norm_linear):
        return row, None
    product: Any = row.args[0] if is_op(row, aten.add.Tensor) and not row.kwargs else None
    bias: Any = row.args[1] if product is not None else None
    alone = is_op(product, norm_linear) and only_user(product) is row and isinstance(bias, Node)
    return (product, bias) if alone and shape(bias) == shape(row)[1:] else None
