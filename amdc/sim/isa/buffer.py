"""MUBUF and MTBUF: memory through a buffer descriptor, with bounds checks (the manual, "MUBUF instructions", "MTBUF instructions").

Sources in the assembler's order: a store's or atomic's data, the VGPR address (kind "none" with neither offen nor idxen; index first
where both are set), the 128-bit descriptor, the scalar offset. An atomic has a destination only with glc, the data's register.
"""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

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


def _formatted(opcode: int, name: str, form: str) -> tuple[Op, ...]:
    """MUBUF's conversions by the descriptor's format; d16 keeps one component a register on this generation."""
    rows = []
    for i, (components, type) in enumerate(_XYZW):
        loads = form.startswith("load")
        rows.append(
            _row(
                opcode + i,
                f"buffer_{name}_{components}",
                type if loads else "",
                _PLACE if loads else f"{type} {_PLACE}",
                f"{form} {components}",
            )
        )
    return tuple(rows)


def _typed_rows(opcode: int, name: str, form: str) -> tuple[Op, ...]:
    loads = form.startswith("load")
    return tuple(
        _typed(
            opcode + i,
            f"tbuffer_{name}_{components}",
            type if loads else "",
            _PLACE if loads else f"{type} {_PLACE}",
            f"{form} {components}",
        )
        for i, (components, type) in enumerate(_XYZW)
    )


def _atomics(opcode: int, bits: int) -> tuple[Op, ...]:
    rows = []
    for i, (name, operation, kind) in enumerate(ATOMICS):
        data = f"b{bits * 2}" if operation == "cmpswap" else f"b{bits}"
        suffix = "_x2" if bits == 64 else ""
        rows.append(
            _row(opcode + i, f"buffer_atomic_{name}{suffix}", data, f"{data} {_PLACE}", f"atomic {operation} {kind}{bits}")
        )
    return tuple(rows)


MUBUF = (
    *_formatted(0, "load_format", "load_format"),
    *_formatted(4, "store_format", "store_format"),
    *_formatted(8, "load_format_d16", "load_format_d16"),
    *_formatted(12, "store_format_d16", "store_format_d16"),
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
    *_atomics(64, 32),
    *_atomics(96, 64),
)

MTBUF = (
    *_typed_rows(0, "load_format", "load_format"),
    *_typed_rows(4, "store_format", "store_format"),
    *_typed_rows(8, "load_format_d16", "load_format_d16"),
    *_typed_rows(12, "store_format_d16", "store_format_d16"),
)
