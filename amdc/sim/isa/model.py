"""What a row of the GCN3 instruction table says, and what the decoder makes of one instruction.

One row (`Op`) holds an opcode's encoding and its meaning. The meaning is C: for vector ALU operations the statement for one lane,
for scalar ones the statement for the wave. It reads `S0 S1 S2` and writes `D` (and `D1`, where `dst` has a second entry), which
are C variables of the types that `dst` and `src` give (helpers.py says which C type each is). A row with `accumulates` also reads
`D`. Further names:
  SCC           the scalar condition bit (int 0 or 1), in scalar operations
  EXEC VCC M0   64-bit, 64-bit and 32-bit scalars, in scalar operations
  CARRY         vector operations with a lane mask among their sources: this lane's bit (0 or 1)
  a destination of type "mask": `D` (or `D1`) is this lane's bit
  LANE          the lane's number, 0 to 63; PC: the address of the next instruction, for branches
  IEEE          the mode's IEEE bit (0 or 1)
The functions that meanings call are C functions of the support header (amdc/sim/native/), listed in helpers.py.
Memory, LDS, control and cross-lane operations have a short keyword form instead (`load b32`, `store b64`, `atomic add u32`,
`branch`, `barrier`, `readlane`, ...), which the translator knows; forms.py lists them. A row without meaning is not simulated.

Types: f16 f32 f64 · i16 u16 i32 u32 i64 u64 i24 u24 · b8 b16 b32 b64 b96 b128 b256 b512 (raw bits) · mask (one bit a lane).
Source: AMD, "Graphics Core Next Architecture, Generation 3, Reference Guide" (rev 1.1, 2016), called "the manual" in the tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Op:
    """One opcode. `name` has no _e32/_e64/_sdwa/_dpp suffix; `format` names the native encoding (SOP2, SOPK, SOP1, SOPC, SOPP,
    SMEM, VOP2, VOP1, VOPC, VOP3, VINTRP, DS, MUBUF, MTBUF, FLAT, MIMG, EXP). VOP1, VOP2 and VOPC rows also have a VOP3 form."""

    name: str
    format: str
    opcode: int
    dst: tuple[str, ...] = ()
    src: tuple[str, ...] = ()
    meaning: str = ""
    accumulates: bool = False  # D is also a source (v_mac_f32)
    reads: tuple[str, ...] = ()  # implicit: "vcc", "scc", "exec", "m0"
    writes: tuple[str, ...] = ()  # implicit: "vcc", "scc", "exec", "m0"
    note: str = ""  # the manual's page or a peculiarity


@dataclass(frozen=True)
class Operand:
    """One decoded operand. `kind`: "vgpr", "sgpr", "special" (vcc exec m0 flat_scratch scc vccz execz tba tma ttmp..), "inline"
    (an inline constant) and "literal" (`value` holds the pattern in the operand's own width: 64 bits for 64-bit types, 16 for
    16-bit ones, else 32), "imm" (a field of the encoding, such as simm16; signed where the type is), "none". `index` is the first
    register, as the encoding numbers it; `count` the number of consecutive 32-bit registers."""

    kind: str
    index: int = 0
    count: int = 1
    value: int = 0
    name: str = ""  # of a special register
    neg: bool = False
    abs: bool = False
    sext: bool = False
    sel: str = ""  # SDWA selection: "", BYTE_0..BYTE_3, WORD_0, WORD_1, DWORD


@dataclass(frozen=True)
class Instruction:
    """One decoded instruction. `address` and `size` are in bytes, relative to the code object's .text; `encoding` is the form it
    actually uses (VOP2, VOP3, SDWA, DPP, ...). `modifiers` holds the encoding's further fields by their assembler names
    (offset, glc, slc, tfe, offen, idxen, lds, clamp, omod, dpp_ctrl, row_mask, bank_mask, bound_ctrl, dst_sel, dst_unused,
    offset0, offset1, gds, simm16 ...). Implicit VCC operands stand in `dst`/`src` explicitly."""

    address: int
    size: int
    op: Op
    encoding: str
    dst: tuple[Operand, ...]
    src: tuple[Operand, ...]
    modifiers: dict[str, int | str] = field(default_factory=dict)
    words: tuple[int, ...] = ()
