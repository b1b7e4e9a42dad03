"""Short ways to write cases: an opcode, the types of its operands, and a numpy function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from . import compare
from .floats import Array, bits, f16, f32, f64, pair, u64
from .harness import Case, Oracle

# How a type reads its one or two operand slots.
DECODE: dict[str, Callable[..., Array]] = {
    "f32": f32,
    "f16": f16,
    "f64": f64,
    "u32": lambda w: w.astype(np.uint32),
    "i32": lambda w: w.astype(np.uint32).view(np.int32),
    "u16": lambda w: (w & 0xFFFF).astype(np.uint16),
    "i16": lambda w: (w & 0xFFFF).astype(np.uint16).view(np.int16),
    "u64": u64,
    "i64": lambda low, high: u64(low, high).view(np.int64),
}
CHECKS = {"f32": compare.float32, "f16": compare.float16, "f64": compare.float64}


def width(kind: str) -> int:
    """How many dwords a value of the type takes."""
    return 2 if kind.endswith("64") else 1


def registers(first: int, count: int, bank: str = "v") -> str:
    return f"{bank}{first}" if count == 1 else f"{bank}[{first}:{first + count - 1}]"


def operand_names(types: Sequence[str], first: int = 2, bank: str = "v") -> list[str]:
    """The registers that hold operands of these types: v2, v3, ... for vector cases."""
    names = []
    for kind in types:
        names.append(registers(first, width(kind), bank))
        first += width(kind)
    return names


def oracle(types: Sequence[str], function: Callable[..., Array]) -> Oracle:
    """Wraps a function of typed arrays into one of operand dwords."""

    def expect(*slots: Array) -> list[Array]:
        result = np.asarray(function(*_typed(types, slots)))
        return pair(result) if result.dtype.itemsize == 8 else [bits(result)]

    return expect


def vector(
    opcode: str,
    signature: str,
    function: Callable[..., Array],
    *,
    label: str = "",
    code: str = "",
    modifiers: str = "",
    check: compare.Check | None = None,
    care: Callable[..., Array] | None = None,
) -> Case:
    """A vector opcode. `signature` is like "f32 f32 -> f32"; `code` replaces `opcode D, A, B, C` (fields {d}, {a}, {b}, {c})."""
    left, result = signature.split("->")
    types, result = left.split(), result.strip()
    names = dict(zip("abc", operand_names(types), strict=False))
    d = registers(20, width(result))
    text = code.format(d=d, **names) if code else f"{opcode} {', '.join([d, *names.values()])} {modifiers}"
    text = "\n".join("  " + line.strip() for line in text.split("\n"))
    wants = None if care is None else lambda *slots: np.asarray(care(*_typed(types, slots)))
    return Case(
        name=f"{opcode}{'-' + label if label else ''}",
        code=text,
        expect=oracle(types, function),
        outputs=width(result),
        check=check or CHECKS.get(result),
        care=wants,
        covers=(opcode,),
    )


def _typed(types: Sequence[str], slots: Sequence[Array]) -> list[Array]:
    values, position = [], 0
    for kind in types:
        values.append(DECODE[kind](*slots[position : position + width(kind)]))
        position += width(kind)
    return values
