// bits.h: the integer helpers of amdc/sim/isa/helpers.py.
#ifndef AMDC_BITS_H
#define AMDC_BITS_H
#include "wave.h"

INLINE u32 popcount_b32(u32 x) { // in plain arithmetic, so that lane loops are vectorised
    x -= x >> 1 & 0x55555555;
    x = (x & 0x33333333) + (x >> 2 & 0x33333333);
    return ((x + (x >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
}
INLINE u32 popcount_b64(u64 x) { return (u32)__builtin_popcountll(x); }
INLINE u32 brev_b32(u32 x) {
    x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
    x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
    return __builtin_bswap32(x);
}
INLINE u64 brev_b64(u64 x) { return (u64)brev_b32((u32)x) << 32 | brev_b32((u32)(x >> 32)); }
INLINE i32 ffbl_b32(u32 x) { return x ? __builtin_ctz(x) : -1; }
INLINE i32 ffbl_b64(u64 x) { return x ? __builtin_ctzll(x) : -1; }
INLINE i32 ffbh_u32(u32 x) { return x ? __builtin_clz(x) : -1; }
INLINE i32 ffbh_u64(u64 x) { return x ? __builtin_clzll(x) : -1; }
INLINE i32 ffbh_i32(i32 x) { return ffbh_u32((u32)(x ^ x >> 31)); }
INLINE i32 ffbh_i64(i64 x) { return ffbh_u64((u64)(x ^ x >> 63)); }

INLINE u64 wqm_b64(u64 x) {
    x |= x >> 1;
    x |= x >> 2;
    return (x & 0x1111111111111111ull) * 15;
}
INLINE u32 wqm_b32(u32 x) { return (u32)wqm_b64(x); }
INLINE u64 quadmask_b64(u64 x) {
    u64 result = 0;
    for (int i = 0; i < 16; ++i) result |= (u64)((x >> 4 * i & 15) != 0) << i;
    return result;
}
INLINE u32 quadmask_b32(u32 x) { return (u32)quadmask_b64(x); }

// A field of `width` bits from `offset` on; a field beyond the highest bit ends there.
INLINE u64 field_u64(u64 x, u32 offset, u32 width, u32 bits) {
    x >>= offset;
    return offset + width >= bits ? (width ? x : 0) : x & (((u64)1 << width) - 1);
}
INLINE i64 field_i64(i64 x, u32 offset, u32 width) { // x sign-extended from its own width
    if (!width) return 0;
    if (offset + width >= 64) return x >> offset;
    return (i64)((u64)x << (64 - offset - width)) >> (64 - width);
}
INLINE u32 sbfe_u32(u32 x, u32 y) { return (u32)field_u64(x, y & 31, y >> 16 & 127, 32); }
INLINE i32 sbfe_i32(i32 x, u32 y) { return (i32)field_i64(x, y & 31, y >> 16 & 127); }
INLINE u64 sbfe_u64(u64 x, u32 y) { return field_u64(x, y & 63, y >> 16 & 127, 64); }
INLINE i64 sbfe_i64(i64 x, u32 y) { return field_i64(x, y & 63, y >> 16 & 127); }
INLINE u32 bfe_u32(u32 x, u32 y, u32 z) { return x >> (y & 31) & ((1u << (z & 31)) - 1); }
INLINE i32 bfe_i32(i32 x, u32 y, u32 z) {
    u32 offset = y & 31, width = z & 31, room = 32 - offset, kept = width < room ? width : room;
    i32 field = (i32)((u32)(x >> offset) << ((32 - kept) & 31)) >> ((32 - kept) & 31);
    return width ? field : 0;
}
INLINE u32 lerp_u8(u32 x, u32 y, u32 z) {
    u32 result = 0;
    for (int i = 0; i < 32; i += 8) result |= (((x >> i & 255) + (y >> i & 255) + (z >> i & 1)) >> 1 & 255) << i;
    return result;
}
INLINE u32 perm_b32(u32 x, u32 y, u32 z) {
    u64 bytes = (u64)x << 32 | y;
    u32 result = 0;
    for (int i = 0; i < 32; i += 8) {
        u32 selector = z >> i & 255, byte = (u32)(bytes >> 8 * (selector & 7)) & 255;
        if (selector >= 8 && selector < 12) byte = bytes >> (16 * (selector - 8) + 15) & 1 ? 255 : 0;
        if (selector >= 12) byte = selector == 12 ? 0 : 255;
        result |= byte << i;
    }
    return result;
}
INLINE u32 lanes_below_lo(u32 lane) { return lane >= 32 ? 0xffffffffu : (1u << (lane & 31)) - 1; }
INLINE u32 lanes_below_hi(u32 lane) { return lane <= 32 ? 0 : (1u << (lane & 31)) - 1; }

INLINE i32 min3_i32(i32 x, i32 y, i32 z) { return (x < y ? x : y) < z ? (x < y ? x : y) : z; }
INLINE i32 max3_i32(i32 x, i32 y, i32 z) { return (x > y ? x : y) > z ? (x > y ? x : y) : z; }
INLINE u32 min3_u32(u32 x, u32 y, u32 z) { return (x < y ? x : y) < z ? (x < y ? x : y) : z; }
INLINE u32 max3_u32(u32 x, u32 y, u32 z) { return (x > y ? x : y) > z ? (x > y ? x : y) : z; }
INLINE i32 med3_i32(i32 x, i32 y, i32 z) {
    i32 low = x < y ? x : y, high = x < y ? y : x;
    return z < low ? low : z > high ? high : z;
}
INLINE u32 med3_u32(u32 x, u32 y, u32 z) {
    u32 low = x < y ? x : y, high = x < y ? y : x;
    return z < low ? low : z > high ? high : z;
}

INLINE u32 distance(u32 x, u32 y) { return x > y ? x - y : y - x; }
INLINE u32 sad_u8(u32 x, u32 y) {
    u32 sum = 0;
    for (int i = 0; i < 32; i += 8) sum += distance(x >> i & 255, y >> i & 255);
    return sum;
}
INLINE u32 sad_u16(u32 x, u32 y) { return distance(x & 0xffff, y & 0xffff) + distance(x >> 16, y >> 16); }
INLINE u32 msad_u8(u32 x, u32 y) {
    u32 sum = 0;
    for (int i = 0; i < 32; i += 8) sum += y >> i & 255 ? distance(x >> i & 255, y >> i & 255) : 0;
    return sum;
}
INLINE u64 qsad_pk_u16_u8(u64 x, u32 y, u64 z) {
    u64 result = 0;
    for (int i = 0; i < 4; ++i) {
        u64 sum = sad_u8((u32)(x >> 8 * i), y) + (z >> 16 * i & 0xffff);
        result |= (sum > 0xffff ? 0xffff : sum) << 16 * i;
    }
    return result;
}
INLINE u64 mqsad_pk_u16_u8(u64 x, u32 y, u64 z) {
    u64 result = 0;
    for (int i = 0; i < 4; ++i) {
        u64 sum = msad_u8((u32)(x >> 8 * i), y) + (z >> 16 * i & 0xffff);
        result |= (sum > 0xffff ? 0xffff : sum) << 16 * i;
    }
    return result;
}
INLINE u32 sat_i16(i32 x) { return (u16)(x < -32768 ? -32768 : x > 32767 ? 32767 : x); }
INLINE u16 sat_u16(i32 x) { return (u16)(x < 0 ? 0 : x > 65535 ? 65535 : x); }
INLINE u32 sat_u32(i64 x) { return x < 0 ? 0 : x > 0xffffffffll ? 0xffffffffu : (u32)x; }
INLINE i32 sat_i32(i64 x) { return x < -2147483648ll ? (i32)0x80000000 : x > 2147483647ll ? 0x7fffffff : (i32)x; }
#endif
