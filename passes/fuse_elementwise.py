"""Makes one kernel of neighbouring point-wise operators."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.fx import Node

from amdc.ir.graph import Graph, shape
from amdc.ir.pointwise import is_pointwise
from amdc.ir.regions import make_region
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.grouping import Grouping


@dataclass(frozen=True)
class FuseElementwise(Pass):
    """Fuse point-wise operators that end in one value into one region.

    before: a = exp(x); b = a + y; c = b * a     before: a = x + 1; b = exp(a); c = tanh(a)
    after:  c = region(x, y), one kernel         after:  b = region(x); c = region(x), two kernels that both add
    The cost decides (amdc.cost) whether an operator is computed anew: for each place that it is broadcast to, or in each of
    several kernels that use it; reading it once more may cost more than computing it.
    `max_nodes` and `max_operands` bound a kernel's registers and arguments.
    """

    max_nodes: int = 32
    max_operands: int = 12

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        order = {node: index for index, node in enumerate(graph.graph.nodes)}
        grouping = Grouping(context.target, self.max_nodes, self.max_operands)
        made = again = 0
        gone: set[Node] = set()
        for last in reversed(list(graph.graph.nodes)):
            if last in gone or not is_pointwise(last) or not last.users:
                continue
            group = grouping.grow([last], math.prod(shape(last)), lambda node: True)
            if len(group) > 1:
                make_region(graph, sorted(group, key=order.__getitem__), "pointwise")
                gone |= {node for node in group if not node.users}
                again += len(group - gone)
                made += 1
        notes = [f"made {made} regions"] if made else []
        return PassResult(made > 0, (*notes, *([f"{again} operators are computed more than once"] if again else [])))
