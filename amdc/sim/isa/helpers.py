"""The C that meanings are written in: the types of their variables, and every helper function they call.

The native support header (amdc/sim/native/) implements HELPERS; a test holds the two lists of names together.

Variables. A type of the table becomes this C type:
  f32 f64            float, double
  f16                float, holding the half's exact value. Whoever loads the operand converts it, whoever stores `D` rounds it
                     to half (in the mode's f16 rounding, subnormals kept or flushed as the mode says). Rounding the float result
                     of one + - * / or square root to half once more gives the correctly rounded half.
  i16 u16 i32 u32 i64 u64     that integer
  i24 u24            i32, u32: the source's low 24 bits, sign- or zero-extended
  b16 b32 b64        u16, u32, u64: raw bits. `neg` and `abs` on them change the highest bit of that width
  b96 b128           u32 array
  mask               u32, this lane's bit, 0 or 1
A result of 16 bits clears the upper half of its register on this generation (SDWA's dst_unused aside).

Names that meanings read besides those that model.py lists: IEEE, the mode's IEEE bit (0 or 1).

Modes. Add, subtract, multiply, fma, ldexp, fract, div_* and comparisons follow the mode's denormal bits (sources and results) and
its rounding. mad_f32, mad_f16, mad_legacy_f32, mul_legacy_f32 flush denormals of sources, product and result whatever the mode
says. min, max, med3 and moves pass denormals on. rcp, rsq, exp2, log2, sin, cos of f32 take and give denormals as zero of the
same sign.
Output modifiers (omod, then clamp) act on `D`. With clamp, integer rows saturate: CLAMPED below gives the meaning to use instead.
"""

from __future__ import annotations

