"""Fused point-wise operators as C++: what a template does to each element before (prologue) or after (epilogue) its own work.

A template calls two macros, which the generated prelude defines and whose defaults in the file are the identity:
  AMDC_EPILOGUE_PARAMS                          extra kernel parameters: ", const float *e0, unsigned e0_bytes, ..."
  AMDC_EPILOGUE(value, channel, offset)         the final value; `channel` is the index along the output's channel dimension,
                                                `offset` the linear index of the element in the output
  AMDC_EPILOGUE_OF_ROW(value, channel, offset, row)       the same for a template that knows the row of a matrix's element, which
                                                          the other one finds by a division where an operand has a value a row
  AMDC_PROLOGUE_PARAMS, AMDC_PROLOGUE(value, channel)     the same for the data operand
  AMDC_ROW_PARAMS, AMDC_ROW(value, channel, offset)       a prologue of a template that reads rows, each element at one `offset`:
                                                          its other operands may be of any shape that broadcasts
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch.fx import Node

from amdc.codegen.dtypes import C_TYPES, NARROW, TAGS
from amdc.codegen.operators import flops, write
from amdc.codegen.side_stores import SideStore
from amdc.errors import InternalError, ModelError


def dtype_name(node: Node) -> str:
    """A node's dtype by its name in numpy. Raises `ModelError` for one that kernels do not handle."""
    name = str(node.meta["val"].dtype).removeprefix("torch.")
    if name not in C_TYPES:
        raise ModelError(f"'{node.name}' has dtype {name}; kernels are made for {', '.join(C_TYPES)}")
    return name


def load(dtype: str, pointer: str, index: str) -> str:
    """C++ that loads one element through a bounds-checked buffer made of `pointer` and `pointer`_bytes."""
    return f"amdc_read<{TAGS[dtype]}>(amdc_make({pointer}, {pointer}_bytes), {index})"


def store(dtype: str, pointer: str, index: str, value: str) -> str:
    return f"amdc_write<{TAGS[dtype]}>(amdc_make({pointer}, {pointer}_bytes), {index}, {value})"


def statements(nodes: Sequence[Node], names: dict[Node, str]) -> list[str]:
    """One C++ statement a point-wise node; `names` holds the C++ names of what they use and receives theirs."""
    lines = []
    for node in nodes:
        names[node] = f"t{len(names)}"
        lines.append(f"    {C_TYPES[dtype_name(node)]} {names[node]} = {write(node, names)};")
    return lines


def broadcast_index(shape: tuple[int, ...], domain: tuple[int, ...], channel_dim: int | None) -> tuple[str, str]:
    """How an operand of `shape` is indexed within `domain`: ("element" | "channel" | "uniform" | "general", C++ index). Where no
    dimension is passed as `channel`, `channel_dim` is None."""
    shape = (1,) * (len(domain) - len(shape)) + shape
    wide = [dim for dim, extent in enumerate(shape) if extent != 1]
    if not wide:
        return "uniform", "0u"
    if channel_dim is not None and wide == [channel_dim % len(domain)]:
        return "channel", "channel"
    if shape == domain:
        return "element", "offset"
    terms = []
    for dim in wide:
        inner, stride = math.prod(domain[dim + 1 :]), math.prod(shape[dim + 1 :])
        outer = "" if math.prod(domain[:dim]) == 1 else f" % {domain[dim]}u"
        terms.append(f"offset / {inner}u{outer} * {stride}u")
    return "general", " + ".join(terms)


