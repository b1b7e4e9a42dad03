"""MUBUF and MTBUF: memory through a buffer descriptor, with bounds checks (the manual, "MUBUF", "MTBUF instructions").

Sources in the assembler's order: a store's or atomic's data, the VGPR address (kind "none" with neither offen nor idxen; index
first where both are set), the 128-bit descriptor, the scalar offset. An atomic has a destination only with glc, the data's
(first) register; a load into LDS (modifier lds) has none.
"""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import Row, rows_of

_row = rows_of("MUBUF")
_typed = rows_of("MTBUF")
_PLACE = "b32 b128 b32"
_XYZW = (("x", "b32"), ("xy", "b64"), ("xyz", "b96"), ("xyzw", "b128"))
_WIDTHS = (("dword", "b32"), ("dwordx2", "b64"), ("dwordx3", "b96"), ("dwordx4", "b128"))
ATOMICS = (
    ("swap", "swap", "b"),
    ("cmpswap", "cmpswap", "b"),
    ("add", "add", "u"),
    ("sub", "sub", "u"),
    ("smin", "min", "i"),
    ("umin", "min", "u"),
    ("smax", "max", "i"),
    ("umax", "max", "u"),
    ("and", "and", "b"),
    ("or", "or", "b"),
    ("xor", "xor", "b"),
    ("inc", "inc", "u"),
    ("dec", "dec", "u"),
)  # opcodes in this order: (name, operation, kind of integer)


def _formatted(row: Row, opcode: int, name: str, form: str) -> tuple[Op, ...]:
    """Accesses that convert by a format; d16 keeps one component a register on this generation."""
    if form.startswith("load"):
        return tuple(row(opcode + i, f"{name}_{xyzw}", type, _PLACE, f"{form} {xyzw}") for i, (xyzw, type) in enumerate(_XYZW))
    return tuple(
        row(opcode + i, f"{name}_{xyzw}", "", f"{type} {_PLACE}", f"{form} {xyzw}") for i, (xyzw, type) in enumerate(_XYZW)
    )


def _all_formatted(row: Row, prefix: str) -> tuple[Op, ...]:
    forms = ("load_format", "store_format", "load_format_d16", "store_format_d16")
    return tuple(op for i, form in enumerate(forms) for op in _formatted(row, 4 * i, f"{prefix}_{form}", form))


def _atomics(opcode: int, bits: int, suffix: str) -> tuple[Op, ...]:
    rows = []
    for i, (name, operation, kind) in enumerate(ATOMICS):
        data = f"b{bits * 2}" if operation == "cmpswap" else f"b{bits}"
        meaning = f"atomic {operation} {kind}{bits}"
        rows.append(_row(opcode + i, f"buffer_atomic_{name}{suffix}", f"b{bits}", f"{data} {_PLACE}", meaning))
    return tuple(rows)


MUBUF = (
    *_all_formatted(_row, "buffer"),
    _row(16, "buffer_load_ubyte", "b32", _PLACE, "load u8"),
    _row(17, "buffer_load_sbyte", "b32", _PLACE, "load i8"),
    _row(18, "buffer_load_ushort", "b32", _PLACE, "load u16"),
    _row(19, "buffer_load_sshort", "b32", _PLACE, "load i16"),
    *(_row(20 + i, f"buffer_load_{name}", type, _PLACE, f"load {type}") for i, (name, type) in enumerate(_WIDTHS)),
    _row(24, "buffer_store_byte", "", f"b32 {_PLACE}", "store b8"),
    _row(26, "buffer_store_short", "", f"b32 {_PLACE}", "store b16"),
    *(_row(28 + i, f"buffer_store_{name}", "", f"{type} {_PLACE}", f"store {type}") for i, (name, type) in enumerate(_WIDTHS)),
    _row(61, "buffer_store_lds_dword", "", "b128 b32", note="writes LDS data to memory; not simulated"),
    _row(62, "buffer_wbinvl1", meaning="cache"),
    _row(63, "buffer_wbinvl1_vol", meaning="cache"),
    *_atomics(64, 32, ""),
    *_atomics(96, 64, "_x2"),
)

MTBUF = _all_formatted(_typed, "tbuffer")