# name -> (signature, meaning). x, y, z are the arguments in order.
HELPERS: dict[str, tuple[str, str]] = {
    # bits
    "popcount_b32": ("u32 (u32)", "number of ones"),
    "popcount_b64": ("u32 (u64)", "number of ones"),
    "brev_b32": ("u32 (u32)", "bits in reverse order"),
    "brev_b64": ("u64 (u64)", "bits in reverse order"),
    "ffbl_b32": ("i32 (u32)", "index of the lowest one, -1 if none"),
    "ffbl_b64": ("i32 (u64)", "index of the lowest one, -1 if none"),
    "ffbh_u32": ("i32 (u32)", "zeros above the highest one, -1 if none"),
    "ffbh_u64": ("i32 (u64)", "zeros above the highest one, -1 if none"),
    "ffbh_i32": ("i32 (i32)", "bits from the top that equal the sign bit; -1 for 0 and -1"),
    "ffbh_i64": ("i32 (i64)", "bits from the top that equal the sign bit; -1 for 0 and -1"),
    "wqm_b32": ("u32 (u32)", "each group of 4 bits all ones if any is one, else zeros"),
    "wqm_b64": ("u64 (u64)", "each group of 4 bits all ones if any is one, else zeros"),
    "quadmask_b32": ("u32 (u32)", "bit i: any of bits 4i..4i+3 is one"),
    "quadmask_b64": ("u64 (u64)", "bit i: any of bits 4i..4i+3 is one"),
    "sbfe_u32": ("u32 (u32, u32)", "field of x: offset y[4:0], width y[22:16]; 0 for width 0; a field beyond bit 31 ends there"),
    "sbfe_i32": ("i32 (i32, u32)", "the same, sign-extended from the field's highest bit"),
    "sbfe_u64": ("u64 (u64, u32)", "field of x: offset y[5:0], width y[22:16]"),
    "sbfe_i64": ("i64 (i64, u32)", "the same, sign-extended"),
    "bfe_u32": (
        "u32 (u32, u32, u32)",
        "field of x: offset y[4:0], width z[4:0]; 0 for width 0; a field beyond bit 31 ends there",
    ),
    "bfe_i32": ("i32 (i32, u32, u32)", "the same, sign-extended"),
    "lerp_u8": ("u32 (u32, u32, u32)", "each byte: (x + y + (z & 1)) >> 1"),
    "perm_b32": (
        "u32 (u32, u32, u32)",
        "each byte of z selects from the 8 bytes x:y (y low): 0-7 that byte; 8-11 the sign of byte 1, 3, 5, 7 as 0 or 255; 12: 0;"
        " above: 255",
    ),
    "lanes_below_lo": ("u32 (lane)", "bit i (0-31) is one where i < lane"),
    "lanes_below_hi": ("u32 (lane)", "bit i is one where i + 32 < lane"),
    # integers
    "min3_i32": ("i32 (i32, i32, i32)", "least"),
    "min3_u32": ("u32 (u32, u32, u32)", "least"),
    "max3_i32": ("i32 (i32, i32, i32)", "greatest"),
    "max3_u32": ("u32 (u32, u32, u32)", "greatest"),
    "med3_i32": ("i32 (i32, i32, i32)", "middle"),
    "med3_u32": ("u32 (u32, u32, u32)", "middle"),
    "sad_u8": ("u32 (u32, u32)", "sum over the 4 bytes of |x - y|"),
    "sad_u16": ("u32 (u32, u32)", "sum over both halves of |x - y|"),
    "msad_u8": ("u32 (u32, u32)", "sum over the bytes where y is not 0 of |x - y|"),
    "qsad_pk_u16_u8": ("u64 (u64, u32, u64)", "16-bit field i: sad_u8(bits 8i..8i+31 of x, y) + field i of z, at most 65535"),
    "mqsad_pk_u16_u8": ("u64 (u64, u32, u64)", "the same with msad_u8"),
    "sat_i16": ("u32 (i32)", "x held in -32768..32767, its low 16 bits"),
    "sat_u32": ("u32 (i64)", "x held in 0..2^32-1"),
    "sat_i32": ("i32 (i64)", "x held in -2^31..2^31-1"),
    "sat_u16": ("u16 (i32)", "x held in 0..65535"),
    # conversions: toward zero, held in the result's range, NaN gives 0
    "cvt_i32_f32": ("i32 (f32)", "to i32"),
    "cvt_u32_f32": ("u32 (f32)", "to u32"),
    "cvt_i32_f64": ("i32 (f64)", "to i32"),
    "cvt_u32_f64": ("u32 (f64)", "to u32"),
    "cvt_i16_f32": ("i16 (f32)", "to i16"),
    "cvt_u16_f32": ("u16 (f32)", "to u16"),
    "cvt_f32_f64": ("f32 (f64)", "rounded in the f32 mode, denormal results as that mode says"),
    "cvt_pk_u8_f32": ("u32 (f32, u32, u32)", "z with byte y[1:0] replaced by x rounded in the f32 mode, held in 0..255 (NaN: 0)"),
    "cvt_norm_i16": ("u32 (f32)", "x held in -1..1 (NaN: 0), times 32767, to nearest even, low 16 bits"),
    "cvt_norm_u16": ("u32 (f32)", "x held in 0..1 (NaN: 0), times 65535, to nearest even"),
    "cvt_f16_f32_rtz": (
        "u32 (f32)",
        "bits of the half nearest to x toward zero; halves beyond the range become 65504; inf and NaN stay",
    ),
    # classes: bit 0 signalling NaN, 1 quiet NaN, 2 -inf, 3 -normal, 4 -denormal, 5 -0, 6 +0, 7 +denormal, 8 +normal, 9 +inf
    "class_f16": ("u32 (u16)", "one bit: the class of the half with bits x"),
    "class_f32": ("u32 (f32)", "one bit: the class of x, by its bits"),
    "class_f64": ("u32 (f64)", "one bit: the class of x, by its bits"),
    # minimum and maximum: a NaN loses against a number; -0 < +0; with ieee, a signalling NaN source gives that NaN, quieted
    "min_f32": ("f32 (f32, f32, ieee)", "least"),
    "max_f32": ("f32 (f32, f32, ieee)", "greatest"),
    "min_f64": ("f64 (f64, f64, ieee)", "least"),
    "max_f64": ("f64 (f64, f64, ieee)", "greatest"),
    "min3_f32": ("f32 (f32, f32, f32, ieee)", "min_f32(min_f32(x, y), z)"),
    "max3_f32": ("f32 (f32, f32, f32, ieee)", "max_f32(max_f32(x, y), z)"),
    "med3_f32": ("f32 (f32, f32, f32, ieee)", "middle; with any NaN, min3_f32"),
    # arithmetic
    "mad_f32": ("f32 (f32, f32, f32)", "x * y rounded, + z rounded, f32 denormals flushed"),
    "mad_f16": ("f32 (f32, f32, f32)", "x * y rounded to half, + z (not yet rounded), f16 denormals flushed"),
    "mad_legacy_f32": ("f32 (f32, f32, f32)", "mul_legacy_f32(x, y) + z, f32 denormals flushed"),
    "mul_legacy_f32": ("f32 (f32, f32)", "x * y; +0 where x or y is 0, even times inf or NaN; denormals flushed"),
    "fma_f32": ("f32 (f32, f32, f32)", "x * y + z, rounded once"),
    "fma_f64": ("f64 (f64, f64, f64)", "x * y + z, rounded once"),
    "fma_f16": ("f32 (f32, f32, f32)", "x * y + z, rounded once, to half"),
    "ldexp_f32": ("f32 (f32, i32)", "x * 2^y, rounded once"),
    "ldexp_f64": ("f64 (f64, i32)", "x * 2^y, rounded once"),
    "trunc_f32": ("f32 (f32)", "toward zero"),
    "trunc_f64": ("f64 (f64)", "toward zero"),
    "ceil_f32": ("f32 (f32)", "up"),
    "ceil_f64": ("f64 (f64)", "up"),
    "floor_f32": ("f32 (f32)", "down"),
    "floor_f64": ("f64 (f64)", "down"),
    "rndne_f32": ("f32 (f32)", "to the nearest integer, ties to even, whatever the rounding mode"),
    "rndne_f64": ("f64 (f64)", "to the nearest integer, ties to even, whatever the rounding mode"),
    "fract_f16": ("f32 (f32)", "x - floor(x), at most the greatest half below 1; NaN for inf and NaN"),
    "fract_f32": ("f32 (f32)", "x - floor(x), at most the greatest float below 1; NaN for inf and NaN"),
    "fract_f64": ("f64 (f64)", "x - floor(x), at most the greatest double below 1; NaN for inf and NaN"),
    "exp2_f32": ("f32 (f32)", "2^x, within 1 ulp"),
    "log2_f32": ("f32 (f32)", "log2(x), within 1 ulp; -inf for 0, NaN below"),
    "rcp_f32": ("f32 (f32)", "1/x, within 1 ulp"),
    "rcp_f64": ("f64 (f64)", "1/x (the hardware's is good to about 2^-29)"),
    "rsq_f32": ("f32 (f32)", "1/sqrt(x), within 1 ulp"),
    "rsq_f64": ("f64 (f64)", "1/sqrt(x) (the hardware's is good to about 2^-29)"),
    "sqrt_f32": ("f32 (f32)", "sqrt(x), within 1 ulp"),
    "sqrt_f64": ("f64 (f64)", "sqrt(x) (the hardware's is good to about 2^-29)"),
    "sin_turns_f32": ("f32 (f32)", "sin(2 pi x); 0 for |x| > 256, NaN for inf"),
    "cos_turns_f32": ("f32 (f32)", "cos(2 pi x); 1 for |x| > 256, NaN for inf"),
    "frexp_exp_f32": ("i32 (f32)", "e where |x| = m * 2^e with m in [0.5, 1); 0 for 0, inf, NaN"),
    "frexp_exp_f64": ("i32 (f64)", "the same"),
    "frexp_mant_f32": ("f32 (f32)", "m, with x's sign; x itself for 0, inf, NaN"),
    "frexp_mant_f64": ("f64 (f64)", "the same"),
    "trig_preop_f64": (
        "f64 (f64, u32)",
        "a 53-bit piece of 2/pi as a double: bits position .. position + 52 (0 the first behind the point) of its 1201-bit"
        " fraction, times 2^(-53 - position), and times 2^128 where the biased exponent(x) >= 1968; position is 53 * y[4:0], plus"
        " exponent(x) - 1077 where that is positive",
    ),
    "cubeid_f32": (
        "f32 (f32, f32, f32)",
        "face of the cube map: 4 or 5 (z major, z < 0), 2 or 3 (y), 0 or 1 (x); z wins ties, then y",
    ),
    "cubesc_f32": ("f32 (f32, f32, f32)", "s coordinate: z major: z < 0 ? -x : x; y major: x; x major: x < 0 ? z : -z"),
    "cubetc_f32": ("f32 (f32, f32, f32)", "t coordinate: y major: y < 0 ? -z : z; else -y"),
    "cubema_f32": ("f32 (f32, f32, f32)", "twice the major axis's coordinate"),
    # division (the manual, v_div_scale, v_div_fmas, v_div_fixup): div_scale takes (value to scale, denominator, numerator)
    "div_scale_f32": (
        "f32 (f32, f32, f32)",
        "x scaled for the division z/y. In this order: NaN if y or z is 0; exponent(z) - exponent(y) >= 96: 2^64 x if x is y,"
        " else x; y denormal: 2^64 x; 1/y and z/y denormal: 2^-64 x if x is y, else x; 1/y denormal: 2^-64 x; z/y denormal:"
        " 2^64 x if x is z, else x; biased exponent(z) <= 23: 2^64 x; else x",
    ),
    "div_scale_flag_f32": ("u32 (f32, f32)", "(y, z): 1 in the second, fourth and sixth of those cases, else 0"),
    "div_scale_f64": ("f64 (f64, f64, f64)", "the same with 768, 2^128, 2^-128, 53"),
    "div_scale_flag_f64": ("u32 (f64, f64)", "the same"),
    "div_fmas_f32": (
        "f32 (f32, f32, f32, flag)",
        "fma(x, y, z), and where flag is 1 times 2^64 if biased exponent(z) > 127, else 2^-64",
    ),
    "div_fmas_f64": (
        "f64 (f64, f64, f64, flag)",
        "fma(x, y, z), and where flag is 1 times 2^128 if biased exponent(z) > 1023, else 2^-128",
    ),
    "div_fixup_f32": (
        "f32 (f32, f32, f32)",
        "the quotient x of z/y with its special cases: z NaN: z quieted; y NaN: y quieted; 0/0, inf/inf: NaN 0xffc00000; y 0 or z"
        " inf: inf; y inf or z 0: 0; exponent(z) - exponent(y) < -150: underflow (the least result); biased exponent(y) = 255:"
        " overflow; else |x|; each with the sign of y times z's",
    ),
    "div_fixup_f64": ("f64 (f64, f64, f64)", "the same with 0xfff8000000000000, -1075, 2047"),
    "div_fixup_f16": ("f32 (f32, f32, f32)", "the special cases of NaN, 0 and inf; else |x| with the sign"),
}

