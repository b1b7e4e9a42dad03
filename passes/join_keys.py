"""Lets attention read a cache and the step's own keys where they lie, instead of a copy that joins them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, dtype, is_op, replace, shape
from amdc.ir.ops.attention import attention
from amdc.ir.ops.attention_joined import attention_joined
from amdc.pass_manager import Pass, PassContext, PassResult

aten = torch.ops.aten
KEYS = 2  # the dimension, of four


@dataclass(frozen=True)
class JoinKeys(Pass):
    """Attention of a few rows to keys and values in two tensors each, as in a step of decoding whose cache is an input.

    before: y = attention(q, cat([past_k, k], 2), cat([past_v, v], 2), mask, scale, causal)
    after:  y = attention_joined(q, past_k, past_v, k, v, mask, scale, causal)
    Two launches, and the writing and reading of the cache, go away. Only where the kernel for few rows takes the sizes, and where
    nothing else, such as an output of the model, uses what is joined.
    """

    max_rows: int = 8  # of the heads that share keys, times groups of 64 values
    max_width: int = 256

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        made, notes = 0, []
        for node in list(graph.graph.nodes):
            if not is_op(node, attention):
                continue
            q, k, v, *rest = node.args
            pairs = [_pair(k, node), _pair(v, node)]
            if pairs[0] is None or pairs[1] is None or shape(pairs[0][0])[:3] != shape(pairs[1][0])[:3]:
                continue
            if not self.few_rows(node):
                notes.append(f"{node} reads joined keys: it has too many rows for the kernel that takes them apart")
                continue
            operands = (q, pairs[0][0], pairs[1][0], pairs[0][1], pairs[1][1], *rest)
            replace(node, add_call(graph, node, attention_joined, operands, dict(node.kwargs)), k, v)
            made += 1
        return PassResult(made > 0, (*((f"{made} attentions read keys from two tensors",) if made else ()), *notes))

    def few_rows(self, node: Node) -> bool:
        """Whether the kernel for few rows takes an attention."""
        q, k, v = (shape(operand) for operand in node.args[:3])  # type: ignore[arg-type]
        rows, width = q[1] // k[1] * q[2], max(q[3], v[3])
        held = 1 << (rows - 1).bit_length()
        return width <= self.max_width and held * -(-width // 64) <= self.max_rows


def _pair(joined: Any, user: Node) -> tuple[Node, Node] | None:
    """The two tensors of [B,G,N,D] that a node joins along N, for `user` alone; None where it does not."""
    if not is_op(joined, aten.cat.default) or set(joined.users) != {user} or len(shape(joined)) != 4:
        return None
    parts: Any = joined.args[0]
    dim: Any = joined.args[1] if len(joined.args) > 1 else joined.kwargs.get("dim", 0)
    fit = (
        len(parts) == 2
        and dim % 4 == KEYS
        and all(len(shape(p)) == 4 and 0 not in shape(p) and dtype(p) == dtype(joined) for p in parts)
    )
    return (parts[0], parts[1]) if fit else None
