"""VOP2: vector operations of two sources (the manual, "VOP2 instructions").

v_madmk and v_madak have three sources in the assembler's order: the literal stands second and third.
"""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("VOP2")


def _same(opcode: int, name: str, type: str, meaning: str) -> Op:
    """Two sources and a result of one type."""
    return _row(opcode, f"v_{name}_{type}", type, f"{type} {type}", meaning)


def _carry(opcode: int, name: str, meaning: str, carry_in: bool) -> Op:
    """An addition or subtraction of u32 whose second result, the carry or borrow, is a lane mask."""
    return _row(opcode, f"v_{name}_u32", "u32 mask", "u32 u32 mask" if carry_in else "u32 u32", meaning)


VOP2 = (
    _row(0, "v_cndmask_b32", "b32", "b32 b32 mask", "D = CARRY ? S1 : S0;"),
    _same(1, "add", "f32", "D = S0 + S1;"),
    _same(2, "sub", "f32", "D = S0 - S1;"),
    _same(3, "subrev", "f32", "D = S1 - S0;"),
    _row(4, "v_mul_legacy_f32", "f32", "f32 f32", "D = mul_legacy_f32(S0, S1);"),
    _same(5, "mul", "f32", "D = S0 * S1;"),
    _row(6, "v_mul_i32_i24", "u32", "i24 i24", "D = (u32)S0 * (u32)S1;"),
    _row(7, "v_mul_hi_i32_i24", "i32", "i24 i24", "D = (i32)((i64)S0 * S1 >> 32);"),
    _row(8, "v_mul_u32_u24", "u32", "u24 u24", "D = S0 * S1;"),
    _row(9, "v_mul_hi_u32_u24", "u32", "u24 u24", "D = (u32)((u64)S0 * S1 >> 32);"),
    _same(10, "min", "f32", "D = min_f32(S0, S1, IEEE);"),
    _same(11, "max", "f32", "D = max_f32(S0, S1, IEEE);"),
    _same(12, "min", "i32", "D = S0 < S1 ? S0 : S1;"),
    _same(13, "max", "i32", "D = S0 > S1 ? S0 : S1;"),
    _same(14, "min", "u32", "D = S0 < S1 ? S0 : S1;"),
    _same(15, "max", "u32", "D = S0 > S1 ? S0 : S1;"),
    _same(16, "lshrrev", "b32", "D = S1 >> (S0 & 31);"),
    _row(17, "v_ashrrev_i32", "i32", "b32 i32", "D = S1 >> (S0 & 31);"),
    _same(18, "lshlrev", "b32", "D = S1 << (S0 & 31);"),
    _same(19, "and", "b32", "D = S0 & S1;"),
    _same(20, "or", "b32", "D = S0 | S1;"),
    _same(21, "xor", "b32", "D = S0 ^ S1;"),
    _row(22, "v_mac_f32", "f32", "f32 f32", "D = mad_f32(S0, S1, D);", accumulates=True),
    _row(23, "v_madmk_f32", "f32", "f32 f32 f32", "D = mad_f32(S0, S1, S2);"),
    _row(24, "v_madak_f32", "f32", "f32 f32 f32", "D = mad_f32(S0, S1, S2);"),
    _carry(25, "add", "D = S0 + S1; D1 = D < S0;", False),
    _carry(26, "sub", "D = S0 - S1; D1 = S0 < S1;", False),
    _carry(27, "subrev", "D = S1 - S0; D1 = S1 < S0;", False),
    _carry(28, "addc", "D = S0 + S1 + CARRY; D1 = (u64)S0 + S1 + CARRY > 0xffffffffu;", True),
    _carry(29, "subb", "D = S0 - S1 - CARRY; D1 = (u64)S1 + CARRY > S0;", True),
    _carry(30, "subbrev", "D = S1 - S0 - CARRY; D1 = (u64)S0 + CARRY > S1;", True),
    _same(31, "add", "f16", "D = S0 + S1;"),
    _same(32, "sub", "f16", "D = S0 - S1;"),
    _same(33, "subrev", "f16", "D = S1 - S0;"),
    _same(34, "mul", "f16", "D = S0 * S1;"),
    _row(35, "v_mac_f16", "f16", "f16 f16", "D = mad_f16(S0, S1, D);", accumulates=True),
    _row(36, "v_madmk_f16", "f16", "f16 f16 f16", "D = mad_f16(S0, S1, S2);"),
    _row(37, "v_madak_f16", "f16", "f16 f16 f16", "D = mad_f16(S0, S1, S2);"),
    _same(38, "add", "u16", "D = (u16)(S0 + S1);"),
    _same(39, "sub", "u16", "D = (u16)(S0 - S1);"),
    _same(40, "subrev", "u16", "D = (u16)(S1 - S0);"),
    _same(41, "mul_lo", "u16", "D = (u16)((u32)S0 * S1);"),
    _same(42, "lshlrev", "b16", "D = (u16)(S1 << (S0 & 15));"),
    _same(43, "lshrrev", "b16", "D = (u16)(S1 >> (S0 & 15));"),
    _row(44, "v_ashrrev_i16", "i16", "b16 i16", "D = (i16)(S1 >> (S0 & 15));"),
    _same(45, "max", "f16", "D = max_f32(S0, S1, IEEE);"),
    _same(46, "min", "f16", "D = min_f32(S0, S1, IEEE);"),
    _same(47, "max", "u16", "D = S0 > S1 ? S0 : S1;"),
    _same(48, "max", "i16", "D = S0 > S1 ? S0 : S1;"),
    _same(49, "min", "u16", "D = S0 < S1 ? S0 : S1;"),
    _same(50, "min", "i16", "D = S0 < S1 ? S0 : S1;"),
    _row(51, "v_ldexp_f16", "f16", "f16 i16", "D = ldexp_f32(S0, S1);"),
)
