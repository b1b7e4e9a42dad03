// atomics.h: read-modify-write operations on global memory (other host threads take part) and on LDS (nobody else does).
#ifndef AMDC_ATOMICS_H
#define AMDC_ATOMICS_H
#include "floats.h"
#include "lds.h"
#include "values.h"

INLINE u64 data_bits(const u32 (*v)[LANES], u32 lane, u32 bits) {
    return bits == 32 ? v[0][lane] : v[0][lane] | (u64)v[1][lane] << 32;
}
INLINE void put_bits(u32 (*v)[LANES], u32 lane, u32 bits, u64 value) {
    v[0][lane] = (u32)value;
    if (bits == 64) v[1][lane] = (u32)(value >> 32);
}
#define RAW_u32(value) (value)
#define RAW_i32(value) (value)
#define RAW_b32(value) (value)
#define RAW_u64(value) (value)
#define RAW_i64(value) (value)
#define RAW_b64(value) (value)
#define RAW_f32(value) raw_f32(value)
#define RAW_f64(value) raw_f64(value)
#define OF_u32(bits) (u32)(bits)
#define OF_i32(bits) (i32)(bits)
#define OF_b32(bits) (u32)(bits)
#define OF_u64(bits) (u64)(bits)
#define OF_i64(bits) (i64)(bits)
#define OF_b64(bits) (u64)(bits)
#define OF_f32(bits) as_f32((u32)(bits))
#define OF_f64(bits) as_f64(bits)

// `old` is the memory's value, `x` the data, `y` the second data operand; T the C type, `bits` its width.
#define DEFINE_ATOMIC(name, type, T, bits, EXPRESSION)                                                                           \
    INLINE u##bits apply_##name##_##type(u##bits raw_old, u64 raw_x, u64 raw_y) {                                                \
        T old = OF_##type(raw_old), x = OF_##type(raw_x), y = OF_##type(raw_y);                                                  \
        (void)old, (void)x, (void)y;                                                                                             \
        return (u##bits)RAW_##type(((T)(EXPRESSION)));                                                                           \
    }                                                                                                                            \
    INLINE void atomic_##name##_##type(Registers v, Registers data, const Lanes *L, u64 exec, int returns) {                     \
        for (u64 rest = exec; rest; rest &= rest - 1) {                                                                          \
            u32 lane = __builtin_ctzll(rest);                                                                                    \
            u##bits old = 0;                                                                                                     \
            if (!L->partial || L->inside[lane]) {                                                                                \
                u64 x = data_bits((const u32(*)[LANES])data, lane, bits);                                                        \
                u64 y = data_bits((const u32(*)[LANES])data + bits / 32, lane, bits);                                            \
                u##bits *at = (u##bits *)(L->run ? L->run + bits / 8 * lane : L->at[lane]);                                      \
                old = __atomic_load_n(at, __ATOMIC_RELAXED);                                                                     \
                while (!__atomic_compare_exchange_n(at, &old, apply_##name##_##type(old, x, y), 0, __ATOMIC_ACQ_REL,             \
                                                    __ATOMIC_RELAXED)) {                                                         \
                }                                                                                                                \
            }                                                                                                                    \
            if (returns) put_bits(v, lane, bits, old);                                                                           \
        }                                                                                                                        \
    }                                                                                                                            \
    INLINE int lds_atomic_##name##_##type(Wave *W, Registers v, const u32 *address, Registers data, Registers data2, u32 offset, \
                                          u64 exec, int returns) {                                                               \
        if (check_lds(W, exec, address, offset, bits / 8, bits / 8, RACE_ATOMIC)) return STOP_FAULT;                            \
        for (u64 rest = exec; rest; rest &= rest - 1) {                                                                          \
            u32 lane = __builtin_ctzll(rest);                                                                                    \
            u8 *at = lds_at(W, address[lane] + offset);                                                                          \
            u##bits old, x = (u##bits)data_bits((const u32(*)[LANES])data, lane, bits);                                          \
            u##bits y = (u##bits)data_bits((const u32(*)[LANES])data2, lane, bits), changed;                                     \
            __builtin_memcpy(&old, at, sizeof old);                                                                              \
            changed = apply_##name##_##type(old, x, y);                                                                          \
            __builtin_memcpy(at, &changed, sizeof changed);                                                                      \
            if (returns) put_bits(v, lane, bits, old);                                                                           \
        }                                                                                                                        \
        return 0;                                                                                                                \
    }
