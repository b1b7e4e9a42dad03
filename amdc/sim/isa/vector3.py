"""VOP3: vector operations that have the 64-bit encoding alone (the manual, "VOP3 instructions").

The opcodes are those of the VOP3 field: 0-255 repeat VOPC, 256-319 VOP2, 320-447 VOP1.
"""

from __future__ import annotations

from amdc.sim.isa.model import Op
from amdc.sim.isa.rows import rows_of

_row = rows_of("VOP3")
_FMAS_NOTE = "the scale is that of v_div_scale, undone"
_LOW_BITS = "an SGPR or a constant gives the lane"


def _three(opcode: int, name: str, type: str, meaning: str) -> Op:
    """Three sources and a result of one type."""
    return _row(opcode, f"v_{name}_{type}", type, f"{type} {type} {type}", meaning)


_MULTIPLY_ADD = (
    _row(448, "v_mad_legacy_f32", "f32", "f32 f32 f32", "D = mad_legacy_f32(S0, S1, S2);"),
    _three(449, "mad", "f32", "D = mad_f32(S0, S1, S2);"),
    _row(450, "v_mad_i32_i24", "u32", "i24 i24 u32", "D = (u32)S0 * (u32)S1 + S2;"),
    _row(451, "v_mad_u32_u24", "u32", "u24 u24 u32", "D = S0 * S1 + S2;"),
    _three(459, "fma", "f32", "D = fma_f32(S0, S1, S2);"),
    _three(460, "fma", "f64", "D = fma_f64(S0, S1, S2);"),
    _row(488, "v_mad_u64_u32", "u64 mask", "u32 u32 u64", "D = (u64)S0 * S1 + S2; D1 = D < S2;"),
    _row(
        489,
        "v_mad_i64_i32",
        "i64 mask",
        "i32 i32 i64",
        "i64 product = (i64)S0 * S1; D = (i64)((u64)product + (u64)S2);"
        " D1 = ((product ^ D) & (S2 ^ D)) < 0 ? product < 0 : D < 0;",
        note="D1: the 65-bit sum's sign",
    ),
    _three(490, "mad", "f16", "D = mad_f16(S0, S1, S2);"),
    _three(491, "mad", "u16", "D = (u16)((u32)S0 * S1 + S2);"),
    _three(492, "mad", "i16", "D = (i16)(S0 * S1 + S2);"),
    _three(494, "fma", "f16", "D = fma_f16(S0, S1, S2);"),
)

_CUBE_MAP = (
    _three(452, "cubeid", "f32", "D = cubeid_f32(S0, S1, S2);"),
    _three(453, "cubesc", "f32", "D = cubesc_f32(S0, S1, S2);"),
    _three(454, "cubetc", "f32", "D = cubetc_f32(S0, S1, S2);"),
    _three(455, "cubema", "f32", "D = cubema_f32(S0, S1, S2);"),
)

_BITS = (
    _row(456, "v_bfe_u32", "u32", "u32 b32 b32", "D = bfe_u32(S0, S1, S2);"),
    _row(457, "v_bfe_i32", "i32", "i32 b32 b32", "D = bfe_i32(S0, S1, S2);"),
    _three(458, "bfi", "b32", "D = (S0 & S1) | (~S0 & S2);"),
    _row(461, "v_lerp_u8", "b32", "b32 b32 b32", "D = lerp_u8(S0, S1, S2);"),
    _three(462, "alignbit", "b32", "D = (u32)((((u64)S0 << 32) | S1) >> (S2 & 31));"),
    _three(463, "alignbyte", "b32", "D = (u32)((((u64)S0 << 32) | S1) >> (8 * (S2 & 3)));"),
    _three(493, "perm", "b32", "D = perm_b32(S0, S1, S2);"),
)


def _order3(opcode: int, name: str) -> tuple[Op, ...]:
    return (
        _three(opcode, f"{name}3", "f32", f"D = {name}3_f32(S0, S1, S2, IEEE);"),
        _three(opcode + 1, f"{name}3", "i32", f"D = {name}3_i32(S0, S1, S2);"),
        _three(opcode + 2, f"{name}3", "u32", f"D = {name}3_u32(S0, S1, S2);"),
    )


_DIFFERENCES = (
    _row(473, "v_sad_u8", "u32", "b32 b32 u32", "D = sad_u8(S0, S1) + S2;"),
    _row(474, "v_sad_hi_u8", "u32", "b32 b32 u32", "D = (sad_u8(S0, S1) << 16) + S2;"),
    _row(475, "v_sad_u16", "u32", "b32 b32 u32", "D = sad_u16(S0, S1) + S2;"),
    _row(476, "v_sad_u32", "u32", "u32 u32 u32", "D = (S0 > S1 ? S0 - S1 : S1 - S0) + S2;"),
    _row(484, "v_msad_u8", "u32", "b32 b32 u32", "D = msad_u8(S0, S1) + S2;"),
    _row(485, "v_qsad_pk_u16_u8", "b64", "b64 b32 b64", "D = qsad_pk_u16_u8(S0, S1, S2);"),
    _row(486, "v_mqsad_pk_u16_u8", "b64", "b64 b32 b64", "D = mqsad_pk_u16_u8(S0, S1, S2);"),
    _row(
        487,
        "v_mqsad_u32_u8",
        "b128",
        "b64 b32 b128",
        "for (int i = 0; i < 4; ++i) D[i] = msad_u8((u32)(S0 >> (8 * i)), S1) + S2[i];",
    ),
)


