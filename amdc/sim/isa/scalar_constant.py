"""SOPK: scalar operations with a 16-bit constant (the manual, "SOPK instructions").

The constant is the last source: type i16 (sign-extended) or u16 (zero-extended).
"""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("SOPK")
_ORDER = (("eq", "=="), ("lg", "!="), ("gt", ">"), ("ge", ">="), ("lt", "<"), ("le", "<="))


def _compare(opcode: int, type: str, constant: str) -> tuple[Op, ...]:
    return tuple(
        _row(opcode + i, f"s_cmpk_{name}_{type}", "", f"{type} {constant}", f"SCC = S0 {sign} S1;", writes="scc")
        for i, (name, sign) in enumerate(_ORDER)
    )


SOPK = (
    _row(0, "s_movk_i32", "i32", "i16", "D = S0;"),
    _row(1, "s_cmovk_i32", "i32", "i16", "if (SCC) D = S0;", accumulates=True, reads="scc"),
    *_compare(2, "i32", "i16"),
    *_compare(8, "u32", "u16"),
    _row(
        14,
        "s_addk_i32",
        "i32",
        "i16",
        "u32 old = (u32)D, sum = old + (u32)S0; SCC = (~(old ^ (u32)S0) & (old ^ sum)) >> 31; D = (i32)sum;",
        accumulates=True,
        writes="scc",
        note="SCC: overflow",
    ),
    _row(15, "s_mulk_i32", "i32", "i16", "D = (i32)((u32)D * (u32)S0);", accumulates=True),
    _row(16, "s_cbranch_i_fork", "", "b64 i16", note="a fork of the wave; not simulated"),
    _row(17, "s_getreg_b32", "b32", "u16", "getreg"),
    _row(18, "s_setreg_b32", "", "u16 b32", "setreg"),
    _row(20, "s_setreg_imm32_b32", "", "u16 b32", "setreg", note="the second source is a literal"),
)
