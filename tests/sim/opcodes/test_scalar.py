"""Scalar ALU: every SOP2, SOP1, SOPK and SOPC operation, with the condition bit that it leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from . import operands
from .build import DECODE, operand_names, registers, width
from .floats import Array
from .harness import Batch, Case

Function = Callable[..., Array]
KEEP = "keep"  # the operation leaves SCC as it was


def nonzero(result: Array, *_: Array) -> Array:
    return result != 0


def scalar(
    opcode: str,
    signature: str,
    function: Function,
    condition: Function | str = KEEP,
    *,
    label: str = "",
    code: str = "",
    care: Function | None = None,
    old: str = "",
) -> Case:
    """Result and SCC afterwards. `function` takes the typed operands and `scc`; `condition` the result before these."""
    left, kind = (part.strip() for part in signature.split("->"))
    types = left.split()
    names = operand_names(types, 20, "s")
    dwords = width(kind)
    d, flag = registers(40, dwords, "s"), f"s{40 + dwords}"
    body = code.format(d=d, **dict(zip("abc", names, strict=False))) if code else f"{opcode} {', '.join([d, *names])}"
    lines = [f"s_mov_b{32 * dwords} {d}, {old}"] if old else []
    lines += ["s_cmp_lg_u32 s26, 0", *body.split("\n"), f"s_cselect_b32 {flag}, 1, 0"]

    def expect(*slots: Array) -> list[Array]:
        values, position = [], 0
        for t in types:
            values.append(DECODE[t](*slots[position : position + width(t)]))
            position += width(t)
        scc = slots[6] != 0
        result = np.asarray(function(*values, scc))
        flags = scc if isinstance(condition, str) else condition(result, *values, scc)
        raw = result.astype(f"i{4 * dwords}", casting="unsafe").view(f"u{4 * dwords}")
        words = [raw] if dwords == 1 else [raw.astype(np.uint32), (raw >> np.uint64(32)).astype(np.uint32)]
        return [*words, flags.astype(np.uint32)]

    wants = None
    if care is not None:
        wants = lambda *slots: care(*(DECODE[t](slots[k]) for k, t in enumerate(types)))  # noqa: E731
    return Case(
        f"{opcode}{'-' + label if label else ''}",
        "\n".join(f"  {line}" for line in lines),
        expect,
        outputs=dwords + 1,
        care=wants,
        covers=(opcode,),
    )


def long(a: Array) -> Array:
    return a.astype(np.int64)


def table(slots: Array) -> Array:
    """Operands in slots 0-3, the condition bit (its last row) in slot 6."""
    padded = np.zeros((7, slots.shape[1]), np.uint32)
    padded[: len(slots) - 1], padded[6] = slots[:-1], slots[-1]
    return padded


def overflowed(wide_result: Function) -> Function:
    return lambda r, a, b, c: wide_result(long(a), long(b), c) != long(r.astype(np.int32))


def arithmetic() -> list[Case]:
    u, i = "u32 u32 -> u32", "i32 i32 -> i32"
    different = lambda a, b: a != b  # noqa: E731  # the manual's editions disagree on SCC of a minimum of equals
    return [
        scalar("s_add_u32", u, lambda a, b, c: a + b, lambda r, a, b, c: r < a),
        scalar("s_sub_u32", u, lambda a, b, c: a - b, lambda r, a, b, c: b > a),
        scalar("s_add_i32", i, lambda a, b, c: a + b, overflowed(lambda a, b, c: a + b)),
        scalar("s_sub_i32", i, lambda a, b, c: a - b, overflowed(lambda a, b, c: a - b)),
        scalar("s_addc_u32", u, lambda a, b, c: a + b + c, lambda r, a, b, c: long(a) + long(b) + c > 0xFFFFFFFF),
        scalar("s_subb_u32", u, lambda a, b, c: a - b - c, lambda r, a, b, c: long(a) - long(b) - c < 0),
        scalar("s_min_i32", i, lambda a, b, c: np.minimum(a, b), lambda r, a, b, c: a < b, care=different),
        scalar("s_min_u32", u, lambda a, b, c: np.minimum(a, b), lambda r, a, b, c: a < b, care=different),
        scalar("s_max_i32", i, lambda a, b, c: np.maximum(a, b), lambda r, a, b, c: a > b, care=different),
        scalar("s_max_u32", u, lambda a, b, c: np.maximum(a, b), lambda r, a, b, c: a > b, care=different),
        scalar("s_mul_i32", i, lambda a, b, c: a * b),
        scalar("s_absdiff_i32", i, lambda a, b, c: abs((a - b).astype(np.int32)), nonzero),
        scalar("s_abs_i32", "i32 -> i32", lambda a, c: abs(a), nonzero),
        scalar("s_cselect_b32", u, lambda a, b, c: np.where(c, a, b)),
        scalar("s_cmov_b32", u, lambda a, b, c: np.where(c, a, b), old="s21", code="s_cmov_b32 {d}, {a}"),
        scalar("s_mov_b32", "u32 -> u32", lambda a, c: a),
        scalar(
            "s_mov_b32", "u32 -> u32", lambda a, c: np.full_like(a, 0xDEAD0001), label="literal", code="s_mov_b32 {d}, 0xdead0001"
        ),
        scalar("s_sext_i32_i8", "u32 -> i32", lambda a, c: a.astype(np.int8).astype(np.int32)),
        scalar("s_sext_i32_i16", "u32 -> i32", lambda a, c: a.astype(np.int16).astype(np.int32)),
        scalar("s_movk_i32", "u32 -> i32", lambda a, c: np.full(a.shape, -300), code="s_movk_i32 {d}, 0xfed4"),
        scalar("s_cmovk_i32", "u32 -> i32", lambda a, c: np.where(c, -2, long(a)), old="s20", code="s_cmovk_i32 {d}, 0xfffe"),
        scalar(
            "s_addk_i32",
            "i32 -> i32",
            lambda a, c: a + np.int32(-5),
            lambda r, a, c: long(a) - 5 != long(r.astype(np.int32)),
            old="s20",
            code="s_addk_i32 {d}, 0xfffb",
        ),
        scalar("s_mulk_i32", "i32 -> i32", lambda a, c: a * np.int32(-3), old="s20", code="s_mulk_i32 {d}, 0xfffd"),
    ]


LOGIC: dict[str, Function] = {
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "xor": lambda a, b: a ^ b,
    "andn2": lambda a, b: a & ~b,
    "orn2": lambda a, b: a | ~b,
    "nand": lambda a, b: ~(a & b),
    "nor": lambda a, b: ~(a | b),
    "xnor": lambda a, b: ~(a ^ b),
}


def _mask(size: Array, dtype: type) -> Array:
    """The low `size` bits (all of them from the type's width on)."""
    top = np.iinfo(dtype).bits
    return np.where(size >= top, ~dtype(0), (dtype(1) << np.minimum(size, top - 1).astype(dtype)) - dtype(1)).astype(dtype)


def unsigned_field(a: Array, control: Array, _: Array) -> Array:
    """s_bfe_u: offset in the low bits of the control, width in bits 22-16."""
    kind, bits = a.dtype.type, np.iinfo(a.dtype).bits
    return (a >> (control & np.uint32(bits - 1)).astype(kind)) & _mask((control >> np.uint32(16)) & np.uint32(127), kind)


def signed_field(a: Array, control: Array, _: Array) -> Array:
    bits = np.iinfo(a.dtype).bits
    size = np.minimum((control >> np.uint32(16)) & np.uint32(127), bits).astype(a.dtype)
    moved = a >> (control & np.uint32(bits - 1)).astype(a.dtype)
    up = np.minimum(bits - size, bits - 1).astype(a.dtype)
    return np.where(size == 0, 0, (moved << up) >> up).astype(a.dtype)


def bit_length(a: Array) -> Array:
    return np.array([int(v).bit_length() for v in a.tolist()])


def from_top(a: Array, c: Array) -> Array:
    """s_flbit on unsigned: zeros above the highest one, -1 if there is none."""
    return np.where(a == 0, -1, np.iinfo(a.dtype).bits - bit_length(a))


def from_top_signed(a: Array, c: Array) -> Array:
    folded = np.where(a < 0, ~a, a)
    return np.where(folded == 0, -1, np.iinfo(a.dtype).bits - bit_length(folded))


def first_one(a: Array, c: Array) -> Array:
    return np.where(a == 0, -1, bit_length(a & (~a + a.dtype.type(1))) - 1)


def whole_quads(a: Array, c: Array) -> Array:
    low = (a | (a >> a.dtype.type(1)) | (a >> a.dtype.type(2)) | (a >> a.dtype.type(3))) & a.dtype.type(
        0x1111111111111111 & np.iinfo(a.dtype).max
    )
    return low * a.dtype.type(15)


def quad_mask(a: Array, c: Array) -> Array:
    count = np.iinfo(a.dtype).bits // 4
    quads = [((a >> a.dtype.type(4 * k)) & a.dtype.type(15) != 0).astype(np.uint64) << np.uint64(k) for k in range(count)]
    return np.bitwise_or.reduce(quads)


def bit_operations(bits: int) -> list[Case]:
    """The same operations at 32 and 64 bits."""
    t, s, n = f"u{bits}", f"i{bits}", "u32"
    kind = {32: np.uint32, 64: np.uint64}[bits]
    shift = f"{t} u32 -> {t}"
    reverse = lambda a, c: np.array([int(f"{int(v):0{bits}b}"[::-1], 2) for v in a.tolist()], kind)  # noqa: E731
    one = kind(1)

    def amount(b: Array) -> Array:
        return (b & np.uint32(bits - 1)).astype(kind)

    cases = [scalar(f"s_{name}_b{bits}", f"{t} {t} -> {t}", lambda a, b, c, f=f: f(a, b), nonzero) for name, f in LOGIC.items()]
    cases += [
        scalar(f"s_lshl_b{bits}", shift, lambda a, b, c: a << amount(b), nonzero),
        scalar(f"s_lshr_b{bits}", shift, lambda a, b, c: a >> amount(b), nonzero),
        scalar(f"s_ashr_i{bits}", f"{s} u32 -> {s}", lambda a, b, c: a >> amount(b).astype(a.dtype), nonzero),
        scalar(f"s_bfm_b{bits}", f"u32 u32 -> {t}", lambda a, b, c: ((one << amount(a)) - one) << amount(b)),
        scalar(f"s_bfe_u{bits}", shift, unsigned_field, nonzero),
        scalar(f"s_bfe_i{bits}", f"{s} u32 -> {s}", signed_field, nonzero),
        scalar(f"s_not_b{bits}", f"{t} -> {t}", lambda a, c: ~a, nonzero),
        scalar(f"s_brev_b{bits}", f"{t} -> {t}", reverse),
        scalar(f"s_bcnt0_i32_b{bits}", f"{t} -> {n}", lambda a, c: np.bitwise_count(~a).astype(np.int64), nonzero),
        scalar(f"s_bcnt1_i32_b{bits}", f"{t} -> {n}", lambda a, c: np.bitwise_count(a).astype(np.int64), nonzero),
        scalar(f"s_ff0_i32_b{bits}", f"{t} -> {n}", lambda a, c: first_one(~a, c)),
        scalar(f"s_ff1_i32_b{bits}", f"{t} -> {n}", first_one),
        scalar(f"s_flbit_i32_b{bits}", f"{t} -> {n}", from_top),
        scalar("s_flbit_i32" if bits == 32 else "s_flbit_i32_i64", f"{s} -> {n}", from_top_signed),
        scalar(f"s_wqm_b{bits}", f"{t} -> {t}", whole_quads, nonzero),
        scalar(f"s_quadmask_b{bits}", f"{t} -> {t}", quad_mask, nonzero),
        scalar(
            f"s_bitset0_b{bits}",
            f"u32 -> {t}",
            lambda a, c: ~(one << amount(a)),
            old="-1",
            code=f"s_bitset0_b{bits} {{d}}, {{a}}",
        ),
        scalar(
            f"s_bitset1_b{bits}", f"u32 -> {t}", lambda a, c: one << amount(a), old="0", code=f"s_bitset1_b{bits} {{d}}, {{a}}"
        ),
    ]
    return cases


def only_64() -> list[Case]:
    t = "u64 u64 -> u64"
    return [
        scalar("s_cselect_b64", t, lambda a, b, c: np.where(c, a, b)),
        scalar("s_mov_b64", "u64 -> u64", lambda a, c: a),
        scalar("s_mov_b64", "u64 -> i64", lambda a, c: np.full(a.shape, -7), label="inline", code="s_mov_b64 {d}, -7"),
        scalar("s_cmov_b64", t, lambda a, b, c: np.where(c, a, b), old="s[22:23]", code="s_cmov_b64 {d}, {a}"),
        *(_saveexec(name, function) for name, function in SAVEEXEC.items()),
    ]


def indexed() -> list[Case]:
    """Registers chosen by m0 (a 64-bit move needs an even one)."""
    moves = {
        "s_movrels_b32": "s_mov_b32 m0, 2\ns_movrels_b32 s40, s20\ns_mov_b32 s41, s23",
        "s_movreld_b32": "s_mov_b32 m0, 3\ns_mov_b32 s41, s23\ns_movreld_b32 s37, s22",
        "s_movrels_b64": "s_mov_b32 m0, 2\ns_movrels_b64 s[40:41], s[20:21]",
        "s_movreld_b64": "s_mov_b32 m0, 4\ns_movreld_b64 s[36:37], s[22:23]",
    }
    return [
        Case(name, code.replace("\n", "\n  "), lambda *s: [s[2], s[3]], outputs=2, covers=(name,)) for name, code in moves.items()
    ]


SAVEEXEC: dict[str, Function] = {
    "and": lambda s, e: s & e,
    "or": lambda s, e: s | e,
    "xor": lambda s, e: s ^ e,
    "andn2": lambda s, e: s & ~e,
    "orn2": lambda s, e: s | ~e,
    "nand": lambda s, e: ~(s & e),
    "nor": lambda s, e: ~(s | e),
    "xnor": lambda s, e: ~(s ^ e),
}


def _saveexec(name: str, function: Function) -> Case:
    """EXEC is operand b before; the destination gets it, EXEC gets the combination with operand a. Dwords: old, new, SCC."""
    opcode = f"s_{name}_saveexec_b64"
    code = f"""  s_mov_b64 exec, s[22:23]
  {opcode} s[40:41], s[20:21]
  s_cselect_b32 s44, 1, 0
  s_mov_b64 s[42:43], exec"""

    def expect(*slots: Array) -> list[Array]:
        source, old = DECODE["u64"](*slots[:2]), DECODE["u64"](*slots[2:4])
        new = function(source, old)
        return [slots[2], slots[3], new.astype(np.uint32), (new >> np.uint64(32)).astype(np.uint32), (new != 0).astype(np.uint32)]

    return Case(opcode, code, expect, outputs=5, covers=(opcode,))


RELATIONS: dict[str, Function] = {
    "eq": lambda a, b: a == b,
    "lg": lambda a, b: a != b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
}


def compares() -> list[Case]:
    """SCC is all that they leave: the result is operand a."""
    cases = []
    for name, relation in RELATIONS.items():
        for kind in ("i32", "u32"):
            condition = lambda r, a, b, c, relation=relation: relation(a, b)  # noqa: E731
            cases.append(_condition(f"s_cmp_{name}_{kind}", f"{kind} {kind}", condition, "{a}, {b}"))
            limit = np.int32(-6) if kind == "i32" else np.uint32(0x7FFF)
            against = lambda r, a, b, c, relation=relation, limit=limit: relation(a, limit)  # noqa: E731
            text = "0xfffa" if kind == "i32" else "0x7fff"
            cases.append(_condition(f"s_cmpk_{name}_{kind}", f"{kind} {kind}", against, f"{{a}}, {text}"))
    for value in (0, 1):
        condition = lambda r, a, b, c, value=value: ((a >> (b & np.uint32(31))) & np.uint32(1)) == value  # noqa: E731
        cases.append(_condition(f"s_bitcmp{value}_b32", "u32 u32", condition, "{a}, {b}"))
    return cases


def compares_64() -> list[Case]:
    cases = [
        _condition("s_cmp_eq_u64", "u64 u64", lambda r, a, b, c: a == b, "{a}, {b}"),
        _condition("s_cmp_lg_u64", "u64 u64", lambda r, a, b, c: a != b, "{a}, {b}"),
    ]
    for value in (0, 1):

        def condition(r: Array, a: Array, b: Array, c: Array, value: int = value) -> Array:
            return ((a >> (b & np.uint32(63)).astype(np.uint64)) & np.uint64(1)) == value

        cases.append(_condition(f"s_bitcmp{value}_b64", "u64 u32", condition, "{a}, {b}"))
    return cases


def _condition(opcode: str, types: str, condition: Function, names: str) -> Case:
    first = types.split()[0]
    mov = "s_mov_b64" if first.endswith("64") else "s_mov_b32"
    return scalar(opcode, f"{types} -> {first}", lambda a, b, c: a, condition, code=f"{opcode} {names}\n{mov} {{d}}, {{a}}")


SCALARS = table(operands.scalars32())
WIDE = table(operands.scalars64())
MIXED = WIDE.copy()  # a 64-bit value in slots 0-1, then a small control (offset, width) in slot 2
MIXED[2] = np.random.default_rng(11).choice(
    np.array([0, 1, 31, 32, 63, 0x80000, 0x200004, 0x400000, 0x3F0001, 0x10003F, 0x7F0000], np.uint32), WIDE.shape[1]
)
BATCHES = [
    Batch("scalar_arithmetic", arithmetic(), SCALARS, scalar=True),
    Batch("scalar_bits_32", bit_operations(32), SCALARS, scalar=True),
    Batch("scalar_bits_64", bit_operations(64), MIXED, scalar=True),
    Batch("scalar_64", only_64() + indexed(), WIDE, scalar=True),
    Batch("scalar_compare", compares(), SCALARS, scalar=True),
    Batch("scalar_compare_64", compares_64(), MIXED, scalar=True),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_scalar(batch: Batch, case: Case) -> None:
    batch.verify(case)
