// floats.h: halves, minimum and maximum, conversions, rounding and multiply-add, as amdc/sim/isa/helpers.py describes them. Written
// without branches, so that lane loops are vectorised. The host's modes are those of the wave (float_mode.h).
#ifndef AMDC_FLOATS_H
#define AMDC_FLOATS_H
#include "values.h"

#define F32_SIGN 0x80000000u
#define F32_INF 0x7f800000u
#define F64_SIGN 0x8000000000000000ull
#define F64_INF 0x7ff0000000000000ull

INLINE f32 with_sign_f32(f32 value, u32 sign_of) { return as_f32((raw_f32(value) & ~F32_SIGN) | (sign_of & F32_SIGN)); }
INLINE f64 with_sign_f64(f64 value, u64 sign_of) { return as_f64((raw_f64(value) & ~F64_SIGN) | (sign_of & F64_SIGN)); }
// Zero of the same sign for a denormal.
INLINE f32 flush_f32(f32 x) {
    u32 bits = raw_f32(x);
    return as_f32(bits & F32_INF ? bits : bits & F32_SIGN);
}
INLINE int is_nan_bits(u32 bits) { return (bits & ~F32_SIGN) > F32_INF; }

// --- halves: a register's low 16 bits, and the f32 that holds the same value ---
INLINE f32 f32_of_f16(u32 bits) {
    u32 magnitude = bits & 0x7fff, sign = (bits & 0x8000) << 16;
    u32 normal = (magnitude << 13) + (112u << 23) + (magnitude >= 0x7c00 ? 112u << 23 : 0);
    u32 denormal = raw_f32((f32)(i32)magnitude * 0x1p-24f);
    return as_f32((magnitude < 0x400 ? denormal : normal) | sign);
}
INLINE u32 f16_of_f32(f32 x) { // to nearest even
    u32 bits = raw_f32(x), magnitude = bits & ~F32_SIGN, sign = bits >> 16 & 0x8000;
    u32 normal = (magnitude - (112u << 23) + 0xfff + (magnitude >> 13 & 1)) >> 13;
    u32 denormal = raw_f32(as_f32(magnitude) + 0.5f) - 0x3f000000; // one unit of 0.5f's last place is the least half
    u32 nan = 0x7e00 | (magnitude >> 13 & 0x3ff);
    u32 half = magnitude < 0x38800000 ? denormal : normal;
    half = magnitude >= 0x477ff000 ? 0x7c00 : half;
    return (magnitude > F32_INF ? nan : half) | sign;
}
INLINE u32 cvt_f16_f32_rtz(f32 x) {
    u32 bits = raw_f32(x), magnitude = bits & ~F32_SIGN, sign = bits >> 16 & 0x8000;
    u32 shift = 126 - (magnitude >> 23); // of a denormal result: value / 2^-24 = significand >> shift
    u32 denormal = shift > 24 ? 0 : ((magnitude & 0x7fffff) | 0x800000) >> (shift & 31);
    u32 half = magnitude < 0x38800000 ? denormal : (magnitude - (112u << 23)) >> 13;
    half = magnitude >= 0x47800000 ? 0x7bff : half;
    half = magnitude == F32_INF ? 0x7c00 : half;
    return (magnitude > F32_INF ? 0x7e00 | (magnitude >> 13 & 0x3ff) : half) | sign;
}

