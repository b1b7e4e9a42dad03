"""Which point-wise operators before a kernel it had better compute itself: decided by what either way costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from torch.fx import Node

from amdc.cost import kernel_work, microseconds
from amdc.ir.graph import shape
from amdc.ir.pointwise import is_pointwise
from amdc.ir.rows import reads_rows
from amdc.target import Target


@dataclass(frozen=True)
class Grouping:
    """`max_nodes` and `max_operands` bound a kernel's registers and arguments."""

    target: Target
    max_nodes: int = 32
    max_operands: int = 12

    def grow(self, kernel: Collection[Node], times: int, legal: Callable[[Node], bool]) -> set[Node]:
        """The kernel's nodes and the point-wise ones before them that it takes over, each computed `times` times in all.

        Of an anchor among the nodes, only the first operand is looked at. `legal` says which nodes the kernel can compute.
        """
        group = set(kernel)
        while len(group) < self.max_nodes:
            candidates = dict.fromkeys(operand for node in group for operand in inputs_of(node) if operand not in group)
            found = next((c for c in candidates if is_pointwise(c) and legal(c) and self.pays(c, group, times)), None)
            if found is None:
                return group
            group.add(found)
        return group

    def pays(self, node: Node, group: set[Node], times: int) -> bool:
        """Whether a kernel had better compute a node anew than read it from memory."""
        more = group | {node}
        if len({o for member in more for o in member.all_input_nodes} - more) > self.max_operands:
            return False
        added = self._time(more, (), times) - self._time(group, (), times)
        outside = [user for user in node.users if user not in group]
        alone = self._time({node}, (node,), math.prod(shape(node)))
        if not outside:
            return added <= alone
        if all(map(absorbs, outside)):
            return added * (len(outside) + 1) < alone
        return added < 0

    def _time(self, nodes: set[Node], results: Collection[Node], times: int) -> float:
        return microseconds(kernel_work(nodes, results, times), self.target)


def absorbs(user: Node) -> bool:
    """Whether the kernel of a node can compute the node's (first) operand itself."""
    return is_pointwise(user) or reads_rows(user)


def inputs_of(node: Node) -> list[Node]:
    """The operands of a node that its kernel may compute itself."""
    return list(node.all_input_nodes) if is_pointwise(node) else list(node.all_input_nodes)[:1]
