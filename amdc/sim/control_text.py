"""Program control as text: SOPP operands, hardware registers, messages. Source: LLVM, "Syntax of AMDGPU Instruction Operands"."""

from __future__ import annotations

from amdc.sim.isa.model import Op

_HARDWARE = {1: "MODE", 2: "STATUS", 3: "TRAPSTS", 4: "HW_ID", 5: "GPR_ALLOC", 6: "LDS_ALLOC", 7: "IB_STS"}
_NO_OPERAND = frozenset({"s_wakeup", "s_barrier", "s_icache_inv", "s_ttracedata", "s_endpgm_saved", "s_set_gpr_idx_off"})
_MESSAGES = {1: "MSG_INTERRUPT", 2: "MSG_GS", 3: "MSG_GS_DONE", 4: "MSG_SAVEWAVE", 15: "MSG_SYSMSG"}
_GS = ("GS_OP_NOP", "GS_OP_CUT", "GS_OP_EMIT", "GS_OP_EMIT_CUT")
_SYSTEM = {1: "ECC_ERR_INTERRUPT", 2: "REG_RD", 3: "HOST_TRAP_ACK", 4: "TTRACE_PC"}
_COUNTERS = (("vmcnt", 0, 15), ("expcnt", 4, 7), ("lgkmcnt", 8, 15))


def control_text(op: Op, constant: int) -> str:
    """A SOPP instruction with its constant."""
    field = constant & 0xFFFF
    if op.name in _NO_OPERAND or (op.name == "s_endpgm" and not field):
        return op.name
    if op.name == "s_waitcnt":
        return f"{op.name} {_counters(field)}"
    if op.name.startswith("s_sendmsg"):
        return f"{op.name} {_message(field)}"
    if op.name == "s_set_gpr_idx_mode":
        return f"{op.name} {index_mode(field)}"
    decimal = field <= 64 or "branch" in op.name or op.name == "s_endpgm"
    return f"{op.name} {field}" if decimal else f"{op.name} 0x{field:x}"


def small(value: int, bits: int) -> bool:
    """Whether a `bits` wide number is one that an inline constant can express, -16 to 64."""
    return value <= 64 or value >= (1 << bits) - 16


def small_number(value: int, bits: int) -> str:
    """Decimal where `small`, else hexadecimal."""
    if not small(value, bits):
        return f"0x{value:x}"
    return str(value - (1 << bits) if value >> (bits - 1) else value)


def _counters(field: int) -> str:
    """The counters that are waited for; all where none is."""
    values = [(name, field >> low & mask, mask) for name, low, mask in _COUNTERS]
    waited = [entry for entry in values if entry[1] != entry[2]] or values
    return " ".join(f"{name}({value})" for name, value, _ in waited)


def _message(field: int) -> str:
    """Message, operation and stream of s_sendmsg; numbers where a part has no name."""
    message, operation, stream = field & 15, field >> 4 & 7, field >> 8 & 3
    unnamed = f"sendmsg({message}, {operation}, {stream})"
    if field >> 10 or field >> 7 & 1:
        return str(field)
    if message in (2, 3) and operation < 4 and (message == 3 or operation):
        name = f"sendmsg({_MESSAGES[message]}, {_GS[operation]}"
        return f"{name}, {stream})" if operation else f"{name})" if not stream else unnamed
    if message == 15 and operation in _SYSTEM and not stream:
        return f"sendmsg(MSG_SYSMSG, SYSMSG_OP_{_SYSTEM[operation]})"
    if message in (1, 4) and not operation and not stream:
        return f"sendmsg({_MESSAGES[message]})"
    return unnamed


def hardware_register(field: int) -> str:
    """Register, offset and width of s_getreg and s_setreg; the whole register is its name alone."""
    number, offset, width = field & 63, field >> 6 & 31, (field >> 11 & 31) + 1
    name = f"HW_REG_{_HARDWARE[number]}" if number in _HARDWARE else str(number)
    return f"hwreg({name})" if (offset, width) == (0, 32) else f"hwreg({name}, {offset}, {width})"


def index_mode(field: int) -> str:
    """Which operands relative VGPR indexing applies to."""
    if field > 15:
        return f"0x{field:x}"
    names = (name for i, name in enumerate(("SRC0", "SRC1", "SRC2", "DST")) if field >> i & 1)
    return f"gpr_idx({','.join(names)})"
