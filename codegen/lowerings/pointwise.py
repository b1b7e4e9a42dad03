"""Point-wise operators and regions of nothing else: one element map each."""

from __future__ import annotations

from amdc.codegen.builder import ProgramBuilder
from amdc.codegen.elementwise import launch_map
from amdc.codegen.expression import dtype_name, statements
from amdc.codegen.item import Item
from amdc.codegen.lowerings.views import sources as read_in_place
from amdc.codegen.operators import flops
from amdc.codegen.registry import lowers
from amdc.ir import graph as ir
from amdc.ir.pointwise import POINTWISE, aten


@lowers(None, *POINTWISE)
def pointwise(item: Item, builder: ProgramBuilder) -> None:
    """out = f(inputs), with broadcasting; a copy that changes nothing is the same memory."""
    nodes = item.after or (item.node,)
    if 0 in ir.shape(item.node):
        builder.place(item.node)
        return
    if len(nodes) == 1 and nodes[0].target in (aten.clone.default, aten._to_copy.default):
        operand = nodes[0].all_input_nodes[0]
        if dtype_name(operand) == dtype_name(nodes[0]):
            builder.same(item.node, item.outer.get(operand, operand), 0)
            return
    operands = list(dict.fromkeys(n for node in nodes for n in node.all_input_nodes if n not in nodes))
    domain, sources = read_in_place(builder, [item.outer.get(n, n) for n in operands], ir.shape(item.node))

    def emit(values: list[str]) -> tuple[list[str], str]:
        names = dict(zip(operands, values, strict=True))
        lines = statements(nodes, names)
        return lines, names[nodes[-1]]

    cost = sum(flops(node) for node in nodes) * item.node.meta["val"].numel()
    hint = "_".join(str(node.target).split(".")[1] for node in nodes[:3])
    launch_map(builder, item, domain, sources, builder.place(item.node), emit, flops=cost, hint=hint)
