"""SMEM: scalar memory (the manual, "SMEM instructions"). Sources: the base (a 64-bit address, or a 128-bit buffer descriptor) and
the offset in bytes (an immediate of 20 bits, or an SGPR); a store's data come first. Meanings are memory forms (forms.py)."""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("SMEM")
_SIZES = (("dword", "b32"), ("dwordx2", "b64"), ("dwordx4", "b128"), ("dwordx8", "b256"), ("dwordx16", "b512"))


def _loads(opcode: int, name: str, base: str) -> tuple[Op, ...]:
    return tuple(_row(opcode + i, f"{name}_{size}", type, f"{base} b32", f"load {type}") for i, (size, type) in enumerate(_SIZES))


def _stores(opcode: int, name: str, base: str) -> tuple[Op, ...]:
    return tuple(
        _row(opcode + i, f"{name}_{size}", "", f"{type} {base} b32", f"store {type}") for i, (size, type) in enumerate(_SIZES[:3])
    )


SMEM = (
    *_loads(0, "s_load", "b64"),
    *_loads(8, "s_buffer_load", "b128"),
    *_stores(16, "s_store", "b64"),
    *_stores(24, "s_buffer_store", "b128"),
    _row(32, "s_dcache_inv", meaning="cache"),
    _row(33, "s_dcache_wb", meaning="cache"),
    _row(34, "s_dcache_inv_vol", meaning="cache"),
    _row(35, "s_dcache_wb_vol", meaning="cache"),
    _row(36, "s_memtime", "b64", "", "time"),
    _row(37, "s_memrealtime", "b64", "", "time"),
    _row(38, "s_atc_probe", "", "b64 b32", "cache", note="prefetches an address translation"),
    _row(39, "s_atc_probe_buffer", "", "b128 b32", "cache", note="prefetches an address translation"),
)
