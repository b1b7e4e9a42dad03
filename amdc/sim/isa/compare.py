"""VOPC: vector comparisons into a lane mask (the manual, "VOPC instructions"): a regular space, made by loops.

v_cmpx also writes EXEC: the translator sets EXEC to the mask that `D` makes. Comparisons of floats know NaN: v_cmp_nlt is "not
less than", true for NaN.
"""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("VOPC")

_FLOAT = {
    "f": "0",
    "lt": "S0 < S1",
    "eq": "S0 == S1",
    "le": "S0 <= S1",
    "gt": "S0 > S1",
    "lg": "S0 < S1 || S0 > S1",
    "ge": "S0 >= S1",
    "o": "S0 == S0 && S1 == S1",
    "u": "S0 != S0 || S1 != S1",
    "nge": "!(S0 >= S1)",
    "nlg": "!(S0 < S1 || S0 > S1)",
    "ngt": "!(S0 > S1)",
    "nle": "!(S0 <= S1)",
    "neq": "S0 != S1",
    "nlt": "!(S0 < S1)",
    "tru": "1",
}
_INTEGER = {
    "f": "0",
    "lt": "S0 < S1",
    "eq": "S0 == S1",
    "le": "S0 <= S1",
    "gt": "S0 > S1",
    "ne": "S0 != S1",
    "ge": "S0 >= S1",
    "t": "1",
}


def _family(opcode: int, type: str, expressions: dict[str, str], extended: bool) -> tuple[Op, ...]:
    """One row an expression from `opcode` on; `extended` are the v_cmpx forms."""
    prefix, writes = ("v_cmpx", "exec") if extended else ("v_cmp", "")
    return tuple(
        _row(opcode + i, f"{prefix}_{name}_{type}", "mask", f"{type} {type}", f"D = {expression};", writes=writes)
        for i, (name, expression) in enumerate(expressions.items())
    )


def _both(opcode: int, step: int, type: str, expressions: dict[str, str]) -> tuple[Op, ...]:
    return _family(opcode, type, expressions, False) + _family(opcode + step, type, expressions, True)


def _classes(opcode: int, type: str, source: str) -> tuple[Op, ...]:
    """v_cmp_class: is S0 of one of the classes whose bits S1 sets? A half comes as raw bits: a float would lose its class."""
    meaning = f"D = (class_{type}(S0) & S1) != 0;"
    return (
        _row(opcode, f"v_cmp_class_{type}", "mask", f"{source} b32", meaning),
        _row(opcode + 1, f"v_cmpx_class_{type}", "mask", f"{source} b32", meaning, writes="exec"),
    )


VOPC = (
    *_classes(16, "f32", "f32"),
    *_classes(18, "f64", "f64"),
    *_classes(20, "f16", "b16"),
    *_both(32, 16, "f16", _FLOAT),
    *_both(64, 16, "f32", _FLOAT),
    *_both(96, 16, "f64", _FLOAT),
    *(op for i, type in enumerate(("i16", "u16")) for op in _both(160 + 8 * i, 16, type, _INTEGER)),
    *(op for i, type in enumerate(("i32", "u32")) for op in _both(192 + 8 * i, 16, type, _INTEGER)),
    *(op for i, type in enumerate(("i64", "u64")) for op in _both(224 + 8 * i, 16, type, _INTEGER)),
)
