"""Program control: branches, barriers, calls, mode registers."""

from __future__ import annotations

from amdc.sim.isa.model import Instruction
from amdc.sim.translate.blocks import branch_target
from amdc.sim.translate.operands import refuse, scalar_bits

CONDITIONS = {
    "scc0": "!SCC", "scc1": "SCC", "vccz": "VCC == 0", "vccnz": "VCC != 0", "execz": "EXEC == 0", "execnz": "EXEC != 0",
}  # fmt: skip
HWREG_MODE = 1  # [GCN3, "S_SETREG_B32"]


def control_statement(instruction: Instruction) -> str:
    """One line of C. Jumps leave the virtual address in W->resume and go to the dispatch switch."""
    op = instruction.op
    word, _, condition = op.meaning.partition(" ")
    following = instruction.address + instruction.size
    if word in ("nop", "waitcnt"):
        return ";"
    if word == "end":
        return "return STOP_END;"
    if word == "branch":
        jump = f"goto B_{branch_target(instruction):x};"
        return f"if ({CONDITIONS[condition]}) {jump}" if condition else jump
    if word == "barrier":
        return f"W->resume = 0x{following:x}; return STOP_BARRIER;"
    if word == "trap":
        return "return fault(W, FAULT_TRAP, 0, 0, 0);"
    if word == "jump":
        return f"W->resume = {scalar_bits(instruction.src[0], 2)} - W->image; goto dispatch;"
    if word == "call":
        link = f"SGPR64({instruction.dst[0].index}) = W->image + 0x{following:x};"
        return f"W->resume = {scalar_bits(instruction.src[0], 2)} - W->image; {link} goto dispatch;"
    return _mode_register(instruction)


def _mode_register(instruction: Instruction) -> str:
    """s_getreg and s_setreg: of the hardware registers only MODE is simulated."""
    selector = instruction.src[0].value
    register, offset, size = selector & 63, selector >> 6 & 31, (selector >> 11 & 31) + 1
    if register != HWREG_MODE:
        raise refuse(instruction, f"hardware register {register} is not simulated, only MODE ({HWREG_MODE})")
    mask = (1 << size) - 1
    if instruction.op.meaning == "getreg":
        return f"SGPR({instruction.dst[0].index}) = W->mode >> {offset} & 0x{mask:x}u;"
    if instruction.op.meaning == "setreg":
        value = f"({scalar_bits(instruction.src[1], 1)} & 0x{mask:x}u) << {offset}"
        return f"W->mode = (W->mode & 0x{~(mask << offset) & 0xFFFFFFFF:x}u) | {value}; use_f32_mode(W);"
    raise refuse(instruction, f"'{instruction.op.meaning}' is not supported")