// --- minimum and maximum: by the bits as ordered integers, so that denormals count in every mode and -0 < +0 ---
INLINE i32 order_f32(u32 bits) { return (i32)(bits ^ ((u32)((i32)bits >> 31) >> 1)); }
INLINE i64 order_f64(u64 bits) { return (i64)(bits ^ ((u64)((i64)bits >> 63) >> 1)); }
INLINE u32 chosen_f32(u32 x, u32 y, u32 ordered, int ieee) {
    u32 result = is_nan_bits(x) ? y : is_nan_bits(y) ? x : ordered;
    u32 signalling_y = is_nan_bits(y) && !(y & 0x400000), signalling_x = is_nan_bits(x) && !(x & 0x400000);
    result = ieee && signalling_y ? y | 0x400000 : result;
    return ieee && signalling_x ? x | 0x400000 : result;
}
INLINE f32 min_f32(f32 a, f32 b, int ieee) {
    u32 x = raw_f32(a), y = raw_f32(b);
    return as_f32(chosen_f32(x, y, order_f32(x) < order_f32(y) ? x : y, ieee));
}
INLINE f32 max_f32(f32 a, f32 b, int ieee) {
    u32 x = raw_f32(a), y = raw_f32(b);
    return as_f32(chosen_f32(x, y, order_f32(x) > order_f32(y) ? x : y, ieee));
}
INLINE f32 min3_f32(f32 x, f32 y, f32 z, int ieee) { return min_f32(min_f32(x, y, ieee), z, ieee); }
INLINE f32 max3_f32(f32 x, f32 y, f32 z, int ieee) { return max_f32(max_f32(x, y, ieee), z, ieee); }
INLINE f32 med3_f32(f32 x, f32 y, f32 z, int ieee) {
    int nan = is_nan_bits(raw_f32(x)) | is_nan_bits(raw_f32(y)) | is_nan_bits(raw_f32(z));
    f32 middle = max_f32(min_f32(x, y, 0), min_f32(max_f32(x, y, 0), z, 0), 0);
    return nan ? min3_f32(x, y, z, ieee) : middle;
}
INLINE int is_nan_bits64(u64 bits) { return (bits & ~F64_SIGN) > F64_INF; }
INLINE u64 chosen_f64(u64 x, u64 y, u64 ordered, int ieee) {
    const u64 quiet = (u64)1 << 51;
    u64 result = is_nan_bits64(x) ? y : is_nan_bits64(y) ? x : ordered;
    result = ieee && is_nan_bits64(y) && !(y & quiet) ? y | quiet : result;
    return ieee && is_nan_bits64(x) && !(x & quiet) ? x | quiet : result;
}
INLINE f64 min_f64(f64 a, f64 b, int ieee) {
    u64 x = raw_f64(a), y = raw_f64(b);
    return as_f64(chosen_f64(x, y, order_f64(x) < order_f64(y) ? x : y, ieee));
}
INLINE f64 max_f64(f64 a, f64 b, int ieee) {
    u64 x = raw_f64(a), y = raw_f64(b);
    return as_f64(chosen_f64(x, y, order_f64(x) > order_f64(y) ? x : y, ieee));
}

// --- conversions: toward zero, held in range, NaN gives 0 ---
INLINE i32 cvt_i32_f32(f32 x) {
    i32 inside = (i32)(x > -2147483648.0f && x < 2147483648.0f ? x : 0.0f);
    return x >= 2147483648.0f ? 0x7fffffff : x <= -2147483648.0f ? (i32)0x80000000 : inside;
}
INLINE u32 cvt_u32_f32(f32 x) {
    f32 held = x > 0.0f && x < 4294967296.0f ? x : 0.0f;
    u32 low = (u32)(i32)(held < 2147483648.0f ? held : 0.0f), high = (u32)(i32)(held - 2147483648.0f) ^ 0x80000000u;
    u32 inside = held < 2147483648.0f ? low : high;
    return x >= 4294967296.0f ? 0xffffffffu : inside;
}
INLINE i32 cvt_i32_f64(f64 x) {
    i32 inside = (i32)(x > -2147483649.0 && x < 2147483648.0 ? x : 0.0);
    return x >= 2147483648.0 ? 0x7fffffff : x <= -2147483649.0 ? (i32)0x80000000 : inside;
}
INLINE u32 cvt_u32_f64(f64 x) {
    u32 inside = (u32)(i64)(x > 0.0 && x < 4294967296.0 ? x : 0.0);
    return x >= 4294967296.0 ? 0xffffffffu : inside;
}
INLINE i16 cvt_i16_f32(f32 x) {
    i32 value = cvt_i32_f32(x);
    return (i16)(value < -32768 ? -32768 : value > 32767 ? 32767 : value);
}
INLINE u16 cvt_u16_f32(f32 x) {
    i32 value = cvt_i32_f32(x);
    return (u16)(value < 0 ? 0 : value > 65535 ? 65535 : value);
}
INLINE f32 cvt_f32_f64(f64 x) { return (f32)x; }

