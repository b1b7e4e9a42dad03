"""Reductions of no elements: the neutral element of the operation, with what is fused behind it."""

from __future__ import annotations

from torch.fx import Node

from amdc.codegen.builder import Place, ProgramBuilder
from amdc.codegen.elementwise import launch_map
from amdc.codegen.expression import dtype_name, statements
from amdc.codegen.item import Item
from amdc.codegen.lowerings.views import sources
from amdc.codegen.operators import literal
from amdc.errors import ModelError

NEUTRAL = {"SUM": 0, "PROD": 1, "ANY": False, "ALL": True, "MEAN": float("nan"), "VAR": float("nan")}


def reduce_nothing(item: Item, builder: ProgramBuilder, op: str, out: Place) -> None:
    """Fill `out` with the result of reducing no elements. Raises `ModelError` for extremes, which have none."""
    if op not in NEUTRAL:
        raise ModelError(f"'{item.user_name}' takes the largest or smallest of no elements, which has no value")
    if not item.after:
        launch_map(builder, item, out.shape, [], out, lambda names: ([], literal(NEUTRAL[op], out.dtype)), hint="fill")
        return
    anchor = item.anchor
    assert anchor is not None
    made = {anchor, *item.after}
    operands: list[Node] = list(dict.fromkeys(n for node in item.after for n in node.all_input_nodes if n not in made))
    domain, found = sources(builder, [item.outer.get(n, n) for n in operands], out.shape)
    start = f"({literal(NEUTRAL[op], dtype_name(anchor))})"

    def emit(values: list[str]) -> tuple[list[str], str]:
        names = {anchor: start, **dict(zip(operands, values, strict=True))}
        lines = statements(item.after, names)
        return lines, names[item.after[-1]]

    launch_map(builder, item, domain, found, out, emit, hint="fill")
