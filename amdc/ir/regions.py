"""Fused regions: nodes that one kernel computes, moved into a body of their own.

A region is a call_module node. Its body has a placeholder for each tensor from outside (constants too), at most one anchor (a
convolution, matrix product, pooling or reduction), point-wise operators, and one output. What lowering accepts:
  before the anchor   point-wise operators on its data operand, other operands per input channel or scalar
  after the anchor    point-wise operators whose other operands have the anchor's output shape, are per channel, or scalar
  around one that reads rows (amdc.ir.rows)    operands of any shape that broadcasts to its input's, or its output's
  no anchor           point-wise operators over any operands that broadcast to the output shape
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch.fx import GraphModule, Node

from amdc.ir.graph import Graph, output_nodes, region, shape, source
from amdc.ir.pointwise import is_pointwise
from amdc.ir.rows import reads_rows

aten = torch.ops.aten
MATRIX_PRODUCTS = (aten.mm.default, aten.bmm.default)


def _unique_name(graph: Graph, kind: str) -> str:
    count = 0
    while hasattr(graph, f"{kind}_{count}"):
        count += 1
    return f"{kind}_{count}"


def is_region(node: object) -> bool:
    return isinstance(node, Node) and node.op == "call_module"


def anchor(body: Graph) -> Node | None:
    """The one node of a region's body that is not point-wise, or None."""
    return next((node for node in body.graph.nodes if node.op == "call_function" and not is_pointwise(node)), None)


def body_ops(body: Graph) -> list[Node]:
    """The operators of a region's body, in order."""
    return [node for node in body.graph.nodes if node.op == "call_function"]


def channel_axis(node: Node) -> int:
    """The axis that holds an anchor's output channels: 1 in N,C,H,W (and N,C,L), the last in a matrix product."""
    return 1 if len(shape(node)) >= 3 and node.target not in MATRIX_PRODUCTS else len(shape(node)) - 1


def fits_epilogue(operand: tuple[int, ...], output: tuple[int, ...], axis: int) -> bool:
    """Whether an operand of a point-wise operator behind an anchor is of the output's shape, per channel, or one number; of a
    matrix also a number a row.

    `axis` is the output's channel axis: [C,1,1] and [1,C,1,1] are per channel of [N,C,H,W], [C] is of [N,C].
    """
    if operand == output or math.prod(operand) == 1:
        return True
    if len(operand) > len(output):
        return False
    padded = (1,) * (len(output) - len(operand)) + operand
    if len(output) == 2 and padded == (output[0], 1):
        return True
    return all(extent == (output[at] if at == axis else 1) for at, extent in enumerate(padded))


def fits_behind(anchor: Node, operand: tuple[int, ...], output: tuple[int, ...]) -> bool:
    """Whether the kernel of an anchor can read an operand of this shape behind it."""
    return broadcasts_to(operand, output) if reads_rows(anchor) else fits_epilogue(operand, output, channel_axis(anchor))


def broadcasts_to(operand: tuple[int, ...], output: tuple[int, ...]) -> bool:
    padded = (1,) * (len(output) - len(operand)) + operand
    return len(padded) == len(output) and all(a in (1, b) for a, b in zip(padded, output, strict=True))


def misfit(body: Graph) -> str:
    """Why lowering does not accept a region's body; empty where it does."""
    anchors = [node for node in body_ops(body) if not is_pointwise(node)]
    if len(anchors) > 1:
        return f"it has {len(anchors)} anchors: {', '.join(map(str, anchors))}"
    if not anchors:
        return ""
    behind, output = {anchors[0]}, shape(output_nodes(body)[0])
    for node in body_ops(body):
        if behind.isdisjoint(node.all_input_nodes):
            continue
        behind.add(node)
        others = [operand for operand in node.all_input_nodes if operand not in behind]
        odd = [o for o in others if o.op != "placeholder" or not fits_behind(anchors[0], shape(o), output)]
        if odd:
            return f"{node} behind the anchor reads {odd[0]}, which is neither per element, per channel nor one number"
    return ""


def make_region(graph: Graph, nodes: Sequence[Node], kind: str) -> Node:
    """Move nodes, given in the graph's order, into a region called `kind` and a number; returns its call_module node.

    Nodes that are regions themselves are dissolved into the new one. The last node is the region's output, and the region stands
    in its place. A point-wise node that is used outside too stays there, and the region computes it again.
    `meta` moves along, so a body says what each of its nodes computes.
    """
    chosen, last = set(nodes), nodes[-1]
    for node in nodes[:-1]:
        assert set(node.users) <= chosen or is_pointwise(node), f"{node} is used outside of the region"
    body, inner = torch.fx.Graph(), {}
    operands: list[Node] = []
    for node in nodes:
        for operand in node.all_input_nodes:
            if operand not in chosen and operand not in inner:
                inner[operand] = body.placeholder(f"arg{len(operands)}")
                inner[operand].meta = {"val": operand.meta["val"], "source": (), "value": operand.meta.get("value")}
                operands.append(operand)
    for node in nodes:
        _move(graph, node, body, inner)
    body.output(inner[last]).meta = {"source": (), "value": None}
    return _install(graph, body, operands, nodes, kind)


def _move(graph: Graph, node: Node, body: torch.fx.Graph, inner: dict[Node, Node]) -> None:
    """Copy a node, or what the body of a region node holds, to the end of `body`; `inner` maps old nodes to new ones."""
    if node.op == "call_function":
        inner[node] = body.node_copy(node, inner.__getitem__)
        return
    held = region(graph, node)
    local: dict[Node, Node] = {}
    arguments = iter(node.args)
    for part in held.graph.nodes:
        if part.op == "placeholder":
            operand = next(arguments)
            assert isinstance(operand, Node)
            local[part] = inner[operand]
        elif part.op == "output":
            inner[node] = local[part.args[0]]
        else:
            local[part] = body.node_copy(part, local.__getitem__)


def _install(graph: Graph, body: torch.fx.Graph, operands: list[Node], nodes: Sequence[Node], kind: str) -> Node:
    """Put a call of the body in the place of the last node, and erase the nodes."""
    module = GraphModule(torch.nn.Module(), body)
    module.meta = {"inputs": tuple(f"arg{index}" for index in range(len(operands))), "outputs": ("out",)}
    name, last = _unique_name(graph, kind), nodes[-1]
    graph.add_module(name, module)
    with graph.graph.inserting_after(last):
        node = graph.graph.call_module(name, tuple(operands))
    node.meta = {"val": last.meta["val"], "source": source(*nodes), "value": last.meta.get("value")}
    last.replace_all_uses_with(node, propagate_meta=False)
    for old in reversed(nodes):
        if old.users:
            continue
        graph.graph.erase_node(old)
        if old.op == "call_module":
            delattr(graph, str(old.target))
    return node
