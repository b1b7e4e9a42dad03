"""A Graph becomes a Program: one function an operator, found by a registry, lays out its launches with a `ProgramBuilder`.

Lowerings stand in codegen/lowerings/; each declares what it lowers: `@lowers(aten.max_pool2d_with_indices.default)`.
"""

from __future__ import annotations

import operator
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.choice import Choices
from amdc.codegen.concat_in_place import join_in_place
from amdc.codegen.elementwise import Source, launch_copy
from amdc.codegen.indexing import dense_strides
from amdc.codegen.item import Item, make_item
from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.registry import find
from amdc.codegen.side_stores import SideStore, absorbed, find_stores
from amdc.codegen.states import store_states, update_in_place, user_outputs
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.program import Program
from amdc.target import Target


@dataclass(frozen=True)
class LoweringOptions:
    """`opt_level` 0 to 3: from 2 on, kernels and layouts are chosen by cost, and concatenations are built in place. `choices`:
    what the kernel search forces or has found."""

    opt_level: int = 2
    choices: Choices = field(default_factory=Choices)


@dataclass(frozen=True)
class Lowered:
    """`sources` maps `Kernel.code` to what is to be compiled; `constants` maps constant buffers to their contents; `named` maps
    the Graph's constants that lie in the arena to their buffers."""

    program: Program
    sources: dict[str, KernelSource]
    constants: dict[str, np.ndarray]
    named: dict[str, str]


def lower(graph: ir.Graph, target: Target, options: LoweringOptions | None = None) -> Lowered:
    """Lower a whole graph. Raises `ModelError` that lists all operators without a lowering, and the first node of each."""
    options = options or LoweringOptions()
    nodes = live_nodes(graph)
    live = frozenset(nodes)
    items = [
        make_item(graph, node, live) for node in nodes if node.op in ("call_function", "call_module") and not is_getitem(node)
    ]
    by_node = {item.node: item for item in items}
    unsupported = [item for item in items if find(item) is None]
    if unsupported:
        raise ModelError(unsupported_message(unsupported, target.arch))
    builder = ProgramBuilder(graph, target, options.opt_level, options.choices)
    updates = update_in_place(graph, builder, nodes)
    stores: dict[Node, list[SideStore]] = {}
    if options.opt_level >= 2:
        join_in_place(graph, builder, nodes)
        stores = find_stores(graph, updates, {node: index for index, node in enumerate(nodes)})
        by_node |= {node: replace(by_node[node], stores=tuple(held)) for node, held in stores.items()}
    done = absorbed(stores)
    for node in nodes:
        if is_getitem(node):
            builder.same(node, *node.args)  # type: ignore[arg-type]
        elif node in by_node and node not in done:
            function = find(by_node[node])
            assert function is not None
            function(by_node[node], builder)
    outputs = [own_place(graph, builder, node) for node in user_outputs(graph)]
    store_states(graph, builder)
    return Lowered(builder.finish(outputs), builder.sources, builder.constants, builder.named_constants())


def own_place(graph: ir.Graph, builder: ProgramBuilder, node: Node) -> Place:
    """Where an output of the model lies: what is a view, an input or a constant is copied into a buffer of its own."""
    place = builder.place(node)
    if builder.claim(place):
        return place
    copy = builder.activation(f"{node.name}.output", place.dtype, place.shape)
    item = Item(graph, node, node, (), {}, {})
    launch_copy(builder, item, place.shape, Source(place, place.dtype, dense_strides(place.shape)), copy, hint="output")
    return copy


def is_getitem(node: Node) -> bool:
    return node.op == "call_function" and node.target is operator.getitem


def live_nodes(graph: ir.Graph) -> list[Node]:
    """The nodes that an output depends on, in order."""
    live: set[Node] = set()
    for node in reversed(graph.graph.nodes):
        if node.op == "output" or node in live:
            live.update(node.all_input_nodes)
    return [node for node in graph.graph.nodes if node in live]


def unsupported_message(items: list[Item], arch: str) -> str:
    """A table of operators without kernels: how many nodes, and the first of each by the user's name."""
    names = [str((item.anchor or item.node).target) for item in items]
    counts, width = Counter(names), max(len("op"), *map(len, names))
    uses = "nodes use" if len(items) > 1 else "node uses"
    lines = [
        f"{len(items)} {uses} operators that amdc cannot compile for {arch}",
        f"  {'op':{width}}  nodes  first",
    ]
    for name, count in counts.most_common():
        node = items[names.index(name)].node
        lines.append(f"  {name:{width}}  {count:5}  {(node.meta.get('source') or (node.name,))[0]}")
    return "\n".join([*lines, f"  Full list: amdc ops --arch {arch}"])
