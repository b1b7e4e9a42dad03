// access.h: moves data between vector registers and the host pointers that a resolve_* function found.
#ifndef AMDC_ACCESS_H
#define AMDC_ACCESS_H
#include "global_memory.h"

typedef u32 quad __attribute__((vector_size(16)));

INLINE u32 load_u32(const u8 *at) {
    u32 value;
    __builtin_memcpy(&value, at, 4);
    return value;
}
INLINE void store_u32(u8 *at, u32 value) { __builtin_memcpy(at, &value, 4); }

// Four dwords of four lanes, from or to four registers: a transposition.
INLINE void load_quads(u32 (*v)[LANES], u32 lane, const u8 *a, const u8 *b, const u8 *c, const u8 *d) {
    quad A, B, C, D;
    __builtin_memcpy(&A, a, 16), __builtin_memcpy(&B, b, 16), __builtin_memcpy(&C, c, 16), __builtin_memcpy(&D, d, 16);
    quad ab = __builtin_shufflevector(A, B, 0, 4, 1, 5), AB = __builtin_shufflevector(A, B, 2, 6, 3, 7);
    quad cd = __builtin_shufflevector(C, D, 0, 4, 1, 5), CD = __builtin_shufflevector(C, D, 2, 6, 3, 7);
    *(quad *)&v[0][lane] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(quad *)&v[1][lane] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(quad *)&v[2][lane] = __builtin_shufflevector(AB, CD, 0, 1, 4, 5);
    *(quad *)&v[3][lane] = __builtin_shufflevector(AB, CD, 2, 3, 6, 7);
}

INLINE void load_partial(u32 (*v)[LANES], const Lanes *L, u64 exec, u32 dwords) {
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        for (u32 i = 0; i < dwords; ++i) v[i][lane] = 4 * i + 4 <= L->inside[lane] ? load_u32(L->at[lane] + 4 * i) : 0;
    }
}
INLINE void load_dwords(u32 (*v)[LANES], const Lanes *L, u64 exec, u32 dwords) {
    if (L->run) {
        const u8 *run = L->run;
        if (dwords == 1) __builtin_memcpy(v[0], run, LANES * 4);
        else if (dwords == 4)
            for (u32 lane = 0; lane < LANES; lane += 4, run += 64) load_quads(v, lane, run, run + 16, run + 32, run + 48);
        else
            for (u32 lane = 0; lane < LANES; ++lane)
                for (u32 i = 0; i < dwords; ++i) v[i][lane] = load_u32(run + 4 * (lane * dwords + i));
    } else if (UNLIKELY(L->partial)) load_partial(v, L, exec, dwords);
    else if (exec == ALL_LANES && !L->scratch && dwords == 4)
        for (u32 lane = 0; lane < LANES; lane += 4)
            load_quads(v, lane, L->at[lane], L->at[lane + 1], L->at[lane + 2], L->at[lane + 3]);
    else
        for (u64 rest = exec; rest; rest &= rest - 1) {
            u32 lane = __builtin_ctzll(rest), step = L->scratch >> lane & 1 ? 4 * LANES : 4;
            for (u32 i = 0; i < dwords; ++i) v[i][lane] = load_u32(L->at[lane] + i * step);
        }
}
INLINE void store_dwords(const u32 (*v)[LANES], const Lanes *L, u64 exec, u32 dwords) {
    if (L->run && dwords == 1) {
        __builtin_memcpy(L->run, v[0], LANES * 4);
        return;
    }
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest), step = L->scratch >> lane & 1 ? 4 * LANES : 4;
        u8 *at = L->run ? L->run + 4 * dwords * lane : L->at[lane];
        u32 inside = L->partial ? L->inside[lane] : 4 * dwords;
        for (u32 i = 0; i < dwords; ++i)
            if (4 * i < inside) store_u32(at + i * step, v[i][lane]);
    }
}

// One or two bytes; `sign` extends the sign.
INLINE void load_small(u32 *v, const Lanes *L, u64 exec, u32 size, int sign) {
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        const u8 *at = L->run ? L->run + size * lane : L->at[lane];
        u32 value = 0;
        if (!L->partial || L->inside[lane]) value = size == 1 ? at[0] : at[0] | (u32)at[1] << 8;
        if (sign) value = size == 1 ? (u32)(i32)(i8)value : (u32)(i32)(i16)value;
        v[lane] = value;
    }
}
INLINE void store_small(const u32 *v, const Lanes *L, u64 exec, u32 size) {
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        u8 *at = L->run ? L->run + size * lane : L->at[lane];
        if (L->partial && !L->inside[lane]) continue;
        at[0] = (u8)v[lane];
        if (size == 2) at[1] = (u8)(v[lane] >> 8);
    }
}
#endif
