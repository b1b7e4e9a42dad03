"""What each instruction reads and writes, as far as the check for unwritten registers cares.

A register is a number: 0 to 255 are vector registers, SCALAR + n is the scalar register of encoded number n. Reads are of three
kinds: `needs` must have been written (arithmetic, addresses, branches); `copies` pass being unwritten on to a destination (moves,
selects); all others are ignored. Compilers leave registers unwritten on purpose where lanes do not matter: masks of loops and
branches start unwritten and go through bitwise scalar logic, whole registers of spilled scalars are saved with lanes that
hold nothing, the last element of a padded vector is stored. None of these may be reported.
"""

from __future__ import annotations

from dataclasses import dataclass

from amdc.sim.isa.forms import LANE_FORMS
from amdc.sim.isa.model import Instruction, Operand

SCALAR = 256
VCC, M0, EXEC = SCALAR + 106, SCALAR + 124, SCALAR + 126
LAST_SCALAR = SCALAR + 127
LOGIC = ("and", "or", "xor", "andn2", "orn2", "nand", "nor", "xnor", "not", "wqm")
NARROWING = ("s_and_saveexec_b64", "s_and_b64", "s_andn2_b64")
WIDE = 3  # registers from which on a stored vector may be padded


@dataclass(frozen=True)
class Effects:
    """Register numbers. Each of `targets` is written in the active lanes: where `copies` is not empty, only as far as those
    sources are. `unless_scratch` are needed too, where `resource` (a buffer's scalar registers) is not the scratch memory.
    `exec` says what happens to EXEC: "", "narrows" (to a subset), "changes". `kind` names the copies that need code of their own:
    "select" (by a mask), "readlane", "writelane"."""

    needs: tuple[int, ...] = ()
    copies: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()
    unless_scratch: tuple[int, ...] = ()
    resource: int = -1
    exec: str = ""
    kind: str = ""


def registers(operand: Operand) -> tuple[int, ...]:
    """The registers of an operand that can be unwritten."""
    if operand.kind == "vgpr":
        return tuple(range(operand.index, operand.index + operand.count))
    if operand.kind in ("sgpr", "special"):
        if operand.index == 251:  # vccz
            return VCC, VCC + 1
        found = range(SCALAR + operand.index, SCALAR + operand.index + operand.count)
        return tuple(number for number in found if number < EXEC)  # EXEC is always written; scc and execz too
    return ()


def effects_of(instruction: Instruction) -> Effects:
    """The effects of any instruction that can be simulated."""
    op = instruction.op
    if op.format in ("VOP1", "VOP2", "VOP3", "VOPC"):
        return _lane_effects(instruction) if op.meaning in LANE_FORMS else _vector_effects(instruction)
    if op.format in ("SOP1", "SOP2", "SOPC", "SOPK"):
        return _scalar_effects(instruction)
    if op.format == "SOPP":
        return Effects(needs=(VCC, VCC + 1) if "vcc" in op.reads else ())
    return _memory_effects(instruction)


def _all(operands: tuple[Operand, ...]) -> tuple[int, ...]:
    return tuple(register for operand in operands for register in registers(operand))


def _vector_effects(instruction: Instruction) -> Effects:
    op, src, targets = instruction.op, instruction.src, _all(instruction.dst)
    plain = instruction.encoding not in ("SDWA", "DPP")
    changes = "narrows" if "exec" in op.writes else "changes" if _writes_exec(instruction) else ""
    if op.name == "v_mov_b32" and plain:
        return Effects(copies=registers(src[0]), targets=targets)
    if op.name == "v_cndmask_b32" and plain:
        return Effects(needs=registers(src[2]), copies=_all(src[:2]), targets=targets, kind="select")
    moved = instruction.encoding == "DPP"  # lanes of the first source go elsewhere: which of them matter is not followed
    needs = _all(src[1:] if moved else src) + (targets[:1] if op.accumulates else ())
    return Effects(needs, targets=targets, exec=changes)


def _lane_effects(instruction: Instruction) -> Effects:
    form, src, targets = instruction.op.meaning, instruction.src, _all(instruction.dst)
    change = "changes" if _writes_exec(instruction) else ""
    if form in ("readlane", "readfirstlane"):
        return Effects(_all(src[1:]), copies=registers(src[0]), targets=targets, exec=change, kind="readlane")
    if form == "writelane":
        return Effects(_all(src[1:]), targets=targets, kind="writelane")
    return Effects((M0,), targets=targets)


def _writes_exec(instruction: Instruction) -> bool:
    return "exec" in instruction.op.writes or any(
        operand.kind == "special" and operand.index in (126, 127) for operand in instruction.dst
    )


def _scalar_effects(instruction: Instruction) -> Effects:
    op, targets = instruction.op, _all(instruction.dst)
    change = ""
    if _writes_exec(instruction):
        reads_exec = op.name == "s_and_saveexec_b64" or any(operand.index == 126 for operand in instruction.src[:1])
        either = op.name == "s_and_b64" and any(operand.index == 126 for operand in instruction.src)
        change = "narrows" if op.name in NARROWING and (reads_exec or either) else "changes"
    stem = op.name.removeprefix("s_").rsplit("_", 1)[0]
    if stem in LOGIC:
        return Effects(targets=targets, exec=change)
    if op.name in ("s_mov_b32", "s_mov_b64", "s_cselect_b32", "s_cselect_b64", "s_cmov_b32", "s_cmov_b64"):
        return Effects(copies=_all(instruction.src), targets=targets, exec=change)
    needs = _all(instruction.src) + (targets if op.accumulates else ())
    return Effects(needs + ((M0,) if "m0" in op.reads else ()), targets=targets, exec=change)


def _memory_effects(instruction: Instruction) -> Effects:
    op, src, targets = instruction.op, instruction.src, _all(instruction.dst)
    if not op.src:
        return Effects(targets=targets)
    if op.format == "MUBUF":
        data = _data(src[0]) if len(src) == 4 else ()
        return Effects(_all(src[-3:]), targets=targets, unless_scratch=data, resource=src[-2].index)
    if op.format == "SMEM":
        return Effects(_all(src), targets=targets)
    if op.format == "DS" and op.meaning in ("swizzle", "permute", "bpermute"):
        return Effects(() if op.meaning == "swizzle" else registers(src[0]), targets=targets)
    needs = registers(src[0]) + tuple(register for operand in src[1:] for register in _data(operand))
    return Effects(needs + ((M0,) if op.format == "DS" else ()), targets=targets)


def _data(operand: Operand) -> tuple[int, ...]:
    """Of a vector that may be padded, only the first register."""
    found = registers(operand)
    return found[:1] if len(found) >= WIDE else found
