// division.h: v_div_scale, v_div_fmas, v_div_fixup, v_cmp_class, v_trig_preop and the cube map, as amdc/sim/isa/helpers.py describes them.
#ifndef AMDC_DIVISION_H
#define AMDC_DIVISION_H
#include "elementary.h"

INLINE u32 class_of(int negative, int exponent, int most, u64 mantissa, int quiet) {
    if (exponent == most && mantissa) return quiet ? 2 : 1;
    int rank = exponent == most ? 3 : exponent ? 2 : mantissa ? 1 : 0; // infinity, normal, denormal, zero
    return 1u << (negative ? 5 - rank : 6 + rank);
}
INLINE u32 class_f16(u16 x) { return class_of(x >> 15, x >> 10 & 31, 31, x & 0x3ff, x >> 9 & 1); }
INLINE u32 class_f32(f32 value) {
    u32 x = raw_f32(value);
    return class_of(x >> 31, x >> 23 & 255, 255, x & 0x7fffff, x >> 22 & 1);
}
INLINE u32 class_f64(f64 value) {
    u64 x = raw_f64(value);
    return class_of(x >> 63, x >> 52 & 2047, 2047, x & 0xfffffffffffffull, x >> 51 & 1);
}

// The cases of v_div_scale in order, for denominator y and numerator z: SCALE_NAN, ...
enum { SCALE_NAN, SCALE_FAR, SCALE_SMALL_Y, SCALE_BOTH, SCALE_RECIPROCAL, SCALE_QUOTIENT, SCALE_SMALL_Z, SCALE_NONE };

#define DEFINE_DIVISION(type, T, U, MANTISSA, MOST, FAR, SMALL, UP, DOWN, UNDER)                                          \
    INLINE int scale_case_##type(T y, T z) {                                                                              \
        U by = raw_##type(y) << 1 >> 1, bz = raw_##type(z) << 1 >> 1;                                                     \
        int ey = (int)(by >> MANTISSA), ez = (int)(bz >> MANTISSA);                                                       \
        if (!by || !bz) return SCALE_NAN;                                                                                 \
        if (ez - ey >= FAR) return SCALE_FAR;                                                                             \
        if (!ey) return SCALE_SMALL_Y;                                                                                    \
        int reciprocal = ey >= MOST - 2 && ey != MOST && !(ey == MOST - 2 && !(by << (8 * sizeof(U) - MANTISSA)));        \
        U my = by << (8 * sizeof(U) - MANTISSA), mz = bz << (8 * sizeof(U) - MANTISSA);                                   \
        int exponent = ez - ey + MOST / 2 - (mz < my); /* of the quotient, biased */                                      \
        int quotient = ey != MOST && ez != MOST && exponent < 1;                                                          \
        if (reciprocal) return quotient ? SCALE_BOTH : SCALE_RECIPROCAL;                                                  \
        if (quotient) return SCALE_QUOTIENT;                                                                              \
        return ez <= SMALL ? SCALE_SMALL_Z : SCALE_NONE;                                                                  \
    }                                                                                                                     \
    INLINE T div_scale_##type(T x, T y, T z) {                                                                            \
        U bits = raw_##type(x);                                                                                           \
        switch (scale_case_##type(y, z)) {                                                                                \
        case SCALE_NAN: return (T)__builtin_nan("");                                                                      \
        case SCALE_FAR: return bits == raw_##type(y) ? x * UP : x;                                                        \
        case SCALE_SMALL_Y: return ldexp_##type(x, UNDER);                                                                \
        case SCALE_BOTH: return bits == raw_##type(y) ? x * DOWN : x;                                                     \
        case SCALE_RECIPROCAL: return x * DOWN;                                                                           \
        case SCALE_QUOTIENT: return bits == raw_##type(z) ? ldexp_##type(x, UNDER) : x;                                   \
        case SCALE_SMALL_Z: return ldexp_##type(x, UNDER);                                                                \
        default: return x;                                                                                                \
        }                                                                                                                 \
    }                                                                                                                     \
    INLINE u32 div_scale_flag_##type(T y, T z) {                                                                          \
        int which = scale_case_##type(y, z);                                                                              \
        return which == SCALE_FAR || which == SCALE_BOTH || which == SCALE_QUOTIENT;                                      \
    }                                                                                                                     \
    INLINE T div_fixup_##type(T x, T y, T z) {                                                                            \
        const U infinite = (U)MOST << MANTISSA, quiet = (U)1 << (MANTISSA - 1), sign_bit = (U)1 << (8 * sizeof(U) - 1);   \
        U by = raw_##type(y), bz = raw_##type(z), sign = (by ^ bz) & sign_bit, ay = by & ~sign_bit, az = bz & ~sign_bit;  \
        if (az > infinite) return as_##type(bz | quiet);                                                                  \
        if (ay > infinite) return as_##type(by | quiet);                                                                  \
        if ((!ay && !az) || (ay == infinite && az == infinite)) return as_##type(sign_bit | infinite | quiet);            \
        if (!ay || az == infinite) return as_##type(sign | infinite);                                                     \
        if (ay == infinite || !az) return as_##type(sign);                                                                \
        if ((int)(az >> MANTISSA) - (int)(ay >> MANTISSA) < -(MOST / 2 + MANTISSA)) return as_##type(sign);               \
        if (x != x) return as_##type(sign | infinite); /* the quotient overflowed on the way */                           \
        return as_##type((raw_##type(x) & ~sign_bit) | sign);                                                             \
    }
