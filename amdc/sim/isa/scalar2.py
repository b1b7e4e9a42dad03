"""SOP2: scalar operations of two sources (the manual, "SOP2 instructions")."""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("SOP2")


def _logic(opcode: int, name: str, expression: str) -> tuple[Op, Op]:
    """The 32-bit and the 64-bit form of a bitwise operation; SCC says whether the result is not zero."""
    meaning = f"D = {expression}; SCC = D != 0;"
    return (
        _row(opcode, f"s_{name}_b32", "b32", "b32 b32", meaning, writes="scc"),
        _row(opcode + 1, f"s_{name}_b64", "b64", "b64 b64", meaning, writes="scc"),
    )


def _minmax(opcode: int, name: str, type: str, sign: str) -> Op:
    return _row(opcode, f"s_{name}_{type}", type, f"{type} {type}", f"SCC = S0 {sign} S1; D = SCC ? S0 : S1;", writes="scc")


SOP2 = (
    _row(0, "s_add_u32", "u32", "u32 u32", "D = S0 + S1; SCC = D < S0;", writes="scc"),
    _row(1, "s_sub_u32", "u32", "u32 u32", "D = S0 - S1; SCC = S1 > S0;", writes="scc"),
    _row(
        2, "s_add_i32", "u32", "u32 u32", "D = S0 + S1; SCC = (~(S0 ^ S1) & (S0 ^ D)) >> 31;", writes="scc", note="SCC: overflow"
    ),
    _row(
        3, "s_sub_i32", "u32", "u32 u32", "D = S0 - S1; SCC = ((S0 ^ S1) & (S0 ^ D)) >> 31;", writes="scc", note="SCC: overflow"
    ),
    _row(
        4,
        "s_addc_u32",
        "u32",
        "u32 u32",
        "u64 sum = (u64)S0 + S1 + SCC; D = (u32)sum; SCC = sum >> 32;",
        reads="scc",
        writes="scc",
    ),
    _row(
        5,
        "s_subb_u32",
        "u32",
        "u32 u32",
        "D = S0 - S1 - SCC; SCC = (u64)S1 + SCC > S0;",
        reads="scc",
        writes="scc",
        note="SCC: borrow",
    ),
    _minmax(6, "min", "i32", "<"),
    _minmax(7, "min", "u32", "<"),
    _minmax(8, "max", "i32", ">"),
    _minmax(9, "max", "u32", ">"),
    _row(10, "s_cselect_b32", "b32", "b32 b32", "D = SCC ? S0 : S1;", reads="scc"),
    _row(11, "s_cselect_b64", "b64", "b64 b64", "D = SCC ? S0 : S1;", reads="scc"),
    *_logic(12, "and", "S0 & S1"),
    *_logic(14, "or", "S0 | S1"),
    *_logic(16, "xor", "S0 ^ S1"),
    *_logic(18, "andn2", "S0 & ~S1"),
    *_logic(20, "orn2", "S0 | ~S1"),
    *_logic(22, "nand", "~(S0 & S1)"),
    *_logic(24, "nor", "~(S0 | S1)"),
    *_logic(26, "xnor", "~(S0 ^ S1)"),
    _row(28, "s_lshl_b32", "b32", "b32 b32", "D = S0 << (S1 & 31); SCC = D != 0;", writes="scc"),
    _row(29, "s_lshl_b64", "b64", "b64 b32", "D = S0 << (S1 & 63); SCC = D != 0;", writes="scc"),
    _row(30, "s_lshr_b32", "b32", "b32 b32", "D = S0 >> (S1 & 31); SCC = D != 0;", writes="scc"),
    _row(31, "s_lshr_b64", "b64", "b64 b32", "D = S0 >> (S1 & 63); SCC = D != 0;", writes="scc"),
    _row(32, "s_ashr_i32", "i32", "i32 b32", "D = S0 >> (S1 & 31); SCC = D != 0;", writes="scc"),
    _row(33, "s_ashr_i64", "i64", "i64 b32", "D = S0 >> (S1 & 63); SCC = D != 0;", writes="scc"),
    _row(34, "s_bfm_b32", "b32", "b32 b32", "D = ((1u << (S0 & 31)) - 1) << (S1 & 31);"),
    _row(35, "s_bfm_b64", "b64", "b32 b32", "D = (((u64)1 << (S0 & 63)) - 1) << (S1 & 63);"),
    _row(36, "s_mul_i32", "u32", "u32 u32", "D = S0 * S1;"),
    _row(37, "s_bfe_u32", "u32", "u32 b32", "D = sbfe_u32(S0, S1); SCC = D != 0;", writes="scc"),
    _row(38, "s_bfe_i32", "i32", "i32 b32", "D = sbfe_i32(S0, S1); SCC = D != 0;", writes="scc"),
    _row(39, "s_bfe_u64", "u64", "u64 b32", "D = sbfe_u64(S0, S1); SCC = D != 0;", writes="scc"),
    _row(40, "s_bfe_i64", "i64", "i64 b32", "D = sbfe_i64(S0, S1); SCC = D != 0;", writes="scc"),
    _row(41, "s_cbranch_g_fork", "", "b64 b64", note="a fork of the wave; not simulated"),
    _row(
        42,
        "s_absdiff_i32",
        "u32",
        "i32 i32",
        "D = S0 > S1 ? (u32)S0 - (u32)S1 : (u32)S1 - (u32)S0; D = (i32)D < 0 ? 0 - D : D; SCC = D != 0;",
        writes="scc",
        note="the difference wraps before its sign is dropped",
    ),
    _row(43, "s_rfe_restore_b64", "", "b64 b32", note="returns from a trap handler; not simulated"),
)