# With the clamp modifier, these integer rows saturate instead of wrapping: name -> meaning. Others ignore the modifier.
CLAMPED: dict[str, str] = {
    "v_add_u32": "D = sat_u32((i64)S0 + S1); D1 = (u64)S0 + S1 > 0xffffffffu;",
    "v_sub_u32": "D = sat_u32((i64)S0 - S1); D1 = S0 < S1;",
    "v_subrev_u32": "D = sat_u32((i64)S1 - S0); D1 = S1 < S0;",
    "v_addc_u32": "D = sat_u32((i64)S0 + S1 + CARRY); D1 = (u64)S0 + S1 + CARRY > 0xffffffffu;",
    "v_subb_u32": "D = sat_u32((i64)S0 - S1 - CARRY); D1 = (u64)S1 + CARRY > S0;",
    "v_subbrev_u32": "D = sat_u32((i64)S1 - S0 - CARRY); D1 = (u64)S0 + CARRY > S1;",
    "v_add_u16": "D = sat_u16((i32)S0 + S1);",
    "v_sub_u16": "D = sat_u16((i32)S0 - S1);",
    "v_subrev_u16": "D = sat_u16((i32)S1 - S0);",
    "v_mul_lo_u16": "u32 product = (u32)S0 * S1; D = product > 0xffff ? 0xffff : (u16)product;",
    "v_mad_u16": "u64 sum = (u64)S0 * S1 + S2; D = sum > 0xffff ? 0xffff : (u16)sum;",
    "v_mad_i16": "D = (i16)sat_i16((i32)sat_i32((i64)S0 * S1 + S2));",
    "v_mad_u32_u24": "D = sat_u32((i64)((u64)S0 * S1 + S2));",
    "v_mad_i32_i24": "D = (u32)sat_i32((i64)S0 * S1 + (i32)S2);",
    "v_sad_u8": "D = sat_u32((i64)sad_u8(S0, S1) + S2);",
    "v_sad_hi_u8": "D = sat_u32(((i64)sad_u8(S0, S1) << 16) + S2);",
    "v_sad_u16": "D = sat_u32((i64)sad_u16(S0, S1) + S2);",
    "v_sad_u32": "D = sat_u32((i64)(S0 > S1 ? S0 - S1 : S1 - S0) + S2);",
    "v_msad_u8": "D = sat_u32((i64)msad_u8(S0, S1) + S2);",
}
