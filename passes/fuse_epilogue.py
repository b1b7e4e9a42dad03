"""Lets the kernel of a convolution, matrix product or average pooling compute the point-wise operators behind it."""

from __future__ import annotations

from dataclasses import dataclass

from torch.fx import Node

from amdc.ir.graph import Graph, dtype, is_op, shape
from amdc.ir.pointwise import is_pointwise
from amdc.ir.regions import channel_axis, fits_epilogue, make_region
from amdc.pass_manager import Pass, PassContext, PassResult
from amdc.passes.anchors import FLOATS, TILED
from amdc.passes.closure import next_closure

MAX_OPERANDS = 8  # of one kernel, beside the anchor's


@dataclass(frozen=True)
class FuseEpilogue(Pass):
    """Fuse bias, activation and residual add behind an anchor into one region.

    before: c = conv(x, w, b); s = c + skip; y = relu(s)
    after:  y = region(x, w, b, skip), one kernel
    Fused are point-wise operators whose other operands have the anchor's output shape, are per channel, or one number; values
    within the region may be used several times, but only its last value leaves it. It always pays: nothing is computed more
    often, and one tensor less is written and read.
    """

    def run(self, graph: Graph, context: PassContext) -> PassResult:
        order = {node: index for index, node in enumerate(graph.graph.nodes)}
        made = 0
        for anchor in list(graph.graph.nodes):
            if not is_op(anchor, *TILED) or anchor not in order or dtype(anchor) not in FLOATS:
                continue
            nodes = behind(anchor, order)
            if nodes:
                region = make_region(graph, [anchor, *nodes], TILED[anchor.target])
                order[region] = order[nodes[-1]]
                made += 1
        return PassResult(made > 0, (f"made {made} regions",) if made else ())


def behind(anchor: Node, order: dict[Node, int]) -> list[Node]:
    """All nodes behind an anchor that its kernel can compute, in order; the last has the anchor's shape and dtype."""
    output, axis = shape(anchor), channel_axis(anchor)
    taken: list[Node] = []
    operands: set[Node] = set()

    def legal(node: Node, inside: set[Node]) -> bool:
        others = [o for o in node.all_input_nodes if o not in inside]
        return (
            is_pointwise(node)
            and shape(node) == output
            and all(fits_epilogue(shape(o), output, axis) for o in others)
            and len(operands.union(others)) <= MAX_OPERANDS
        )

    last, ends = anchor, 0
    while step := next_closure(last, order, legal):
        taken, last = taken + step, step[-1]
        operands.update(o for node in step for o in node.all_input_nodes if o not in taken and o is not anchor)
        if dtype(last) == dtype(anchor):
            ends = len(taken)
    return taken[:ends]
