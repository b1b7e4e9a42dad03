"""Lets a softmax, a normalisation or a reduction compute the point-wise operators around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch.fx import Node

from amdc.ir.graph import Graph, dtype, shape
from amdc.ir.pointwise import is_pointwise
from amdc.ir.regions import broadcasts_to, make_region
from amdc.ir.rows import NORMS, SOFTMAX, passes_over, reads_rows
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.closure import next_closure
from amdc.passes.grouping import Grouping


@dataclass(frozen=True)
class FuseRows(Pass):
    """Fuse point-wise operators before and behind an operator that works on contiguous rows into its region.

    before: s = x * scale + mask; p = softmax(s); y = p * keep     before: y = mean((a - b) ** 2, -1)
    after:  y = region(x, scale, mask, keep), one kernel           after:  y = region(a, b), one kernel
    Before it, where that costs less (amdc.cost): a kernel may read each element of a row up to three times, and computes it
    as often. Behind it always. Operands may have any shape that broadcasts.
    """

    max_nodes: int = 24
    max_operands: int = 8

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        order = {node: index for index, node in enumerate(graph.graph.nodes)}
        grouping = Grouping(context.target, self.max_nodes, self.max_operands)
        made, notes = 0, []
        for node in list(graph.graph.nodes):
            if node not in order or not node.users or not reads_rows(node):
                continue
            before = _before(node, grouping)
            behind = _behind(node, before, order, self.max_operands)
            if before or behind:
                region = make_region(graph, sorted({*before, node, *behind}, key=order.__getitem__), _kind(node))
                order[region] = order[behind[-1] if behind else node]
                for gone in (member for member in (*before, node, *behind) if not member.users):
                    del order[gone]
                notes.append(f"{node} computes {', '.join(map(str, (*before, *behind)))}")
                made += 1
        return PassResult(made > 0, tuple(notes))


def _kind(node: Node) -> str:
    return "softmax" if node.target in SOFTMAX else "norm" if node.target in NORMS else "reduction"


def _before(node: Node, grouping: Grouping) -> set[Node]:
    """What a kernel had better compute itself of its rows; empty where no operand has their shape, to start from."""
    data, *others = node.all_input_nodes
    group = grouping.grow([node], math.prod(shape(data)) * passes_over(node), lambda before: before not in others)
    operands = {o for member in group - {node} for o in member.all_input_nodes} - group
    return group - {node} if any(shape(o) == shape(data) for o in operands) else set()


def _behind(node: Node, before: set[Node], order: dict[Node, int], max_operands: int) -> list[Node]:
    """The point-wise nodes behind an operator, up to the last that is a floating-point tensor of its shape."""
    output, group = shape(node), {*before, node}
    operands = {o for member in group for o in member.all_input_nodes} - group

    def legal(behind: Node, inside: set[Node]) -> bool:
        others = {o for o in behind.all_input_nodes if o not in inside}
        fits = all(o not in group and broadcasts_to(shape(o), output) for o in others)
        return is_pointwise(behind) and shape(behind) == output and fits and len(operands | others) <= max_operands

    taken: list[Node] = []
    last, ends = node, 0
    while step := next_closure(last, order, legal):
        taken, last = taken + step, step[-1]
        operands |= {o for member in step for o in member.all_input_nodes} - {*taken, *group}
        ends = len(taken) if dtype(last).is_floating_point else ends
    return taken[:ends]
