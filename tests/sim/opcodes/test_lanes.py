"""Carries, execution masks, lane reads and writes, and VGPR indexing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from . import operands
from .floats import Array
from .harness import Batch, Case

EVEN = 0x5555555555555555
SOME = 0x00F0_0F3C_8001_FFFE  # an irregular set of lanes


def active(count: int, mask: int) -> Array:
    """Which of `count` operand tuples lie in lanes of the mask."""
    lanes = np.array([(mask >> lane) & 1 for lane in range(64)], bool)
    return np.resize(lanes, count)


def set_exec(mask: int) -> str:
    return f"  s_mov_b32 exec_lo, {mask & 0xFFFFFFFF:#x}\n  s_mov_b32 exec_hi, {mask >> 32:#x}\n"


def carry_case(opcode: str, total: Callable[[Array, Array, Array], Array], takes_carry: bool, sgpr: bool) -> Case:
    """Sum and carry; the carry in is the lowest bit of slot 2. `total` works on int64."""
    carry = "s[22:23]" if sgpr else "vcc"
    names = f"{opcode}_e64 v20, s[24:25], v2, v3" if sgpr else f"{opcode} v20, vcc, v2, v3"
    code = f"""  v_and_b32 v30, 1, v4
  v_cmp_eq_u32 {carry}, 1, v30
  {names}{f", {carry}" if takes_carry else ""}
  v_cndmask_b32 v21, 0, 1, {"s[24:25]" if sgpr else "vcc"}"""

    def expect(a: Array, b: Array, c: Array) -> list[Array]:
        value = total(a.astype(np.int64), b.astype(np.int64), (c & np.uint32(1)).astype(np.int64) * takes_carry)
        return [(value & 0xFFFFFFFF).astype(np.uint32), ((value < 0) | (value >> 32 > 0)).astype(np.uint32)]

    return Case(f"{opcode}{'-sgpr' if sgpr else ''}", code, expect, outputs=2, covers=(opcode,))


def saturating(opcode: str, total: Callable[[Array, Array], Array]) -> Case:
    """The clamp modifier saturates unsigned sums and differences."""

    def expect(a: Array, b: Array, _: Array) -> Array:
        return np.clip(total(a.astype(np.int64), b.astype(np.int64)), 0, 0xFFFFFFFF).astype(np.uint32)

    return Case(f"{opcode}-clamp", f"  {opcode}_e64 v20, s[20:21], v2, v3 clamp", expect, covers=(opcode,))


def carry_cases() -> list[Case]:
    plain = {"v_add_u32": lambda a, b, c: a + b, "v_sub_u32": lambda a, b, c: a - b, "v_subrev_u32": lambda a, b, c: b - a}
    chained = {
        "v_addc_u32": lambda a, b, c: a + b + c,
        "v_subb_u32": lambda a, b, c: a - b - c,
        "v_subbrev_u32": lambda a, b, c: b - a - c,
    }
    cases = [carry_case(op, total, False, sgpr) for op, total in plain.items() for sgpr in (False, True)]
    cases += [carry_case(op, total, True, sgpr) for op, total in chained.items() for sgpr in (False, True)]
    return [*cases, saturating("v_add_u32", lambda a, b: a + b), saturating("v_sub_u32", lambda a, b: a - b)]


def masked(name: str, body: str, expect: Callable[..., Array | list[Array]], mask: int = SOME, outputs: int = 1) -> Case:
    """`body` runs with `mask`'s lanes only; result registers held slot 1 before."""
    before = "".join(f"  v_mov_b32 v{20 + k}, v3\n" for k in range(outputs))
    return Case(name, before + set_exec(mask) + body, expect, outputs)


def where_active(change: Callable[..., Array], mask: int = SOME) -> Callable[..., Array]:
    return lambda a, b, c: np.where(active(len(a), mask), change(a, b, c), b)


def exec_cases() -> list[Case]:
    ones = np.uint32(1)
    return [
        masked("exec-moves", "  v_not_b32 v20, v2", where_active(lambda a, b, c: ~a)),
        masked("exec-none", "  v_not_b32 v20, v2", lambda a, b, c: b, mask=0),
        masked("exec-vop3", "  v_mad_u32_u24 v20, 1, 7, v2", where_active(lambda a, b, c: a + np.uint32(7))),
        masked(
            "exec-compare-clears-inactive",
            "  s_mov_b64 vcc, -1\n  v_cmp_le_u32 vcc, 0, v2\n  s_mov_b64 exec, -1\n  v_cndmask_b32 v20, 0, 1, vcc",
            lambda a, b, c: active(len(a), SOME).astype(np.uint32),
        ),
        masked(
            "exec-compare-sgpr-clears-inactive",
            """  s_mov_b64 s[20:21], -1
  v_cmp_lt_i32 s[20:21], v2, v3
  s_mov_b64 exec, -1
  v_cndmask_b32 v20, 0, 1, s[20:21]""",
            lambda a, b, c: (active(len(a), SOME) & (a.view(np.int32) < b.view(np.int32))).astype(np.uint32),
        ),
        masked(
            "exec-carry-clears-inactive",
            "  s_mov_b64 vcc, -1\n  v_add_u32 v30, vcc, -1, v2\n  s_mov_b64 exec, -1\n  v_cndmask_b32 v20, 0, 1, vcc",
            lambda a, b, c: (active(len(a), SOME) & (a != 0)).astype(np.uint32),
        ),
        masked(
            "exec-cmpx-keeps-off",
            "  v_cmpx_ne_u32 vcc, v2, v3\n  v_mov_b32 v20, 1",
            lambda a, b, c: np.where(active(len(a), SOME) & (a != b), ones, b),
        ),
        masked(
            "exec-loads", "  buffer_load_dword v20, v1, s[12:15], 0 offen\n  s_waitcnt vmcnt(0)", where_active(lambda a, b, c: a)
        ),
        masked(
            "exec-stores",
            f"""  s_mov_b64 exec, -1
  buffer_store_dword v3, v1, s[84:87], 0 offen
  s_waitcnt vmcnt(0)
{set_exec(SOME)}  buffer_store_dword v2, v1, s[84:87], 0 offen
  s_mov_b64 exec, -1
  s_waitcnt vmcnt(0)
  buffer_load_dword v20, v1, s[84:87], 0 offen
  s_waitcnt vmcnt(0)""",
            where_active(lambda a, b, c: a),
        ),
        masked(
            "exec-if-else",
            """  s_mov_b64 exec, -1
  v_cmp_lt_u32 vcc, v2, v3
  s_and_saveexec_b64 s[20:21], vcc
  v_add_u32 v20, vcc, 1, v2
  s_xor_b64 exec, exec, s[20:21]
  v_mov_b32 v20, v4
  s_or_b64 exec, exec, s[20:21]""",
            lambda a, b, c: np.where(a < b, a + ones, c),
        ),
    ]


