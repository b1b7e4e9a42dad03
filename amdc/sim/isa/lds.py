"""DS: the local data share, and lane exchanges that go through it (the manual, "DS instructions").

Sources: the byte address, then the data (for cmpst the comparand first, then the new value; for mskor the mask, then the value).
`offset0` and `offset1` are modifiers; for all but the two-address forms the offset is offset0 + 256 * offset1, given as `offset`.
"""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("DS")
_INTEGER = (
    (0, "add", "u"), (1, "sub", "u"), (2, "rsub", "u"), (3, "inc", "u"), (4, "dec", "u"), (5, "min", "i"), (6, "max", "i"),
    (7, "min", "u"), (8, "max", "u"), (9, "and", "b"), (10, "or", "b"), (11, "xor", "b"),
)  # fmt: skip
_GWS = "global wave sync; not simulated"
_FLOAT = ((18, "min"), (19, "max"))


def _atomic(opcode: int, operation: str, type: str, data: int, returns: bool) -> Op:
    """One atomic of `data` data operands. Registers hold raw bits of the type's width."""
    bits = f"b{type[1:]}"
    name = f"ds_{operation}{'_rtn' if returns else ''}_{type}"
    return _row(opcode, name, bits if returns else "", " ".join(["b32"] + [bits] * data), f"atomic {operation} {type}")


def _atomics(opcode: int, bits: int, returns: bool) -> tuple[Op, ...]:
    """The block of atomics that starts at `opcode`: 32 bits at 0, with result at 32; 64 bits at 64, with result at 96."""
    rows = [_atomic(opcode + i, operation, f"{kind}{bits}", 1, returns) for i, operation, kind in _INTEGER]
    rows.append(_atomic(opcode + 12, "mskor", f"b{bits}", 2, returns))
    rows += [_atomic(opcode + 16, "cmpst", f"b{bits}", 2, returns), _atomic(opcode + 17, "cmpst", f"f{bits}", 2, returns)]
    rows += [_atomic(opcode + i, operation, f"f{bits}", 1, returns) for i, operation in _FLOAT]
    if returns:
        pair = f"b{2 * bits}"
        rows.append(_row(opcode + 13, f"ds_wrxchg_rtn_b{bits}", f"b{bits}", f"b32 b{bits}", f"atomic swap b{bits}"))
        rows.append(_row(opcode + 14, f"ds_wrxchg2_rtn_b{bits}", pair, f"b32 b{bits} b{bits}", f"exchange2 b{bits}"))
        rows.append(_row(opcode + 15, f"ds_wrxchg2st64_rtn_b{bits}", pair, f"b32 b{bits} b{bits}", f"exchange2st64 b{bits}"))
    return tuple(rows)


def _accesses(bits: int, store: int, load: int) -> tuple[Op, ...]:
    one, two = f"b{bits}", f"b{2 * bits}"
    return (
        _row(store, f"ds_write_b{bits}", "", f"b32 {one}", f"store {one}"),
        _row(store + 1, f"ds_write2_b{bits}", "", f"b32 {one} {one}", f"store2 {one}"),
        _row(store + 2, f"ds_write2st64_b{bits}", "", f"b32 {one} {one}", f"store2st64 {one}"),
        _row(load, f"ds_read_b{bits}", one, "b32", f"load {one}"),
        _row(load + 1, f"ds_read2_b{bits}", two, "b32", f"load2 {one}"),
        _row(load + 2, f"ds_read2st64_b{bits}", two, "b32", f"load2st64 {one}"),
    )


def _from_lds(opcode: int, bits: int) -> tuple[Op, ...]:
    """The src2 atomics, whose second operand comes from LDS too; decoded, not simulated."""
    note = "an atomic between two LDS words; not simulated"
    rows = [_row(opcode + i, f"ds_{operation}_src2_{kind}{bits}", "", "b32", note=note) for i, operation, kind in _INTEGER]
    rows.append(_row(opcode + 13, f"ds_write_src2_b{bits}", "", "b32", note=note))
    rows += [_row(opcode + i, f"ds_{operation}_src2_f{bits}", "", "b32", note=note) for i, operation in _FLOAT]
    return tuple(rows)


DS = (
    *_atomics(0, 32, False),
    *_accesses(32, 13, 54),
    _atomic(21, "add", "f32", 1, False),
    _row(20, "ds_nop", meaning="nop"),
    _row(30, "ds_write_b8", "", "b32 b32", "store b8"),
    _row(31, "ds_write_b16", "", "b32 b32", "store b16"),
    *_atomics(32, 32, True),
    _row(52, "ds_wrap_rtn_b32", "b32", "b32 b32 b32", "atomic wrap b32"),
    _atomic(53, "add", "f32", 1, True),
    _row(57, "ds_read_i8", "b32", "b32", "load i8"),
    _row(58, "ds_read_u8", "b32", "b32", "load u8"),
    _row(59, "ds_read_i16", "b32", "b32", "load i16"),
    _row(60, "ds_read_u16", "b32", "b32", "load u16"),
    _row(61, "ds_swizzle_b32", "b32", "b32", "swizzle"),
    _row(62, "ds_permute_b32", "b32", "b32 b32", "permute"),
    _row(63, "ds_bpermute_b32", "b32", "b32 b32", "bpermute"),
    *_atomics(64, 64, False),
    *_accesses(64, 77, 118),
    *_atomics(96, 64, True),
    _row(126, "ds_condxchg32_rtn_b64", "b64", "b32 b64", note="a conditional exchange; not simulated"),
    *_from_lds(128, 32),
    _row(149, "ds_add_src2_f32", "", "b32", note="an atomic between two LDS words; not simulated"),
    _row(152, "ds_gws_sema_release_all", note=_GWS),
    _row(153, "ds_gws_init", "", "b32", note=_GWS),
    _row(154, "ds_gws_sema_v", note=_GWS),
    _row(155, "ds_gws_sema_br", "", "b32", note=_GWS),
    _row(156, "ds_gws_sema_p", note=_GWS),
    _row(157, "ds_gws_barrier", "", "b32", note=_GWS),
    _row(189, "ds_consume", "b32", "", note="an atomic on a counter in LDS; not simulated"),
    _row(190, "ds_append", "b32", "", note="an atomic on a counter in LDS; not simulated"),
    _row(191, "ds_ordered_count", "b32", "b32", note=_GWS),
    *_from_lds(192, 64),
    _row(222, "ds_write_b96", "", "b32 b96", "store b96"),
    _row(223, "ds_write_b128", "", "b32 b128", "store b128"),
    _row(254, "ds_read_b96", "b96", "b32", "load b96"),
    _row(255, "ds_read_b128", "b128", "b32", "load b128"),
)
