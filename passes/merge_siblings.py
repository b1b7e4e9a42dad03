"""Makes one convolution of those that read one tensor through one window, as a residual block's first and its shortcut."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import torch
from torch.fx import Node

from amdc.ir.graph import Graph, add_call, add_constant, constant, dtype, is_op, replace, shape, source
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.constants import only_user

aten = torch.ops.aten
CHANNELS = 1  # the dimension


@dataclass(frozen=True)
class Sibling:
    """A convolution, and `end`: the ReLU that is all that reads it, or itself."""

    convolution: Node
    end: Node

    @property
    def features(self) -> int:
        return shape(self.convolution)[CHANNELS]


@dataclass(frozen=True)
class MergeSiblings(Pass):
    """Merge convolutions of one image that read it through the same window, whatever happens to their results.

    before: a = relu(conv(x, u, p)); b = conv(x, w, q)
    after:  m = maximum(conv(x, [u w], [p q]), [0.. -inf..]); a = m[:, :n]; b = m[:, n:]
    One launch less and one reading of x. At batch 1 each part lies densely in the whole, so nothing is copied; a larger batch
    would need copies. What a concatenation joins stays: it is computed in its place there.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        merged = 0
        for x in list(graph.graph.nodes):
            alike: dict[Any, list[Sibling]] = defaultdict(list)
            for user in x.users if len(x.users) > 1 else ():
                sibling = _sibling(x, user)
                if sibling is not None:
                    alike[_window(sibling)].append(sibling)
            for siblings in alike.values():
                if len(siblings) > 1:
                    _merge(graph, siblings)
                    merged += len(siblings)
        return PassResult(merged > 0, (f"merged {merged} convolutions",) if merged else ())


def _sibling(x: Node, node: Node) -> Sibling | None:
    """A convolution of x for one image, with constant weights and bias, whose result no concatenation takes; None for others."""
    if not is_op(node, aten.convolution.default) or node.args[0] is not x or len(shape(node)) != 4 or shape(node)[0] != 1:
        return None
    _, weight, bias, _, _, _, transposed, _, groups = node.args
    settled = all(isinstance(given, Node) and given.op == "get_attr" for given in (weight, bias))
    after = only_user(node)
    end = after if after is not None and is_op(after, aten.relu.default) else node
    if transposed or groups != 1 or not settled or any(is_op(user, aten.cat.default) for user in end.users):
        return None
    return Sibling(node, end)


def _window(sibling: Sibling) -> tuple[Any, ...]:
    """What siblings that become one have in common."""
    _, weight, bias, stride, padding, dilation, *_ = sibling.convolution.args
    held: Any = (weight, bias)
    return shape(held[0])[2:], *(tuple(given) for given in (stride, padding, dilation)), *map(dtype, held)  # type: ignore[arg-type]


def _merge(graph: Graph, siblings: list[Sibling]) -> None:
    """The convolution of all where the first stood, and slices of it in their places."""
    order = {node: index for index, node in enumerate(graph.graph.nodes)}
    siblings = sorted(siblings, key=lambda sibling: order[sibling.convolution])
    first = siblings[0].convolution
    joined = [torch.cat([constant(graph, s.convolution.args[place]) for s in siblings]) for place in (1, 2)]  # type: ignore[arg-type]
    weight, bias = (
        add_constant(graph, first, f"siblings_{name}", held) for name, held in zip(("weight", "bias"), joined, strict=True)
    )
    whole = add_call(graph, first, aten.convolution.default, (first.args[0], weight, bias, *first.args[3:]))
    whole.meta["source"] = source(*(sibling.convolution for sibling in siblings))
    rectified = [sibling.end is not sibling.convolution for sibling in siblings]
    if all(rectified):
        whole = add_call(graph, first, aten.relu.default, (whole,))
    elif any(rectified):
        least = [torch.full((s.features,), 0.0 if r else -math.inf) for s, r in zip(siblings, rectified, strict=True)]
        row = torch.cat(least).to(dtype(first)).reshape(1, -1, 1, 1)
        whole = add_call(graph, first, aten.maximum.default, (whole, add_constant(graph, first, "siblings_least", row)))
    whole.meta["source"] = source(*(sibling.end for sibling in siblings), *(sibling.convolution for sibling in siblings))
    start = 0
    for sibling in siblings:
        end = start + sibling.features
        replace(sibling.end, add_call(graph, first, aten.slice.Tensor, (whole, CHANNELS, start, end)), sibling.convolution)
        start = end
