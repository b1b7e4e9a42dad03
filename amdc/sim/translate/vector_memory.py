"""FLAT, MUBUF, SMEM and DS instructions as calls of the support headers."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.sim.isa.model import Instruction, Operand
from amdc.sim.translate.functions import Function, Functions
from amdc.sim.translate.operands import refuse, scalar_bits
from amdc.sim.translate.types import memory_dwords, type_bytes

SMALL_LOADS = ("u8", "i8", "u16", "i16")
KINDS = {"load": "RACE_READ", "store": "RACE_WRITE", "atomic": "RACE_ATOMIC"}  # for flat addresses that lie in LDS


@dataclass(frozen=True)
class Access:
    """What an access does at the addresses that were found: (kind, type, operation). `size` in bytes a lane."""

    kind: str  # "load", "store", "atomic"
    type: str
    operation: str = ""
    returns: bool = False

    @property
    def size(self) -> int:
        return type_bytes(self.type)

    @property
    def name(self) -> str:
        return "_".join(part for part in (self.kind, self.operation, self.type, "rtn" if self.returns else "") if part)

    @property
    def code(self) -> str:
        """The C call; `v` is the first data or destination register, `data` an atomic's."""
        if self.kind == "atomic":
            return f"atomic_{self.operation}_{self.type}(v, data, &L, exec, {int(self.returns)})"
        if self.type in ("b8", "b16"):
            return f"store_small(v[0], &L, exec, {self.size})"
        if self.type in SMALL_LOADS:
            return f"load_small(v[0], &L, exec, {self.size}, {int(self.type[0] == 'i')})"
        if self.kind == "store":
            return f"store_dwords((const u32(*)[LANES])v, &L, exec, {memory_dwords(self.type)})"
        return f"load_dwords(v, &L, exec, {memory_dwords(self.type)})"


def access_of(instruction: Instruction) -> Access:
    """The access of a FLAT or MUBUF instruction. Raises `NotSimulated` for other forms."""
    words = instruction.op.meaning.split(" ")
    if words[0] in ("load", "store"):
        return Access(words[0], words[1])
    if words[0] == "atomic":
        return Access("atomic", words[2], words[1], bool(instruction.dst))
    raise refuse(instruction, instruction.op.note or f"'{instruction.op.meaning}' is not supported")


PARAMETERS = {
    "flat": "Wave *W, u32 to, u32 from, u32 address",
    "buffer": "Wave *W, u32 to, u32 from, u32 resource, i32 index, i32 offset, u32 scalar_offset, u32 immediate",
}


def memory_function(space: str, access: Access) -> Function:
    """The C of an access; registers are given by number, -1 for none."""
    return Function("int", PARAMETERS[space], f"{space.upper()}_ACCESS({access.size}, {KINDS[access.kind]}, {access.code})")


def _named(space: str, access: Access, functions: Functions) -> str:
    return functions.name(f"{space}_{access.name}", memory_function(space, access))


def flat_statement(instruction: Instruction, functions: Functions) -> str:
    """A call that ends the wave where a check fails."""
    access = access_of(instruction)
    address = instruction.src[0]
    registers = _data_registers(instruction, instruction.src[1] if len(instruction.src) > 1 else None)
    call = f"{_named('flat', access, functions)}(W, {registers}, {address.index})"
    return guarded(call)


def buffer_statement(instruction: Instruction, functions: Functions) -> str:
    """A call that ends the wave where a check fails."""
    if instruction.op.meaning == "cache":
        return ";"
    access, modifiers = access_of(instruction), instruction.modifiers
    if modifiers["tfe"] or modifiers.get("lds"):
        raise refuse(instruction, "the tfe and lds modifiers are not supported")
    address, resource, scalar_offset = instruction.src[-3:]
    index = address.index if modifiers["idxen"] else -1
    offset = address.index + int(modifiers["idxen"]) if modifiers["offen"] else -1
    registers = _data_registers(instruction, instruction.src[0] if len(instruction.src) == 4 else None)
    place = f"{resource.index}, {index}, {offset}, {scalar_bits(scalar_offset, 1)}, {modifiers['offset']}"
    return guarded(f"{_named('buffer', access, functions)}(W, {registers}, {place})")


def _data_registers(instruction: Instruction, data: Operand | None) -> str:
    """The destination and the data registers: the same where there is only one of them."""
    target = instruction.dst[0] if instruction.dst else data
    source = data or target
    assert target is not None and source is not None
    return f"{target.index}, {source.index}"


def scalar_memory_statement(instruction: Instruction) -> str:
    """SMEM: to and from scalar registers."""
    op = instruction.op
    if op.meaning == "cache":
        return ";"
    if op.meaning == "time":
        return f"SGPR64({instruction.dst[0].index}) = clock_of(W);"
    kind, type = op.meaning.split(" ")
    base, offset = instruction.src[-2:]
    data = instruction.dst[0] if instruction.dst else instruction.src[0]
    verb, count = "load" if kind == "load" else "store", memory_dwords(type)
    if op.src[-2] == "b128":
        call = f"{verb}_scalars_buffer(W, &SGPR({data.index}), &SGPR({base.index}), {scalar_bits(offset, 1)}, {count})"
    else:
        call = f"{verb}_scalars(W, &SGPR({data.index}), SGPR64({base.index}) + {scalar_bits(offset, 1)}, {count})"
    return guarded(call)


def guarded(call: str) -> str:
    """A call whose result, where not 0, says that the wave stops."""
    return f"if (UNLIKELY({call})) return STOP_FAULT;"
