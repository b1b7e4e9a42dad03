"""The whole instruction table: rows by native encoding and opcode."""

from __future__ import annotations

from amdc.sim.isa.buffer import MTBUF, MUBUF
from amdc.sim.isa.compare import VOPC
from amdc.sim.isa.flat import FLAT
from amdc.sim.isa.graphics import EXP, MIMG, VINTRP, VOP3_INTERPOLATION
from amdc.sim.isa.lds import DS
from amdc.sim.isa.model import Op
from amdc.sim.isa.scalar1 import SOP1
from amdc.sim.isa.scalar2 import SOP2
from amdc.sim.isa.scalar_compare import SOPC
from amdc.sim.isa.scalar_constant import SOPK
from amdc.sim.isa.scalar_memory import SMEM
from amdc.sim.isa.scalar_program import SOPP
from amdc.sim.isa.vector1 import VOP1
from amdc.sim.isa.vector2 import VOP2
from amdc.sim.isa.vector3 import VOP3

ROWS = (*SOP2, *SOPK, *SOP1, *SOPC, *SOPP, *SMEM, *VOP2, *VOP1, *VOPC, *VOP3, *DS, *FLAT, *MUBUF, *MTBUF)
ROWS += (*VINTRP, *VOP3_INTERPOLATION, *MIMG, *EXP)

# Where the opcodes of the 32-bit vector encodings lie in the VOP3 opcode field: (format, first opcode, how many).
VOP3_RANGES = (("VOPC", 0, 256), ("VOP2", 256, 64), ("VOP1", 320, 128), ("VINTRP", 624, 4))
# Rows whose second half of the encoding is a literal have no VOP3 form; these neither.
NO_VOP3 = frozenset({"v_madmk_f32", "v_madak_f32", "v_madmk_f16", "v_madak_f16", "v_readfirstlane_b32"})


def _index(rows: tuple[Op, ...]) -> dict[str, dict[int, Op]]:
    table: dict[str, dict[int, Op]] = {}
    for op in rows:
        opcodes = table.setdefault(op.format, {})
        if op.opcode in opcodes:
            raise ValueError(f"{op.name} and {opcodes[op.opcode].name} share {op.format} opcode {op.opcode}")
        opcodes[op.opcode] = op
    for format, first, _ in VOP3_RANGES:
        table["VOP3"] |= {first + opcode: op for opcode, op in table[format].items() if op.name not in NO_VOP3}
    return table


TABLE = _index(ROWS)  # format -> opcode -> row; the VOP3 entry holds the promoted VOPC, VOP2 and VOP1 rows too
BY_NAME = {op.name: op for op in ROWS}