DEFINE_DIVISION(f32, f32, u32, 23, 255, 96, 23, 0x1p64f, 0x1p-64f, 64)
DEFINE_DIVISION(f64, f64, u64, 52, 2047, 768, 53, 0x1p128, 0x1p-128, 128)

// v_div_fmas: x * y + z, where the flag asks for it scaled back, up if z is 2 or more, else down. It is rounded once, so that a
// denormal quotient of a whole division is the nearest one.
INLINE f32 div_fmas_f32(f32 x, f32 y, f32 z, u32 flag) {
    if (!flag) return fma_f32(x, y, z);
    f64 product = (f64)x * y, sum = product + z, part = sum - product, error = (product - (sum - part)) + (z - part);
    u64 bits = raw_f64(sum);
    if (error != 0 && !(bits & 1)) bits += (error > 0) == (sum > 0) ? 1 : -1; // rounded to odd: the next rounding is the only one
    return (f32)(as_f64(bits) * ((raw_f32(z) >> 23 & 255) > 127 ? 0x1p64 : 0x1p-64));
}
INLINE f64 div_fmas_f64(f64 x, f64 y, f64 z, u32 flag) {
    f64 sum = fma_f64(x, y, z);
    if (!flag) return sum;
    if ((raw_f64(z) >> 52 & 2047) > 1023) return sum * 0x1p128;
    u64 bits = raw_f64(sum), mantissa = (bits & 0xfffffffffffffull) | 1ull << 52;
    i32 shift = 129 - (i32)(bits >> 52 & 2047); // bits that a denormal result loses
    if (shift < 1 || shift > 53) return ldexp_f64(sum, -128);
    f64 error = fma_f64(x, y, z - sum);
    int above = error != 0 && (error > 0) == (sum > 0), exact = error == 0;
    u64 kept = mantissa >> shift, rest = mantissa & ((1ull << shift) - 1), half = 1ull << (shift - 1);
    kept += rest > half || (rest == half && (above || (exact && (kept & 1))));
    return as_f64((bits & F64_SIGN) | kept);
}

INLINE f32 div_fixup_f16(f32 x, f32 y, f32 z) {
    u32 sign = (raw_f32(y) ^ raw_f32(z)) & F32_SIGN;
    if (z != z) return z;
    if (y != y) return y;
    int y_infinite = y - y != 0, z_infinite = z - z != 0;
    if ((y == 0 && z == 0) || (y_infinite && z_infinite)) return as_f32(0xffc00000);
    if (y == 0 || z_infinite) return as_f32(sign | F32_INF);
    if (y_infinite || z == 0) return as_f32(sign);
    return with_sign_f32(x, sign);
}

// --- 2 / pi: its fraction's first 1201 bits, the highest first ---
static const u64 TWO_OVER_PI[20] __attribute__((unused)) = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
    0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
    0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
    0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b0000, 0x0000000000000000,
};
INLINE u64 two_over_pi_word(u32 index) { return index < 20 ? TWO_OVER_PI[index] : 0; }
INLINE f64 trig_preop_f64(f64 x, u32 y) {
    i32 exponent = (i32)(raw_f64(x) >> 52 & 2047);
    u32 position = 53 * (y & 31) + (exponent > 1077 ? exponent - 1077 : 0), index = position / 64, shift = position % 64;
    u64 high = two_over_pi_word(index) << shift, low = shift ? two_over_pi_word(index + 1) >> (64 - shift) : 0;
    return ldexp_f64((f64)((high | low) >> 11), -53 - (i32)position + (exponent >= 1968 ? 128 : 0));
}

// --- cube map: which face a direction points to, and where on it ---
INLINE f32 magnitude_f32(f32 x) { return as_f32(raw_f32(x) & ~F32_SIGN); }
INLINE int major_axis(f32 x, f32 y, f32 z) { // 0, 1, 2
    f32 ax = magnitude_f32(x), ay = magnitude_f32(y), az = magnitude_f32(z);
    return az >= ax && az >= ay ? 2 : ay >= ax ? 1 : 0;
}
INLINE f32 cubeid_f32(f32 x, f32 y, f32 z) {
    int axis = major_axis(x, y, z);
    f32 along = axis == 2 ? z : axis == 1 ? y : x;
    return 2.0f * axis + (along < 0 ? 1.0f : 0.0f);
}
INLINE f32 cubesc_f32(f32 x, f32 y, f32 z) {
    int axis = major_axis(x, y, z);
    return axis == 2 ? (z < 0 ? -x : x) : axis == 1 ? x : x < 0 ? z : -z;
}
INLINE f32 cubetc_f32(f32 x, f32 y, f32 z) { return major_axis(x, y, z) == 1 ? (y < 0 ? -z : z) : -y; }
INLINE f32 cubema_f32(f32 x, f32 y, f32 z) {
    int axis = major_axis(x, y, z);
    return 2.0f * (axis == 2 ? z : axis == 1 ? y : x);
}
#endif