@dataclass(frozen=True)
class FusedExpression:
    """Generated text for a template, and the nodes to append to the kernel's arguments, in order (the builder expands each to a
    pointer and a byte count). `flops` counts operations an element. `kinds` says how each operand is indexed."""

    text: str
    operands: tuple[Node, ...]
    flops: int
    kinds: tuple[str, ...]
    hint: str = ""

    def __bool__(self) -> bool:
        return bool(self.text)

    @staticmethod
    def make(
        role: str,
        nodes: tuple[Node, ...],
        start: Node | None,
        domain: tuple[int, ...],
        outer: dict[Node, Node],
        channel_dim: int | None,
        stores: Sequence[SideStore] = (),
    ) -> FusedExpression:
        """`role` is "epilogue", "prologue" or "row"; `start` the node whose value the template passes, of shape `domain`; `outer`
        maps placeholders of the region's body to nodes of the graph. Without nodes and stores (of the result, into states) the
        expression is empty (the identity)."""
        if not nodes and not stores:
            return FusedExpression("", (), 0, ())
        assert start is not None
        names: dict[Node, str] = {start: "value"}
        operands: list[Node] = []
        kinds: list[str] = []
        held = dtype_name(start)
        lines = [f"    value = amdc_rounded<{TAGS[held]}>(value);"] if role == "epilogue" and held in NARROW else []
        params: list[tuple[str, str]] = []
        for inner in dict.fromkeys(n for node in nodes for n in node.all_input_nodes if n not in nodes and n is not start):
            if inner not in outer:
                raise InternalError(
                    f"the {role} at '{nodes[-1].name}' uses '{inner.name}', which is not an operand of its region"
                )
            name = f"{role[0]}{len(operands)}"
            kind, index = broadcast_index(tuple(map(int, inner.meta["val"].shape)), domain, channel_dim)
            if role == "epilogue" and len(domain) == 2 and tuple(inner.meta["val"].shape) == (domain[0], 1) and kind == "general":
                kind, index = "row", "row"
            dtype = dtype_name(inner)
            names[inner] = f"{name}_value"
            lines.append(f"    {C_TYPES[dtype]} {name}_value = {load(dtype, name, index)};")
            params.append((f"const void *{name}", f"unsigned {name}_bytes"))
            operands.append(outer[inner])
            kinds.append(kind)
        if role == "prologue" and {"element", "general"} & set(kinds):
            raise InternalError(
                f"the prologue at '{nodes[-1].name}' has an operand that is neither per channel nor a scalar: {kinds}"
            )
        lines += statements(nodes, names)
        last = nodes[-1] if nodes else start
        for store in stores:
            lines += _side_store(store, math.prod(domain), names[last], params, operands)
        types = C_TYPES[held], C_TYPES[dtype_name(last)]
        text = _function(role, lines, names[last], params, types, domain[-1] if "row" in kinds else 0)
        hint = "_".join([*(str(node.target).split(".")[1] for node in nodes[:3]), *(["store"] if stores else [])])
        return FusedExpression(text, tuple(operands), sum(map(flops, nodes)), tuple(kinds), hint)


def _side_store(store: SideStore, total: int, value: str, params: list[tuple[str, str]], operands: list[Node]) -> list[str]:
    """C++ that stores a result into a state too, whose parameters and arguments are appended."""
    names = []
    for node, const in ((store.update, ""), (store.positions, "const ")):
        names.append(f"s{len(operands)}")
        params.append((f"{const}void *{names[-1]}", f"unsigned {names[-1]}_bytes"))
        operands.append(node)
    state, positions = (f"amdc_make({name}, {name}_bytes)" for name in names)
    return [f"    {line}" for line in store.statements(total, value, state, positions, TAGS[dtype_name(store.update)])]


def _function(
    role: str, lines: list[str], result: str, params: list[tuple[str, str]], types: tuple[str, str], width: int = 0
) -> str:
    """The inline function of a fused expression and the macros that call it; `types` are those of the value and of the result.
    `width`: columns of the matrix, where an operand has a value a row."""
    upper, flat = role.upper(), [part for pair in params for part in pair]
    passed = "".join(", " + part.split()[-1].lstrip("*") for part in flat)
    takes = ("value", "channel") if role == "prologue" else ("value", "channel", "offset")
    row = ("row",) if width else ()
    parameters = ", ".join([f"{types[0]} value", *(f"unsigned {name}" for name in (*takes[1:], *row)), *flat])
    body, found = "\n".join(lines), f", (offset) / {width}u" if width else ""
    macros = [f"#define AMDC_{upper}({', '.join(takes)}) amdc_{role}({', '.join(takes)}{found}{passed})\n"]
    if width:
        given = ", ".join((*takes, *row))
        macros.append(f"#define AMDC_{upper}_OF_ROW({given}) amdc_{role}({given}{passed})\n")
    return (
        f"AMDC_DEVICE {types[1]} amdc_{role}({parameters}) {{\n{body}\n    return {result};\n}}\n"
        f"#define AMDC_{upper}_PARAMS {''.join(', ' + part for part in flat)}\n{''.join(macros)}"
    )
