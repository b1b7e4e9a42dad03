"""SOPC: scalar comparisons into SCC (the manual, "SOPC instructions")."""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("SOPC")
_ORDER = (("eq", "=="), ("lg", "!="), ("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))


def _compare(opcode: int, type: str, count: int = 6) -> tuple[Op, ...]:
    return tuple(
        _row(opcode + i, f"s_cmp_{name}_{type}", "", f"{type} {type}", f"SCC = S0 {sign} S1;", writes="scc")
        for i, (name, sign) in enumerate(_ORDER[:count])
    )


SOPC = (
    *_compare(0, "i32"),
    *_compare(6, "u32"),
    _row(12, "s_bitcmp0_b32", "", "b32 b32", "SCC = !(S0 >> (S1 & 31) & 1);", writes="scc"),
    _row(13, "s_bitcmp1_b32", "", "b32 b32", "SCC = S0 >> (S1 & 31) & 1;", writes="scc"),
    _row(14, "s_bitcmp0_b64", "", "b64 b32", "SCC = !(S0 >> (S1 & 63) & 1);", writes="scc"),
    _row(15, "s_bitcmp1_b64", "", "b64 b32", "SCC = S0 >> (S1 & 63) & 1;", writes="scc"),
    _row(16, "s_setvskip", "", "b32 b32", note="skips vector instructions; not simulated"),
    _row(17, "s_set_gpr_idx_on", "", "b32 u16", note="relative VGPR indexing; not simulated"),
    *_compare(18, "u64", 2),
)
