// elementary.h: exp2, log2, sin, cos, reciprocals and roots of f32, in f64 arithmetic, so that the result is within 1 ulp and the same
// from every compiler. Denormals of f32 count as zero in sources and results, in every mode. Also frexp and ldexp.
#ifndef AMDC_ELEMENTARY_H
#define AMDC_ELEMENTARY_H
#include "floats.h"

INLINE f32 exp2_f32(f32 source) {
    f64 x = flush_f32(source);
    f64 held = x > 200.0 ? 200.0 : x > -200.0 ? x : -200.0; // NaN goes to -200 and is put back below
    i32 whole = (i32)(held + (held < 0 ? -0.5 : 0.5));
    f64 t = (held - whole) * 0x1.62e42fefa39efp-1, sum = 1.0; // exp(t), |t| < 0.35: terms of its series up to t^10
    sum = 1.0 + t * (1.0 / 10);
    sum = 1.0 + t * (1.0 / 9) * sum;
    sum = 1.0 + t * (1.0 / 8) * sum;
    sum = 1.0 + t * (1.0 / 7) * sum;
    sum = 1.0 + t * (1.0 / 6) * sum;
    sum = 1.0 + t * (1.0 / 5) * sum;
    sum = 1.0 + t * (1.0 / 4) * sum;
    sum = 1.0 + t * (1.0 / 3) * sum;
    sum = 1.0 + t * (1.0 / 2) * sum;
    sum = 1.0 + t * sum;
    f32 result = flush_f32((f32)as_f64(raw_f64(sum) + ((u64)(i64)whole << 52)));
    return source != source ? source : result;
}
INLINE f32 log2_f32(f32 source) {
    f32 x = flush_f32(source);
    u32 bits = raw_f32(x);
    i32 exponent = (i32)(bits >> 23 & 255) - 127;
    u32 mantissa = (bits & 0x7fffff) | 0x3f800000;
    int high = mantissa > 0x3fb504f3; // sqrt(2): centre the significand on 1
    f64 m = as_f32(mantissa - (high ? 0x800000 : 0));
    f64 s = (m - 1.0) / (m + 1.0), q = s * s, sum; // ln(m) = 2 atanh(s), |s| < 0.172
    sum = 1.0 / 17 + q * (1.0 / 19);
    sum = 1.0 / 15 + q * sum;
    sum = 1.0 / 13 + q * sum;
    sum = 1.0 / 11 + q * sum;
    sum = 1.0 / 9 + q * sum;
    sum = 1.0 / 7 + q * sum;
    sum = 1.0 / 5 + q * sum;
    sum = 1.0 / 3 + q * sum;
    sum = 1.0 + q * sum;
    f32 result = (f32)((exponent + high) + s * sum * 0x1.71547652b82fep+1); // 2 / ln 2
    result = bits == F32_INF ? x : result;
    result = (bits & ~F32_SIGN) == 0 ? as_f32(F32_SIGN | F32_INF) : result;
    result = bits > F32_SIGN && !is_nan_bits(bits) ? as_f32(0x7fc00000) : result;
    return source != source ? source : result;
}
// sin(2 pi r) for |r| <= 1/4: the series up to its 17th power.
INLINE f64 sin_quarter(f64 r) {
    f64 t = r * 0x1.921fb54442d18p+2, q = -t * t, sum; // 2 pi
    sum = 1.0 + q * (1.0 / (16 * 17));
    sum = 1.0 + q * (1.0 / (14 * 15)) * sum;
    sum = 1.0 + q * (1.0 / (12 * 13)) * sum;
    sum = 1.0 + q * (1.0 / (10 * 11)) * sum;
    sum = 1.0 + q * (1.0 / (8 * 9)) * sum;
    sum = 1.0 + q * (1.0 / (6 * 7)) * sum;
    sum = 1.0 + q * (1.0 / (4 * 5)) * sum;
    sum = 1.0 + q * (1.0 / (2 * 3)) * sum;
    return t * sum;
}
INLINE f32 sin_turns_f32(f32 source) {
    f64 x = flush_f32(source), r = x - __builtin_floor(x + 0.5);
    r = r > 0.25 ? 0.5 - r : r < -0.25 ? -0.5 - r : r;
    f32 result = (f32)sin_quarter(r);
    result = x > 256.0 || x < -256.0 ? 0.0f : result;
    return x - x != 0 ? as_f32(0x7fc00000) : result;
}
INLINE f32 cos_turns_f32(f32 source) {
    f64 x = flush_f32(source), r = x - __builtin_floor(x + 0.5);
    f32 result = (f32)sin_quarter(0.25 - (r < 0 ? -r : r));
    result = x > 256.0 || x < -256.0 ? 1.0f : result;
    return x - x != 0 ? as_f32(0x7fc00000) : result;
}
INLINE f32 rcp_f32(f32 x) { return flush_f32(1.0f / flush_f32(x)); }
INLINE f64 rcp_f64(f64 x) { return 1.0 / x; }
INLINE f32 sqrt_f32(f32 x) { return __builtin_sqrtf(flush_f32(x)); }
INLINE f64 sqrt_f64(f64 x) { return __builtin_sqrt(x); }
INLINE f32 rsq_f32(f32 x) { return (f32)(1.0 / __builtin_sqrt((f64)flush_f32(x))); }
INLINE f64 rsq_f64(f64 x) { return 1.0 / __builtin_sqrt(x); }

