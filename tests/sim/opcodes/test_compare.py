"""Every v_cmp and v_cmpx: all sixteen float and eight integer relations of each type, and the class test."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from . import operands
from .build import DECODE, operand_names, width
from .floats import Array, exponent, flush, is_signalling, keep
from .harness import Batch, Case, Mode

Relation = Callable[[Array, Array], Array]


def _ordered(a: Array, b: Array) -> Array:
    return ~(np.isnan(a) | np.isnan(b))


FLOAT_RELATIONS: dict[str, Relation] = {
    "f": lambda a, b: np.zeros(a.shape, bool),
    "lt": lambda a, b: a < b,
    "eq": lambda a, b: a == b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "lg": lambda a, b: (a < b) | (a > b),
    "ge": lambda a, b: a >= b,
    "o": _ordered,
    "u": lambda a, b: ~_ordered(a, b),
    "nge": lambda a, b: ~(a >= b),
    "nlg": lambda a, b: ~((a < b) | (a > b)),
    "ngt": lambda a, b: ~(a > b),
    "nle": lambda a, b: ~(a <= b),
    "neq": lambda a, b: ~(a == b),
    "nlt": lambda a, b: ~(a < b),
    "tru": lambda a, b: np.ones(a.shape, bool),
}
INTEGER_RELATIONS: dict[str, Relation] = {
    "f": lambda a, b: np.zeros(a.shape, bool),
    "lt": lambda a, b: a < b,
    "eq": lambda a, b: a == b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ne": lambda a, b: a != b,
    "ge": lambda a, b: a >= b,
    "t": lambda a, b: np.ones(a.shape, bool),
}


def classes(a: Array, wanted: Array) -> Array:
    """v_cmp_class: is a in one of the classes whose bits `wanted` has?"""
    smallest, negative = exponent(a) == 0, np.signbit(a)
    denormal, normal = smallest & (a != 0), ~smallest & np.isfinite(a)
    members = [
        is_signalling(a),
        np.isnan(a) & ~is_signalling(a),
        a == -np.inf,
        normal & negative,
        denormal & negative,
        (a == 0) & negative,
        (a == 0) & ~negative,
        denormal & ~negative,
        normal & ~negative,
        a == np.inf,
    ]
    chosen = [m & ((wanted >> np.uint32(k)) & np.uint32(1) == 1) for k, m in enumerate(members)]
    return np.logical_or.reduce(chosen)


def _expectation(types: list[str], relation: Relation, dwords: int) -> Callable[..., list[Array]]:
    def expect(*slots: Array) -> list[Array]:
        values, position = [], 0
        for kind in types:
            values.append(DECODE[kind](*slots[position : position + width(kind)]))
            position += width(kind)
        return [relation(*values).astype(np.uint32)] * dwords

    return expect


def compare_case(opcode: str, types: list[str], relation: Relation, names: list[str] | None = None, label: str = "") -> Case:
    """v_cmp to a pair of SGPRs and, in the short encoding, to VCC: two result dwords."""
    a, b = names or operand_names(types)
    code = f"  {opcode}_e64 s[20:21], {a}, {b}\n  v_cndmask_b32 v20, 0, 1, s[20:21]\n"
    if opcode.endswith("class_f16") or names:
        code += "  v_mov_b32 v21, v20"
    else:
        code += f"  {opcode}_e32 vcc, {a}, {b}\n  v_cndmask_b32 v21, 0, 1, vcc"
    return Case(f"{opcode}{label}", code, _expectation(types, relation, 2), outputs=2, covers=(opcode,))


def compare_exec_case(opcode: str, types: list[str], relation: Relation) -> Case:
    """v_cmpx writes VCC and EXEC alike."""
    a, b = operand_names(types)
    code = f"""  v_mov_b32 v20, 0
  {opcode}_e32 vcc, {a}, {b}
  v_mov_b32 v20, 1
  s_mov_b64 exec, -1
  v_cndmask_b32 v21, 0, 1, vcc"""
    return Case(opcode, code, _expectation(types, relation, 2), outputs=2, covers=(opcode,))


def relations(
    kind: str, table: dict[str, Relation], change: Callable[[Array], Array] = keep, with_exec: bool = True
) -> list[Case]:
    cases = []
    for name, relation in table.items():
        changed = lambda a, b, relation=relation: relation(change(a), change(b))  # noqa: E731
        cases.append(compare_case(f"v_cmp_{name}_{kind}", [kind, kind], changed))
        if with_exec:
            cases.append(compare_exec_case(f"v_cmpx_{name}_{kind}", [kind, kind], changed))
    return cases


def class_cases(kind: str) -> list[Case]:
    types = [kind, "u32"]
    return [
        compare_case(f"v_cmp_class_{kind}", types, classes),
        compare_exec_case(f"v_cmpx_class_{kind}", types, classes),
    ]


def _class_operands(table: Array, value_slots: int) -> Array:
    """The second operand becomes a mask of classes: each single one in turn, and random mixes."""
    count = table.shape[1]
    masks = np.where(np.arange(count) % 3 < 2, 1 << (np.arange(count) % 10), np.random.default_rng(9).integers(0, 1 << 10, count))
    return np.concatenate([table[:value_slots], masks.astype(np.uint32)[None]])


def modifiers() -> list[Case]:
    return [
        compare_case("v_cmp_lt_f32", ["f32", "f32"], lambda a, b: -a < np.abs(b), ["-v2", "|v3|"], "-mods"),
        compare_case("v_cmp_gt_f32", ["f32", "f32"], lambda a, b: np.float32(0.5) > -np.abs(b), ["0.5", "-|v3|"], "-inline"),
        compare_case("v_cmp_eq_f32", ["f32", "f32"], lambda a, b: np.float32(1) == a, ["1.0", "v2"], "-inline"),
        compare_case("v_cmp_gt_u32", ["u32", "u32"], lambda a, b: a > np.uint32(0xFFFFFFFF), ["v2", "-1"], "-inline"),
    ]


F32, F16, F64 = operands.float32(2), operands.float16(2), operands.float64(2)
BATCHES = [
    Batch("compare_f32", relations("f32", FLOAT_RELATIONS) + modifiers(), F32),
    Batch("compare_f32_flush", relations("f32", FLOAT_RELATIONS, flush, with_exec=False), F32, mode=Mode(denorm32=0)),
    Batch("compare_f16", relations("f16", FLOAT_RELATIONS), F16),
    Batch("compare_f64", relations("f64", FLOAT_RELATIONS), F64),
    *(
        Batch(f"compare_{kind}", relations(kind, INTEGER_RELATIONS), operands.integer32(2))
        for kind in ("i16", "u16", "i32", "u32")
    ),
    *(Batch(f"compare_{kind}", relations(kind, INTEGER_RELATIONS), operands.integer64(2)) for kind in ("i64", "u64")),
    Batch("class_f32", class_cases("f32"), _class_operands(F32, 1)),
    Batch("class_f16", class_cases("f16"), _class_operands(F16, 1)),
    Batch("class_f64", class_cases("f64"), _class_operands(F64, 2)),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_compare(batch: Batch, case: Case) -> None:
    batch.verify(case)
