"""Scalar ALU instructions: the table's C statement, in a block of its own between reads and the write."""

from __future__ import annotations

from amdc.sim.isa.model import Instruction
from amdc.sim.translate.operands import assign_scalar, refuse, typed_scalar
from amdc.sim.translate.types import TYPES


def scalar_statement(instruction: Instruction) -> str:
    """One line of C. The names SCC, EXEC, VCC and M0 are macros of wave.h; PC is the next instruction's address."""
    op = instruction.op
    if not op.meaning:
        raise refuse(instruction, op.note or "it has no meaning in the instruction table")
    parts = []
    for number, (operand, type) in enumerate(zip(instruction.src, op.src, strict=True)):
        if type not in TYPES:
            raise refuse(instruction, f"operand type {type} is not supported in scalar operations")
        parts.append(f"{_c_type(type)} S{number} = {typed_scalar(operand, type)};")
    if "PC" in op.meaning:
        parts.append(f"const u64 PC = W->image + 0x{instruction.address + instruction.size:x};")
    store = ""
    if op.dst:
        spec, target = TYPES[op.dst[0]], instruction.dst[0]
        initial = f" = {typed_scalar(target, op.dst[0])}" if op.accumulates else ""
        parts.append(f"{spec.name} D{initial};")
        store = assign_scalar(target, spec.words, spec.store.format("D"))
    return "{ " + " ".join([*parts, op.meaning, store]) + " }"


def _c_type(type: str) -> str:
    """A 16-bit constant is extended to 32 bits."""
    return {"i16": "i32", "u16": "u32"}.get(type, TYPES[type].name)
