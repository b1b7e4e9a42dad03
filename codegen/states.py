"""States: tensors that outlive a run. A run reads a state's buffer and leaves the next value there.

Where the next value is the old one with parts written over (a key-value cache), and nothing needs the old one any more, the
parts are written into the buffer itself. Any other next value is copied there at the end.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.elementwise import Source, launch_copy
from amdc.codegen.indexing import dense_strides
from amdc.codegen.item import Item
from amdc.ir import graph as ir
from amdc.ir.pointwise import CASTS, aten, is_pointwise

# Operators whose lowering writes over a part of a copy of their first operand, and leaves the copy out where it lies there.
UPDATES = (
    aten.index_put.default,
    aten.slice_scatter.default,
    aten.select_scatter.default,
    aten.scatter.src,
    aten.scatter.value,
)


def next_values(graph: ir.Graph) -> dict[Node, Node]:
    """The node of each state's next value, by the state's placeholder."""
    following = ir.states(graph)
    made = dict(zip(ir.outputs(graph), ir.output_nodes(graph), strict=True))
    named = zip(ir.inputs(graph), ir.placeholders(graph), strict=True)
    return {node: made[following[name]] for name, node in named if name in following}


def user_outputs(graph: ir.Graph) -> list[Node]:
    """The outputs that are not a state's next value, in order."""
    held = set(ir.states(graph).values())
    return [node for name, node in zip(ir.outputs(graph), ir.output_nodes(graph), strict=True) if name not in held]


def update_in_place(graph: ir.Graph, builder: ProgramBuilder, nodes: list[Node]) -> dict[Node, Node]:
    """Let the updates that make a state's next value write into its buffer, where that is safe. Before anything is lowered.
    Returns these updates, each with the value that it writes over."""
    order = {node: index for index, node in enumerate(nodes)}
    order |= {node: len(nodes) for node in graph.graph.nodes if node.op == "output"}
    updates: dict[Node, Node] = {}
    for state, following in next_values(graph).items():
        old = state
        for node in _chain(state, following, order):
            builder.alias(node, state)
            updates[node], old = old, node
    return updates


def _chain(state: Node, following: Node, order: Mapping[Node, int]) -> list[Node]:
    """The updates from a state to its next value, the first one first; empty where one is no update or not safe."""
    chain: list[Node] = []
    node = following
    while node is not state:
        if not _is_update(node):
            return []
        old = node.args[0]
        if not isinstance(old, Node) or not _may_overwrite(node, old, order):
            return []
        chain.append(node)
        node = old
    return chain[::-1]


def _is_update(node: Node) -> bool:
    adds_up = (node.args[3] if len(node.args) > 3 else node.kwargs.get("accumulate", False)) is True
    return ir.is_op(node, *UPDATES) and not (node.target is aten.index_put.default and adds_up)


def _may_overwrite(update: Node, old: Node, order: Mapping[Node, int]) -> bool:
    """Whether nothing behind the update, and no other operand of it, needs the old value or what may be a view of it."""
    views, todo = {old}, [old]
    while todo:
        for user in todo.pop().users:
            if user not in order or user is update:
                continue
            if order[user] > order[update]:
                return False
            if _may_view(user) and user not in views:
                views.add(user)
                todo.append(user)
    others = [operand for argument in update.args[1:] for operand in _nodes(argument)]
    return views.isdisjoint(others)


def _may_view(node: Node) -> bool:
    """Whether a node's value may lie in the memory of an operand: all but what certainly computes."""
    return node.op == "call_function" and (not is_pointwise(node) or node.target in CASTS)


def _nodes(argument: object) -> list[Node]:
    """The nodes in an argument, which may be a list."""
    held = argument if isinstance(argument, (list, tuple)) else (argument,)
    return [node for node in held if isinstance(node, Node)]


def store_states(graph: ir.Graph, builder: ProgramBuilder) -> None:
    """Copy those next values that do not lie in their state's buffer yet. Behind everything that reads a state."""
    buffers = {builder.place(state).buffer for state in next_values(graph)}
    moves: list[tuple[Node, Place, Place]] = []
    for state, following in next_values(graph).items():
        source, target = builder.place(following), builder.place(state)
        if source == target:
            continue
        if source.buffer in buffers:  # a state's old value becomes another's next one: aside first, so that no copy destroys it
            aside = builder.activation(f"{following.name}.aside", source.dtype, source.shape)
            _copy(graph, builder, following, source, aside)
            source = aside
        moves.append((following, source, target))
    for following, source, target in moves:
        _copy(graph, builder, following, source, target)


def _copy(graph: ir.Graph, builder: ProgramBuilder, node: Node, source: Place, target: Place) -> None:
    item = Item(graph, node, node, (), {}, {})
    launch_copy(builder, item, source.shape, Source(source, source.dtype, dense_strides(source.shape)), target, hint="state")
