"""DS instructions as calls of the support headers."""

from __future__ import annotations

from amdc.sim.isa.model import Instruction
from amdc.sim.translate.functions import Function, Functions
from amdc.sim.translate.operands import refuse
from amdc.sim.translate.types import memory_dwords, type_bytes
from amdc.sim.translate.vector_memory import SMALL_LOADS, guarded

LANE_EXCHANGES = ("swizzle", "permute", "bpermute")
FORMS = ("load", "store", "atomic", *(f"{form}2{far}" for form in ("load", "store", "exchange") for far in ("", "st64")))
READ_WIDTH, WRITE_WIDTH = 128, 64  # bytes a clock of a CU's LDS [CLRX, "GCN timings"]
PARAMETERS = "Wave *W, u32 to, u32 from, u32 first, u32 second, u32 offset, u32 offset2"
PLACES = (
    "const u64 exec = EXEC; Registers v = &VGPR(to), data = &VGPR(first), data2 = &VGPR(second);"
    " const u32 *const address = VGPR(from);"
)


def lds_function(meaning: str, returns: bool) -> Function:
    """The C of a DS form; registers are given by number, offsets in bytes. `returns`: it has a destination."""
    form, _, rest = meaning.partition(" ")
    places = 2 if form.removesuffix("st64").endswith("2") else 1
    size = type_bytes(rest.split(" ")[-1])
    width = READ_WIDTH if form.startswith("load") else WRITE_WIDTH
    trace = f"trace_lds(W, address, offset, offset2, {size}, {places}, {width}, exec);"
    return Function("int", PARAMETERS, f"{PLACES}\n{trace}\n{_body(form, rest, returns)}")


def lds_statement(instruction: Instruction, functions: Functions) -> str:
    """A call that ends the wave where a check fails."""
    op, modifiers = instruction.op, instruction.modifiers
    if op.meaning == "nop":
        return ";"
    form, _, rest = op.meaning.partition(" ")
    if not op.meaning or modifiers.get("gds") or form not in (*LANE_EXCHANGES, *FORMS):
        raise refuse(
            instruction, op.note or ("global data share" if modifiers.get("gds") else f"'{op.meaning}' is not supported")
        )
    if form in LANE_EXCHANGES:
        return exchange_statement(instruction, form)
    data, data2 = [*(operand.index for operand in instruction.src[1:]), 0, 0][:2]
    target = instruction.dst[0].index if instruction.dst else 0
    name = functions.name(f"lds_{form}", lds_function(op.meaning, bool(instruction.dst)))
    first, second = lds_offsets(instruction, form, rest)
    return guarded(f"{name}(W, {target}, {instruction.src[0].index}, {data}, {data2}, {first}, {second})")


def lds_offsets(instruction: Instruction, form: str, rest: str) -> tuple[int, int]:
    """The offsets of both places in bytes; the second is 0 where there is one place."""
    modifiers = instruction.modifiers
    if not form.removesuffix("st64").endswith("2"):
        return int(modifiers["offset"]), 0
    scale = type_bytes(rest) * (64 if form.endswith("st64") else 1)
    return int(modifiers["offset0"]) * scale, int(modifiers["offset1"]) * scale


def _body(form: str, rest: str, returns: bool) -> str:
    if form.removesuffix("st64").endswith("2"):
        return _two_places(form.removesuffix("st64"), rest)
    if form == "atomic":
        operation, type = rest.split(" ")
        return f"return lds_atomic_{operation}_{type}(W, v, address, data, data2, offset, exec, {int(returns)});"
    size, count, align = type_bytes(rest), memory_dwords(rest), _alignment(rest)
    if rest in SMALL_LOADS:
        return f"return load_lds_small(W, v[0], address, offset, {size}, {int(rest[0] == 'i')}, exec);"
    if rest in ("b8", "b16"):
        return f"return store_lds_small(W, data[0], address, offset, {size}, exec);"
    if form == "load":
        return f"return load_lds(W, v, address, offset, {count}, {align}, exec);"
    return f"return store_lds(W, (const u32(*)[LANES])data, address, offset, {count}, {align}, exec);"


def _alignment(type: str) -> int:
    """Natural, and 16 bytes for three dwords too [GCN3, "LDS alignment"]."""
    return {12: 16}.get(type_bytes(type), type_bytes(type))


def _two_places(form: str, type: str) -> str:
    count, align = memory_dwords(type), type_bytes(type)
    if form == "load2":
        return f"return load_lds_two(W, v, address, offset, offset2, {count}, {align}, exec);"
    if form == "store2":
        first, second = (
            f"store_lds(W, (const u32(*)[LANES]){name}, address, {offset}, {count}, {align}, exec)"
            for name, offset in (("data", "offset"), ("data2", "offset2"))
        )
        return f"return {first} || {second};"
    return f"return lds_exchange_two(W, v, address, data, data2, offset, offset2, {count}, exec);"


def exchange_statement(instruction: Instruction, form: str) -> str:
    """Exchanges between lanes that use the LDS hardware but no memory."""
    to, sources = f"VGPR({instruction.dst[0].index})", [f"VGPR({operand.index})" for operand in instruction.src]
    return f"{form}_lanes(W, {to}, {', '.join(sources)}, {instruction.modifiers['offset']}, EXEC);"
