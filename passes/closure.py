"""Which point-wise nodes behind a node can be computed with it, so that one value leaves."""

from __future__ import annotations

from collections.abc import Callable

from torch.fx import Node

MAX_NODES = 16  # of one step: an erf-GELU spelled out has 8


def next_closure(start: Node, order: dict[Node, int], legal: Callable[[Node, set[Node]], bool]) -> list[Node]:
    """The fewest legal nodes behind `start`, in order, of which only the last is used outside; empty where there are none.

    `order` gives each node's place in the graph; `legal(node, inside)` says whether a node may be computed with those inside.
    All paths from `start` meet in the last node, so `x * sigmoid(x)` is taken as a whole.
    """
    inside: set[Node] = {start}
    open_nodes = {start}
    while len(inside) <= MAX_NODES:
        outer = [user for node in open_nodes for user in node.users if user not in inside]
        if not outer or any(user.op == "output" for user in outer):
            return []
        node = min(outer, key=order.__getitem__)
        if not legal(node, inside):
            return []
        inside.add(node)
        open_nodes.add(node)
        open_nodes = {n for n in open_nodes if any(user not in inside for user in n.users)} or {node}
        if open_nodes == {node}:
            return sorted(inside - {start}, key=order.__getitem__)
    return []
