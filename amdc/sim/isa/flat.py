"""FLAT: memory at a 64-bit address a lane: global, scratch or LDS by the address's aperture (the manual, "FLAT instructions").

Sources: the address, then a store's or atomic's data. An atomic has a destination only with glc. There are no offsets on gfx8.
"""

from __future__ import annotations

from amdc.sim.isa.buffer import ATOMICS
from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("FLAT")
_WIDTHS = (("dword", "b32"), ("dwordx2", "b64"), ("dwordx3", "b96"), ("dwordx4", "b128"))


def _atomics(opcode: int, bits: int, suffix: str) -> tuple[Op, ...]:
    rows = []
    for i, (name, operation, kind) in enumerate(ATOMICS):
        data = f"b{bits * 2}" if operation == "cmpswap" else f"b{bits}"
        meaning = f"atomic {operation} {kind}{bits}"
        rows.append(_row(opcode + i, f"flat_atomic_{name}{suffix}", f"b{bits}", f"b64 {data}", meaning))
    return tuple(rows)


FLAT = (
    _row(16, "flat_load_ubyte", "b32", "b64", "load u8"),
    _row(17, "flat_load_sbyte", "b32", "b64", "load i8"),
    _row(18, "flat_load_ushort", "b32", "b64", "load u16"),
    _row(19, "flat_load_sshort", "b32", "b64", "load i16"),
    *(_row(20 + i, f"flat_load_{name}", type, "b64", f"load {type}") for i, (name, type) in enumerate(_WIDTHS)),
    _row(24, "flat_store_byte", "", "b64 b32", "store b8"),
    _row(26, "flat_store_short", "", "b64 b32", "store b16"),
    *(_row(28 + i, f"flat_store_{name}", "", f"b64 {type}", f"store {type}") for i, (name, type) in enumerate(_WIDTHS)),
    *_atomics(64, 32, ""),
    *_atomics(96, 64, "_x2"),
)
