"""VOP1: vector operations of one source (the manual, "VOP1 instructions"). f16 variables hold the half's value (helpers.py)."""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("VOP1")

_MOVES = (
    _row(0, "v_nop", meaning="nop"),
    _row(1, "v_mov_b32", "b32", "b32", "D = S0;"),
    _row(2, "v_readfirstlane_b32", "b32", "b32", "readfirstlane", note="the destination is an SGPR"),
    _row(43, "v_not_b32", "b32", "b32", "D = ~S0;"),
    _row(44, "v_bfrev_b32", "b32", "b32", "D = brev_b32(S0);"),
    _row(45, "v_ffbh_u32", "u32", "u32", "D = ffbh_u32(S0);"),
    _row(46, "v_ffbl_b32", "u32", "b32", "D = ffbl_b32(S0);"),
    _row(47, "v_ffbh_i32", "u32", "i32", "D = ffbh_i32(S0);"),
    _row(53, "v_clrexcp", meaning="nop"),
    _row(54, "v_movreld_b32", "b32", "b32", "movreld", reads="m0"),
    _row(55, "v_movrels_b32", "b32", "b32", "movrels", reads="m0"),
    _row(56, "v_movrelsd_b32", "b32", "b32", "movrelsd", reads="m0"),
)

_CONVERSIONS = (
    _row(3, "v_cvt_i32_f64", "i32", "f64", "D = cvt_i32_f64(S0);"),
    _row(4, "v_cvt_f64_i32", "f64", "i32", "D = (f64)S0;"),
    _row(5, "v_cvt_f32_i32", "f32", "i32", "D = (f32)S0;"),
    _row(6, "v_cvt_f32_u32", "f32", "u32", "D = (f32)S0;"),
    _row(7, "v_cvt_u32_f32", "u32", "f32", "D = cvt_u32_f32(S0);"),
    _row(8, "v_cvt_i32_f32", "i32", "f32", "D = cvt_i32_f32(S0);"),
    _row(10, "v_cvt_f16_f32", "f16", "f32", "D = S0;"),
    _row(11, "v_cvt_f32_f16", "f32", "f16", "D = S0;"),
    _row(12, "v_cvt_rpi_i32_f32", "i32", "f32", "D = cvt_i32_f32(floor_f32(S0 + 0.5f));"),
    _row(13, "v_cvt_flr_i32_f32", "i32", "f32", "D = cvt_i32_f32(floor_f32(S0));"),
    _row(14, "v_cvt_off_f32_i4", "f32", "b32", "D = (f32)((i32)(S0 << 28) >> 28) * 0.0625f;"),
    _row(15, "v_cvt_f32_f64", "f32", "f64", "D = cvt_f32_f64(S0);"),
    _row(16, "v_cvt_f64_f32", "f64", "f32", "D = (f64)S0;"),
    *(_row(17 + i, f"v_cvt_f32_ubyte{i}", "f32", "b32", f"D = (f32)(S0 >> {8 * i} & 255);") for i in range(4)),
    _row(21, "v_cvt_u32_f64", "u32", "f64", "D = cvt_u32_f64(S0);"),
    _row(22, "v_cvt_f64_u32", "f64", "u32", "D = (f64)S0;"),
    _row(57, "v_cvt_f16_u16", "f16", "u16", "D = (f32)S0;"),
    _row(58, "v_cvt_f16_i16", "f16", "i16", "D = (f32)S0;"),
    _row(59, "v_cvt_u16_f16", "u16", "f16", "D = cvt_u16_f32(S0);"),
    _row(60, "v_cvt_i16_f16", "i16", "f16", "D = cvt_i16_f32(S0);"),
)


def _float(opcodes: tuple[int, int, int], name: str, meaning: str) -> tuple[Op, ...]:
    """The f64, f32 and f16 rows of one operation; opcode -1 where there is none. `{t}` is f32 for halves, too."""
    types = ("f64", "f32", "f16")
    return tuple(
        _row(opcode, f"v_{name}_{type}", type, type, meaning.format(t="f64" if type == "f64" else "f32"))
        for opcode, type in zip(opcodes, types, strict=True)
        if opcode >= 0
    )


_FLOATS = (
    *_float((23, 28, 70), "trunc", "D = trunc_{t}(S0);"),
    *_float((24, 29, 69), "ceil", "D = ceil_{t}(S0);"),
    *_float((25, 30, 71), "rndne", "D = rndne_{t}(S0);"),
    *_float((26, 31, 68), "floor", "D = floor_{t}(S0);"),
    *_float((50, 27, -1), "fract", "D = fract_{t}(S0);"),
    _row(72, "v_fract_f16", "f16", "f16", "D = fract_f16(S0);"),
    *_float((-1, 32, 65), "exp", "D = exp2_{t}(S0);"),
    *_float((-1, 33, 64), "log", "D = log2_{t}(S0);"),
    *_float((37, 34, 61), "rcp", "D = rcp_{t}(S0);"),
    _row(35, "v_rcp_iflag_f32", "f32", "f32", "D = rcp_f32(S0);", note="differs from v_rcp_f32 in its exceptions alone"),
    *_float((38, 36, 63), "rsq", "D = rsq_{t}(S0);"),
    *_float((40, 39, 62), "sqrt", "D = sqrt_{t}(S0);"),
    *_float((-1, 41, 73), "sin", "D = sin_turns_{t}(S0);"),
    *_float((-1, 42, 74), "cos", "D = cos_turns_{t}(S0);"),
    _row(75, "v_exp_legacy_f32", "f32", "f32", "D = exp2_f32(S0);"),
    _row(76, "v_log_legacy_f32", "f32", "f32", "D = log2_f32(S0);"),
    _row(48, "v_frexp_exp_i32_f64", "i32", "f64", "D = frexp_exp_f64(S0);"),
    _row(51, "v_frexp_exp_i32_f32", "i32", "f32", "D = frexp_exp_f32(S0);"),
    _row(67, "v_frexp_exp_i16_f16", "i16", "f16", "D = frexp_exp_f32(S0);"),
    *_float((49, 52, 66), "frexp_mant", "D = frexp_mant_{t}(S0);"),
)

VOP1 = tuple(sorted((*_MOVES, *_CONVERSIONS, *_FLOATS), key=lambda op: op.opcode))
