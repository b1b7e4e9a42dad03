"""Operands as C expressions of a wave's state."""

from __future__ import annotations

from amdc.errors import ModelError
from amdc.sim.isa.model import Instruction, Operand
from amdc.sim.translate.types import TYPES

CONDITIONS = {253: "(u32)SCC", 251: "(u32)(VCC == 0)", 252: "(u32)(EXEC == 0)"}  # scc, vccz, execz


class NotSimulated(ModelError):
    """An instruction that decodes but has no simulation."""


def refuse(instruction: Instruction, why: str) -> NotSimulated:
    """The error for an instruction; the caller's caller names the kernel."""
    return NotSimulated(f"{instruction.op.name} at 0x{instruction.address:x}: {why}")


def is_scalar(operand: Operand) -> bool:
    """Whether all lanes see one value."""
    return operand.kind != "vgpr"


def scalar_bits(operand: Operand, words: int) -> str:
    """The raw bits (u32, or u64 for two words) of a scalar register or a constant."""
    if operand.kind in ("inline", "literal", "imm"):
        mask = (1 << 32 * words) - 1
        return f"0x{operand.value & mask:x}{'u' if words == 1 else 'ull'}"
    if operand.index in CONDITIONS:
        return CONDITIONS[operand.index]
    return f"SGPR({operand.index})" if words == 1 else f"SGPR64({operand.index})"


def typed_scalar(operand: Operand, type: str) -> str:
    """A scalar operand as a value of the table's type."""
    spec = TYPES[type]
    if operand.kind == "imm" and type == "i16":
        return f"(i32){operand.value}"
    return spec.load.format(scalar_bits(operand, spec.words))


def vgpr_place(operand: Operand) -> str:
    """The first of an operand's vector registers: a pointer to its lanes."""
    return f"VGPR({operand.index})"


def assign_scalar(operand: Operand, words: int, value: str) -> str:
    """The statement that sets a scalar register."""
    target = f"SGPR({operand.index})" if words == 1 else f"SGPR64({operand.index})"
    return f"{target} = {value};"
