"""States that a matrix product writes: what of its result becomes part of a state, such as a new key of a cache, is stored there
by the product's own epilogue. No kernel moves it afterwards.

    m = x @ w; kept = index_put(cache, [None, None, position], rearranged slice of m), written into the cache's buffer
"""

from __future__ import annotations

import math
import operator
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from torch.fx import Node

from amdc.codegen.dtypes import C_TYPES, FLOAT32_MATH
from amdc.codegen.indexing import dense_strides
from amdc.codegen.strided_view import Layout
from amdc.codegen.view_operators import PARTS, REORDERINGS, RESHAPES, change
from amdc.ir import graph as ir
from amdc.ir.ops.norm_linear import norm_linear
from amdc.ir.ops.packed import linear_packed
from amdc.ir.pointwise import aten
from amdc.ir.regions import anchor, is_region

SPLITS = (aten.split_with_sizes.default, aten.split.Tensor)
PRODUCTS = (linear_packed, norm_linear, aten.mm.default)  # their kernels evaluate the epilogue once an element


@dataclass(frozen=True)
class SideStore:
    """Element [i0, ..., j, ...] of `layout`, a view of an item's dense result, is also element [i0, ..., positions[j], ...] of a
    state, where j is the index of dimension `dim` and `positions` a vector of integers. `update` is the aten.index_put that this
    computes; its place is the state's."""

    update: Node
    positions: Node
    dim: int
    layout: Layout

    @property
    def nbytes(self) -> int:
        """What it writes."""
        return int(self.update.meta["val"].element_size()) * math.prod(self.layout.shape)

    def statements(self, total: int, value: str, state: str, positions: str, tag: str) -> list[str]:
        """C++ that stores `value`, element `offset` of a result of `total` elements, where it belongs to the layout; `state` and
        `positions` are buffer expressions, `tag` the state's element type."""
        atoms = [(extent, stride, dim) for dim, axis in enumerate(self.layout.axes) for extent, stride in axis]
        atoms.sort(key=lambda atom: -atom[1])
        lines = [f"unsigned rest = offset - {self.layout.offset}u;"]
        tests = [f"offset < {total}u"]
        coordinates: dict[int, str] = {}
        for number, (extent, stride, dim) in enumerate(atoms):
            lines.append(f"unsigned i{number} = rest / {stride}u; rest -= i{number} * {stride}u;")
            tests.append(f"i{number} < {extent}u")
            earlier = f"{coordinates[dim]} * {extent}u + " if dim in coordinates else ""
            coordinates[dim] = f"({earlier}i{number})"
        strides = dense_strides(ir.shape(self.update))
        index_type = C_TYPES[str(self.positions.meta["val"].dtype).removeprefix("torch.")]
        coordinates[self.dim] = (
            f"amdc_wrap(({index_type})amdc_read<{index_type}>({positions}, {coordinates.get(self.dim, '0u')}), "
            f"{ir.shape(self.update)[self.dim]}u)"
        )
        where = " + ".join(f"{coordinates[dim]} * {strides[dim]}u" for dim in sorted(coordinates))
        store = f"amdc_write<{tag}>({state}, {where}, {value});"
        return ["{ " + " ".join(lines), f"  if ({' && '.join(tests)} && rest == 0) {store} }}"]


def find_stores(graph: ir.Graph, updates: Mapping[Node, Node], order: Mapping[Node, int]) -> dict[Node, list[SideStore]]:
    """The side stores of each product. `updates` are the states' updates in place, each with the value that it writes over;
    `order` says when each node is computed."""
    found: dict[Node, list[SideStore]] = {}
    for update, old in updates.items():
        store = _as_store(graph, update) if old.op == "placeholder" else None
        producer = _producer(graph, update.args[2]) if store is not None else None
        if store is None or producer is None or producer not in order or not _may_write_early(update, old, producer, order):
            continue
        found.setdefault(producer, []).append(store)
    return found