// A denormal is normalised first, by integer arithmetic, since the host may be flushing.
INLINE i32 frexp_exp_f32(f32 x) {
    u32 magnitude = raw_f32(x) & ~F32_SIGN;
    if (!magnitude || magnitude >= F32_INF) return 0;
    return magnitude >> 23 ? (i32)(magnitude >> 23) - 126 : -117 - __builtin_clz(magnitude) + 0;
}
INLINE f32 frexp_mant_f32(f32 x) {
    u32 bits = raw_f32(x), magnitude = bits & ~F32_SIGN;
    if (!magnitude || magnitude >= F32_INF) return x;
    if (!(magnitude >> 23)) magnitude <<= __builtin_clz(magnitude) - 8;
    return as_f32((bits & F32_SIGN) | (magnitude & 0x7fffff) | 0x3f000000);
}
INLINE i32 frexp_exp_f64(f64 x) {
    u64 magnitude = raw_f64(x) & ~F64_SIGN;
    if (!magnitude || magnitude >= F64_INF) return 0;
    return magnitude >> 52 ? (i32)(magnitude >> 52) - 1022 : -1010 - __builtin_clzll(magnitude);
}
INLINE f64 frexp_mant_f64(f64 x) {
    u64 bits = raw_f64(x), magnitude = bits & ~F64_SIGN;
    if (!magnitude || magnitude >= F64_INF) return x;
    if (!(magnitude >> 52)) magnitude <<= __builtin_clzll(magnitude) - 11;
    return as_f64((bits & F64_SIGN) | (magnitude & 0xfffffffffffffull) | 0x3fe0000000000000ull);
}
INLINE f64 power_of_two(i32 exponent) { return as_f64((u64)(exponent + 1023) << 52); }
// The product by powers of two that f64 represents; only the last step may round, since the first ones leave the exponent high.
INLINE f64 ldexp_f64(f64 x, i32 by) {
    by = by > 2200 ? 2200 : by < -2200 ? -2200 : by;
    f64 mantissa = frexp_mant_f64(x);
    i32 exponent = frexp_exp_f64(x) + by; // mantissa * 2^exponent
    if (x == 0 || x - x != 0) return x;
    if (exponent > 1024) return with_sign_f64(as_f64(F64_INF), raw_f64(x));
    if (exponent >= -1021) return mantissa * 2.0 * power_of_two(exponent - 1);
    if (exponent < -1080) return with_sign_f64(0.0, raw_f64(x));
    return mantissa * 0x1p-1000 * power_of_two(exponent + 1000);
}
INLINE f32 ldexp_f32(f32 x, i32 by) { // exact in f64 but for the conversion to f32
    by = by > 600 ? 600 : by < -600 ? -600 : by;
    return (f32)((f64)x * power_of_two(by));
}
#endif