#define DEFINE_INTEGER_ATOMICS(bits)                                                                 \
    DEFINE_ATOMIC(swap, b##bits, u##bits, bits, x)                                                   \
    DEFINE_ATOMIC(cmpswap, b##bits, u##bits, bits, old == y ? x : old)                               \
    DEFINE_ATOMIC(cmpst, b##bits, u##bits, bits, old == x ? y : old)                                 \
    DEFINE_ATOMIC(add, u##bits, u##bits, bits, old + x)                                              \
    DEFINE_ATOMIC(sub, u##bits, u##bits, bits, old - x)                                              \
    DEFINE_ATOMIC(rsub, u##bits, u##bits, bits, x - old)                                             \
    DEFINE_ATOMIC(inc, u##bits, u##bits, bits, old >= x ? 0 : old + 1)                               \
    DEFINE_ATOMIC(dec, u##bits, u##bits, bits, old == 0 || old > x ? x : old - 1)                    \
    DEFINE_ATOMIC(min, i##bits, i##bits, bits, old < x ? old : x)                                    \
    DEFINE_ATOMIC(max, i##bits, i##bits, bits, old > x ? old : x)                                    \
    DEFINE_ATOMIC(min, u##bits, u##bits, bits, old < x ? old : x)                                    \
    DEFINE_ATOMIC(max, u##bits, u##bits, bits, old > x ? old : x)                                    \
    DEFINE_ATOMIC(and, b##bits, u##bits, bits, old & x)                                              \
    DEFINE_ATOMIC(or, b##bits, u##bits, bits, old | x)                                               \
    DEFINE_ATOMIC(xor, b##bits, u##bits, bits, old ^ x)                                              \
    DEFINE_ATOMIC(mskor, b##bits, u##bits, bits, (old & ~x) | y)                                     \
    DEFINE_ATOMIC(min, f##bits, f##bits, bits, old < x ? old : x)                                    \
    DEFINE_ATOMIC(max, f##bits, f##bits, bits, old > x ? old : x)                                    \
    DEFINE_ATOMIC(cmpst, f##bits, f##bits, bits, old == x ? y : old)
DEFINE_INTEGER_ATOMICS(32)
DEFINE_INTEGER_ATOMICS(64)
DEFINE_ATOMIC(wrap, b32, u32, 32, old >= x ? old - x : old + y)
DEFINE_ATOMIC(add, f32, f32, 32, old + x)

// ds_wrxchg2: swaps at two places; both old values, one after the other.
INLINE int lds_exchange_two(Wave *W, Registers v, const u32 *address, Registers data, Registers data2, u32 first, u32 second,
                            u32 dwords, u64 exec) {
    u32 bits = 32 * dwords, places[2] = {first, second};
    for (int i = 0; i < 2; ++i)
        if (check_lds(W, exec, address, places[i], bits / 8, bits / 8, RACE_ATOMIC)) return STOP_FAULT;
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        u8 *at[2] = {lds_at(W, address[lane] + first), lds_at(W, address[lane] + second)};
        u64 value[2] = {data_bits((const u32(*)[LANES])data, lane, bits), data_bits((const u32(*)[LANES])data2, lane, bits)};
        u64 old[2] = {0, 0};
        for (int i = 0; i < 2; ++i) {
            __builtin_memcpy(&old[i], at[i], bits / 8);
            __builtin_memcpy(at[i], &value[i], bits / 8);
        }
        for (int i = 0; i < 2; ++i) put_bits(v + i * dwords, lane, bits, old[i]);
    }
    return 0;
}
#endif
