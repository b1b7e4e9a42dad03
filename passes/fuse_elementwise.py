"""Makes one kernel of neighbouring point-wise operators."""

from __future__ import annotations

from dataclasses import dataclass

from torch.fx import Node

from amdc.ir.graph import Graph, shape
from amdc.ir.pointwise import is_pointwise
from amdc.ir.regions import make_region
from amdc.pass_manager import Pass, PassContext, PassResult


@dataclass(frozen=True)
class FuseElementwise(Pass):
    """Fuse point-wise operators that end in one value into one region.

    before: a = exp(x); b = a + y; c = b * a
    after:  c = region(x, y), one kernel
    An operator joins when all its users are in the region, so nothing is computed twice, and when it has as many elements as the
    result, so nothing is computed anew for each place that it is broadcast to.
    `max_nodes` and `max_operands` bound a kernel's registers and arguments.
    """

    max_nodes: int = 32
    max_operands: int = 12

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        order = {node: index for index, node in enumerate(graph.graph.nodes)}
        taken: set[Node] = set()
        made = 0
        for last in reversed(list(graph.graph.nodes)):
            if last in taken or not is_pointwise(last):
                continue
            group = self.group(last)
            taken |= group
            if len(group) > 1:
                make_region(graph, sorted(group, key=order.__getitem__), "pointwise")
                made += 1
        return PassResult(made > 0, (f"made {made} regions",) if made else ())

    def group(self, last: Node) -> set[Node]:
        """The nodes that one kernel with the result `last` computes."""
        group = {last}
        while len(group) < self.max_nodes:
            candidates = [o for node in group for o in node.all_input_nodes if o not in group and _joins(o, last, group)]
            fitting = [c for c in candidates if len(_operands(group | {c})) <= self.max_operands]
            if not fitting:
                break
            group.add(fitting[0])
        return group


def _joins(node: Node, last: Node, group: set[Node]) -> bool:
    same_elements = is_pointwise(node) and shape(node) == shape(last)
    return same_elements and all(user in group for user in node.users)


def _operands(group: set[Node]) -> set[Node]:
    return {operand for node in group for operand in node.all_input_nodes} - group