// --- rounding to integers ---
INLINE f32 trunc_f32(f32 x) { return __builtin_truncf(x); }
INLINE f64 trunc_f64(f64 x) { return __builtin_trunc(x); }
INLINE f32 ceil_f32(f32 x) { return __builtin_ceilf(x); }
INLINE f64 ceil_f64(f64 x) { return __builtin_ceil(x); }
INLINE f32 floor_f32(f32 x) { return __builtin_floorf(x); }
INLINE f64 floor_f64(f64 x) { return __builtin_floor(x); }
INLINE f32 rndne_f32(f32 x) { return __builtin_roundevenf(x); }
INLINE f64 rndne_f64(f64 x) { return __builtin_roundeven(x); }
INLINE f32 fract_f32(f32 x) {
    f32 part = x - __builtin_floorf(x);
    return part < 0x1.fffffep-1f || part != part ? part : 0x1.fffffep-1f;
}
INLINE f32 fract_f16(f32 x) {
    f32 part = x - __builtin_floorf(x);
    return part < 0x1.ffcp-1f || part != part ? part : 0x1.ffcp-1f;
}
INLINE f64 fract_f64(f64 x) {
    f64 part = x - __builtin_floor(x);
    return part < 0x1.fffffffffffffp-1 || part != part ? part : 0x1.fffffffffffffp-1;
}
INLINE u32 cvt_pk_u8_f32(f32 x, u32 position, u32 old) {
    f32 rounded = __builtin_rintf(x);
    u32 byte = rounded >= 255.0f ? 255 : rounded > 0.0f ? (u32)(i32)rounded : 0, shift = 8 * (position & 3);
    return (old & ~(255u << shift)) | byte << shift;
}
INLINE u32 cvt_norm_i16(f32 x) {
    f32 held = x > 1.0f ? 1.0f : x > -1.0f ? x : x <= -1.0f ? -1.0f : 0.0f;
    return (u16)(i32)__builtin_roundevenf(held * 32767.0f);
}
INLINE u32 cvt_norm_u16(f32 x) {
    f32 held = x > 1.0f ? 1.0f : x > 0.0f ? x : 0.0f;
    return (u16)(i32)__builtin_roundevenf(held * 65535.0f);
}

// --- multiply and add: two roundings in mad, one in fma. The caller sets the mode in which mad flushes denormals. ---
INLINE f32 mad_f32(f32 x, f32 y, f32 z) { return x * y + z; }
INLINE f32 mul_legacy_f32(f32 x, f32 y) { return x == 0.0f || y == 0.0f ? 0.0f : x * y; }
INLINE f32 mad_legacy_f32(f32 x, f32 y, f32 z) { return mul_legacy_f32(x, y) + z; }
INLINE f32 flush_f16(f32 x) { return (x < 0 ? -x : x) < 0x1p-14f ? with_sign_f32(0.0f, raw_f32(x)) : x; }
INLINE f32 mad_f16(f32 x, f32 y, f32 z) {
    f32 product = f32_of_f16(f16_of_f32(flush_f16(x) * flush_f16(y)));
    return flush_f16(f32_of_f16(f16_of_f32(flush_f16(product) + flush_f16(z))));
}
INLINE f32 fma_f32(f32 x, f32 y, f32 z) { return __builtin_fmaf(x, y, z); }
INLINE f64 fma_f64(f64 x, f64 y, f64 z) { return __builtin_fma(x, y, z); }
// In f64 the product of halves is exact. Its sum with z is made odd where inexact, so that the second rounding does no harm.
INLINE f32 fma_f16(f32 x, f32 y, f32 z) {
    f64 product = (f64)x * y, sum = product + z, part = sum - product;
    f64 error = (product - (sum - part)) + (z - part);
    u64 bits = raw_f64(sum), odd = bits & 1;
    u64 adjusted = error != 0 && !odd ? ((error > 0) == (sum > 0) ? bits + 1 : bits - 1) : bits;
    f64 exact = sum == sum && sum - sum == 0 ? as_f64(adjusted) : sum;
    f32 result = (f32)exact;
    u32 low = raw_f32(result);
    f64 back = result;
    low = back != exact && !(low & 1) && exact == exact ? ((exact > back) == (back > 0) ? low + 1 : low - 1) : low;
    return as_f32(low);
}
#endif