def by_wave(function: Callable[[Array], Array]) -> Callable[..., Array]:
    """An oracle that sees slot 0 as [waves, 64]."""
    return lambda a, b, c: np.ascontiguousarray(function(a.reshape(-1, 64))).reshape(-1).astype(np.uint32)


def lane_cases() -> list[Case]:
    def all_of(lane: int) -> Callable[..., Array]:
        return by_wave(lambda a: np.repeat(a[:, lane : lane + 1], 64, axis=1))

    def written(a: Array) -> Array:
        result = a.copy()
        result[:, 5], result[:, 63] = 0x1234, a[:, 0]
        return result

    first = SOME & -SOME
    lane_index = first.bit_length() - 1
    cases = [
        Case("v_readlane_b32", "  v_readlane_b32 s20, v2, 17\n  v_mov_b32 v20, s20", all_of(17)),
        Case("v_readlane_b32-sgpr", "  s_movk_i32 s21, 42\n  v_readlane_b32 s20, v2, s21\n  v_mov_b32 v20, s20", all_of(42)),
        Case("v_readlane_b32-wraps", "  s_movk_i32 s21, 0x4a\n  v_readlane_b32 s20, v2, s21\n  v_mov_b32 v20, s20", all_of(10)),
        Case(
            "v_readlane_b32-off-lane",
            set_exec(1) + "  v_readlane_b32 s20, v2, 33\n  s_mov_b64 exec, -1\n  v_mov_b32 v20, s20",
            all_of(33),
        ),
        Case("v_readfirstlane_b32", "  v_readfirstlane_b32 s20, v2\n  v_mov_b32 v20, s20", all_of(0)),
        Case(
            "v_readfirstlane_b32-masked",
            set_exec(SOME) + "  v_readfirstlane_b32 s20, v2\n  s_mov_b64 exec, -1\n  v_mov_b32 v20, s20",
            all_of(lane_index),
        ),
        Case(
            "v_readfirstlane_b32-no-lane",
            set_exec(0) + "  v_readfirstlane_b32 s20, v2\n  s_mov_b64 exec, -1\n  v_mov_b32 v20, s20",
            all_of(0),
        ),
        Case(
            "v_writelane_b32",
            """  v_mov_b32 v20, v2
  v_readlane_b32 s20, v2, 0
  s_movk_i32 s21, 0x1234
  v_writelane_b32 v20, s21, 5
  s_movk_i32 m0, 63
  v_writelane_b32 v20, s20, m0""",
            by_wave(written),
        ),
    ]
    return [Case(c.name, c.code, c.expect, covers=(c.name.split("-")[0],)) for c in cases]


def index_cases() -> list[Case]:
    """Registers chosen by m0."""
    cases = [
        Case("v_movrels_b32", "  s_mov_b32 m0, 2\n  v_movrels_b32 v20, v2", lambda a, b, c: c),
        Case("v_movreld_b32", "  v_mov_b32 v20, v2\n  s_mov_b32 m0, 3\n  v_movreld_b32 v17, v3", lambda a, b, c: b),
        Case("v_movrelsd_b32", "  s_mov_b32 m0, 1\n  v_mov_b32 v20, 0\n  v_movrelsd_b32 v19, v2", lambda a, b, c: b),
    ]
    return [Case(c.name, c.code, c.expect, covers=(c.name.split("-")[0],)) for c in cases]


def mask_operand() -> list[Case]:
    """A 64-bit lane mask built by scalar code drives v_cndmask lane by lane."""

    def expect(a: Array, b: Array, c: Array) -> Array:
        return np.where(active(len(a), EVEN), b, a)

    code = "  s_mov_b32 s20, 0x55555555\n  s_mov_b32 s21, s20\n  v_cndmask_b32 v20, v2, v3, s[20:21]"
    return [Case("v_cndmask_b32-mask", code, expect, covers=("v_cndmask_b32",))]


BATCHES = [
    Batch("carry", carry_cases(), operands.integer32()),
    Batch("lanes", exec_cases() + lane_cases() + mask_operand(), operands.integer32()),
    Batch("indexing", index_cases(), operands.integer32()),
]


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=f"{b.name}-{c.name}") for b in BATCHES for c in b.cases])
def test_lanes(batch: Batch, case: Case) -> None:
    batch.verify(case)