def _as_store(graph: ir.Graph, update: Node) -> SideStore | None:
    """What an index_put writes, as a view of a product's result; None where it is of another form."""
    indices: Any = update.args[1] if ir.is_op(update, aten.index_put.default) else ()
    used = [(dim, index) for dim, index in enumerate(indices) if index is not None]
    if len(used) != 1:
        return None
    (dim, positions), values = used[0], update.args[2]
    domain = list(ir.shape(update))
    if not isinstance(values, Node) or str(ir.dtype(positions)) not in ("torch.int64", "torch.int32") or 0 in domain:
        return None
    domain[dim] = positions.meta["val"].numel()
    if len(ir.shape(positions)) != 1 or ir.shape(values) != tuple(domain) or domain[dim] == 0:
        return None
    layout = _layout(graph, values)
    if layout is None or any(stride <= 0 for axis in layout.axes for _, stride in axis):
        return None
    return SideStore(update, positions, dim, layout)


def _steps(graph: ir.Graph, node: Any) -> tuple[list[Node], Node | None]:
    """The operators that only rearrange a product's result, the last first, and the product; None where there is none."""
    chain: list[Node] = []
    while isinstance(node, Node) and node.op == "call_function" and not _is_product(graph, node):
        moves = node.target in (*RESHAPES, *REORDERINGS, *PARTS, aten.clone.default, operator.getitem)
        if not moves and not ir.is_op(node, *SPLITS):
            return chain, None
        chain.append(node)
        node = node.args[0]
    return chain, node if _is_product(graph, node) else None


def _is_product(graph: ir.Graph, node: Any) -> bool:
    if is_region(node):
        node = anchor(ir.region(graph, node))
    return ir.is_op(node, *PRODUCTS)


def _producer(graph: ir.Graph, values: Any) -> Node | None:
    """The product whose kernel can store: one that computes in fp32."""
    product = _steps(graph, values)[1]
    if product is None:
        return None
    types = {str(ir.dtype(node)).removeprefix("torch.") for node in (product, *product.all_input_nodes)}
    return product if types <= set(FLOAT32_MATH) else None


def _layout(graph: ir.Graph, values: Node) -> Layout | None:
    """Where the elements of `values` lie in the product's dense result."""
    chain, product = _steps(graph, values)
    layout = Layout.dense(ir.shape(product)) if product is not None else None
    steps = iter(reversed(chain))
    for step in steps:
        if layout is None:
            return None
        if ir.is_op(step, *SPLITS):
            layout = _part(layout, step, next(steps))
        elif step.target is operator.getitem:
            return None
        elif step.target is not aten.clone.default:
            layout = change(step)(layout)
    return layout


def _part(layout: Layout, split: Node, piece: Node) -> Layout | None:
    args: Any = split.args
    given: Any = args[2] if len(args) > 2 else split.kwargs.get("dim", 0)
    dim: int = given % len(layout.axes)
    extents = [int(part.shape[dim]) for part in split.meta["val"]]
    index: Any = piece.args[1]
    return layout.slice(dim, sum(extents[:index]), extents[index])


def _may_write_early(update: Node, old: Node, producer: Node, order: Mapping[Node, int]) -> bool:
    """Whether the state may be written when the product is computed: the positions are known, and what reads the old state, or
    could be a view of it, is done."""
    positions: Any = update.args[1]
    before = order[producer]
    if any(order.get(index, -1) >= before for index in positions if index is not None):
        return False
    todo, seen = [old], {old}
    while todo:
        for user in todo.pop().users:
            if user is update or user not in order or user in seen:
                continue
            if order[user] >= before:
                return False
            seen.add(user)
            todo.append(user)
    return True


def absorbed(stores: Mapping[Node, Collection[SideStore]]) -> set[Node]:
    """The updates that products compute."""
    return {store.update for held in stores.values() for store in held}
