"""SOP1: scalar operations of one source (the manual, "SOP1 instructions")."""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("SOP1")


def _logic(opcode: int, name: str, meaning: str) -> tuple[Op, Op]:
    """The 32-bit and the 64-bit form; SCC says whether the result is not zero. `{w}` in the meaning is the width."""
    return (
        _row(opcode, f"s_{name}_b32", "b32", "b32", meaning.format(w=32) + " SCC = D != 0;", writes="scc"),
        _row(opcode + 1, f"s_{name}_b64", "b64", "b64", meaning.format(w=64) + " SCC = D != 0;", writes="scc"),
    )


def _count(opcode: int, name: str, meaning: str, writes: str = "") -> tuple[Op, Op]:
    """A count of bits as i32, in 32 and in 64 bits."""
    return (
        _row(opcode, f"s_{name}_i32_b32", "i32", "b32", meaning.format(w=32), writes=writes),
        _row(opcode + 1, f"s_{name}_i32_b64", "i32", "b64", meaning.format(w=64), writes=writes),
    )


def _saveexec(opcode: int, name: str, expression: str) -> Op:
    meaning = f"D = EXEC; EXEC = {expression}; SCC = EXEC != 0;"
    return _row(opcode, f"s_{name}_saveexec_b64", "b64", "b64", meaning, reads="exec", writes="exec scc")


SOP1 = (
    _row(0, "s_mov_b32", "b32", "b32", "D = S0;"),
    _row(1, "s_mov_b64", "b64", "b64", "D = S0;"),
    _row(2, "s_cmov_b32", "b32", "b32", "if (SCC) D = S0;", accumulates=True, reads="scc"),
    _row(3, "s_cmov_b64", "b64", "b64", "if (SCC) D = S0;", accumulates=True, reads="scc"),
    *_logic(4, "not", "D = ~S0;"),
    *_logic(6, "wqm", "D = wqm_b{w}(S0);"),
    _row(8, "s_brev_b32", "b32", "b32", "D = brev_b32(S0);"),
    _row(9, "s_brev_b64", "b64", "b64", "D = brev_b64(S0);"),
    *_count(10, "bcnt0", "D = {w} - popcount_b{w}(S0); SCC = D != 0;", "scc"),
    *_count(12, "bcnt1", "D = popcount_b{w}(S0); SCC = D != 0;", "scc"),
    *_count(14, "ff0", "D = ffbl_b{w}(~S0);"),
    *_count(16, "ff1", "D = ffbl_b{w}(S0);"),
    *_count(18, "flbit", "D = ffbh_u{w}(S0);"),
    _row(20, "s_flbit_i32", "i32", "i32", "D = ffbh_i32(S0);"),
    _row(21, "s_flbit_i32_i64", "i32", "i64", "D = ffbh_i64(S0);"),
    _row(22, "s_sext_i32_i8", "i32", "b32", "D = (i8)S0;"),
    _row(23, "s_sext_i32_i16", "i32", "b32", "D = (i16)S0;"),
    _row(24, "s_bitset0_b32", "b32", "b32", "D &= ~(1u << (S0 & 31));", accumulates=True),
    _row(25, "s_bitset0_b64", "b64", "b32", "D &= ~((u64)1 << (S0 & 63));", accumulates=True),
    _row(26, "s_bitset1_b32", "b32", "b32", "D |= 1u << (S0 & 31);", accumulates=True),
    _row(27, "s_bitset1_b64", "b64", "b32", "D |= (u64)1 << (S0 & 63);", accumulates=True),
    _row(28, "s_getpc_b64", "b64", "", "D = PC;"),
    _row(29, "s_setpc_b64", "", "b64", "jump"),
    _row(30, "s_swappc_b64", "b64", "b64", "call"),
    _row(31, "s_rfe_b64", "", "b64", note="returns from a trap handler; not simulated"),
    _saveexec(32, "and", "S0 & EXEC"),
    _saveexec(33, "or", "S0 | EXEC"),
    _saveexec(34, "xor", "S0 ^ EXEC"),
    _saveexec(35, "andn2", "S0 & ~EXEC"),
    _saveexec(36, "orn2", "S0 | ~EXEC"),
    _saveexec(37, "nand", "~(S0 & EXEC)"),
    _saveexec(38, "nor", "~(S0 | EXEC)"),
    _saveexec(39, "xnor", "~(S0 ^ EXEC)"),
    *_logic(40, "quadmask", "D = quadmask_b{w}(S0);"),
    _row(42, "s_movrels_b32", "b32", "b32", "movrels", reads="m0"),
    _row(43, "s_movrels_b64", "b64", "b64", "movrels", reads="m0"),
    _row(44, "s_movreld_b32", "b32", "b32", "movreld", reads="m0"),
    _row(45, "s_movreld_b64", "b64", "b64", "movreld", reads="m0"),
    _row(46, "s_cbranch_join", "", "b32", note="joins a fork of the wave; not simulated"),
    _row(48, "s_abs_i32", "u32", "u32", "D = (i32)S0 < 0 ? 0 - S0 : S0; SCC = D != 0;", writes="scc"),
    _row(50, "s_set_gpr_idx_idx", "", "b32", "M0 = (M0 & ~255u) | (S0 & 255);", reads="m0", writes="m0"),
)
