"""What a template needs to read and write tensors of any dtype, and an operator's arguments by their names."""

from __future__ import annotations

from typing import Any

from torch._ops import OpOverload

from amdc.codegen.dtypes import C_TYPES
from amdc.codegen.expression import load, store
from amdc.codegen.item import Item
from amdc.errors import InternalError


def access(**tensors: str) -> str:
    """Macros for kernel pointers `name` with `name`_bytes, given each one's dtype: NAME_TYPE, the C type that an element is
    held as; NAME_LOAD(index) and NAME_STORE(index, value), which convert from and to what lies in memory."""
    lines = []
    for name, dtype in tensors.items():
        upper = name.upper()
        lines += [
            f"#define {upper}_TYPE {C_TYPES[dtype]}",
            f"#define {upper}_LOAD(index) ({load(dtype, name, 'index')})",
            f"#define {upper}_STORE(index, value) {store(dtype, name, 'index', '(value)')}",
        ]
    return "\n".join([*lines, ""])


def arguments(item: Item) -> dict[str, Any]:
    """The anchor's arguments by the names of its schema, with defaults filled in."""
    target = item.anchor.target if item.anchor is not None else None
    if not isinstance(target, OpOverload):
        raise InternalError(f"'{item.node.name}' has no operator with a schema")
    bound: dict[str, Any] = {}
    for place, argument in enumerate(target._schema.arguments):
        positional = place < len(item.args) and not argument.kwarg_only
        bound[argument.name] = item.args[place] if positional else item.kwargs.get(argument.name, argument.default_value)
    return bound