def _divide(type: str, fixup: int, scale: int, fmas: int) -> tuple[Op, ...]:
    return (
        _three(fixup, "div_fixup", type, f"D = div_fixup_{type}(S0, S1, S2);"),
        _row(
            scale,
            f"v_div_scale_{type}",
            f"{type} mask",
            f"{type} {type} {type}",
            f"D = div_scale_{type}(S0, S1, S2); D1 = div_scale_flag_{type}(S1, S2);",
        ),
        _row(
            fmas,
            f"v_div_fmas_{type}",
            type,
            f"{type} {type} {type} mask",
            f"D = div_fmas_{type}(S0, S1, S2, CARRY);",
            note=_FMAS_NOTE,
        ),
    )


_PACK = (
    _row(477, "v_cvt_pk_u8_f32", "b32", "f32 u32 u32", "D = cvt_pk_u8_f32(S0, S1, S2);"),
    _row(496, "v_cvt_pkaccum_u8_f32", "b32", "f32 u32", "D = cvt_pk_u8_f32(S0, S1, D);", accumulates=True),
    _row(660, "v_cvt_pknorm_i16_f32", "b32", "f32 f32", "D = cvt_norm_i16(S0) | cvt_norm_i16(S1) << 16;"),
    _row(661, "v_cvt_pknorm_u16_f32", "b32", "f32 f32", "D = cvt_norm_u16(S0) | cvt_norm_u16(S1) << 16;"),
    _row(662, "v_cvt_pkrtz_f16_f32", "b32", "f32 f32", "D = cvt_f16_f32_rtz(S0) | cvt_f16_f32_rtz(S1) << 16;"),
    _row(663, "v_cvt_pk_u16_u32", "b32", "u32 u32", "D = (S0 > 0xffff ? 0xffff : S0) | (S1 > 0xffff ? 0xffff : S1) << 16;"),
    _row(664, "v_cvt_pk_i16_i32", "b32", "i32 i32", "D = sat_i16(S0) | sat_i16(S1) << 16;"),
)

_TWO = (
    _row(640, "v_add_f64", "f64", "f64 f64", "D = S0 + S1;"),
    _row(641, "v_mul_f64", "f64", "f64 f64", "D = S0 * S1;"),
    _row(642, "v_min_f64", "f64", "f64 f64", "D = min_f64(S0, S1, IEEE);"),
    _row(643, "v_max_f64", "f64", "f64 f64", "D = max_f64(S0, S1, IEEE);"),
    _row(644, "v_ldexp_f64", "f64", "f64 i32", "D = ldexp_f64(S0, S1);"),
    _row(645, "v_mul_lo_u32", "u32", "u32 u32", "D = S0 * S1;"),
    _row(646, "v_mul_hi_u32", "u32", "u32 u32", "D = (u32)((u64)S0 * S1 >> 32);"),
    _row(647, "v_mul_hi_i32", "i32", "i32 i32", "D = (i32)((i64)S0 * S1 >> 32);"),
    _row(648, "v_ldexp_f32", "f32", "f32 i32", "D = ldexp_f32(S0, S1);"),
    _row(649, "v_readlane_b32", "b32", "b32 b32", "readlane", note=_LOW_BITS),
    _row(650, "v_writelane_b32", "b32", "b32 b32", "writelane", accumulates=True, note=_LOW_BITS),
    _row(651, "v_bcnt_u32_b32", "u32", "b32 u32", "D = popcount_b32(S0) + S1;"),
    _row(652, "v_mbcnt_lo_u32_b32", "u32", "b32 u32", "D = popcount_b32(S0 & lanes_below_lo(LANE)) + S1;"),
    _row(653, "v_mbcnt_hi_u32_b32", "u32", "b32 u32", "D = popcount_b32(S0 & lanes_below_hi(LANE)) + S1;"),
    _row(655, "v_lshlrev_b64", "b64", "b32 b64", "D = S1 << (S0 & 63);"),
    _row(656, "v_lshrrev_b64", "b64", "b32 b64", "D = S1 >> (S0 & 63);"),
    _row(657, "v_ashrrev_i64", "i64", "b32 i64", "D = S1 >> (S0 & 63);"),
    _row(658, "v_trig_preop_f64", "f64", "f64 u32", "D = trig_preop_f64(S0, S1);"),
    _row(659, "v_bfm_b32", "b32", "b32 b32", "D = ((1u << (S0 & 31)) - 1) << (S1 & 31);"),
)

VOP3 = tuple(
    sorted(
        (
            *_MULTIPLY_ADD,
            *_CUBE_MAP,
            *_BITS,
            *_order3(464, "min"),
            *_order3(467, "max"),
            *_order3(470, "med"),
            *_DIFFERENCES,
            *_divide("f32", 478, 480, 482),
            *_divide("f64", 479, 481, 483),
            _three(495, "div_fixup", "f16", "D = div_fixup_f16(S0, S1, S2);"),
            *_PACK,
            *_TWO,
        ),
        key=lambda op: op.opcode,
    )
)
