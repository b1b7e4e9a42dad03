// lds.h: the local data share [GCN3, chapter 11]. Unchecked code wraps addresses at LDS_SPACE, so that it cannot leave the memory.
#ifndef AMDC_LDS_H
#define AMDC_LDS_H
#include "access.h"
#include "races.h"

#define LDS_SPACE 65536
#define LDS_SLACK 256 // bytes behind it, for wide accesses to its last ones

NOINLINE int lds_bad_lane(Wave *W, u64 exec, const u32 *address, u32 offset, u32 size, u32 align) {
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        u32 at = address[lane] + offset;
        if ((u64)at + size > W->lds_size || (u64)at + size > M0) return fault(W, FAULT_LDS_RANGE, lane, at, size);
        if (at & (align - 1)) return fault(W, FAULT_LDS_MISALIGNED, lane, at, size);
    }
    return 0;
}
// All lanes at once: the least and the greatest address, and the low bits of any. The sum of address and offset wraps at 32 bits:
// compilers fold a positive constant into the offset of an address that may be negative.
INLINE int check_lds(Wave *W, u64 exec, const u32 *address, u32 offset, u32 size, u32 align, int kind) {
    if (!CHECK_MEMORY && !CHECK_RACES) return 0;
    u32 bits = 0, high = 0, low = ~(u32)0;
    if (exec == ALL_LANES)
        for (u32 lane = 0; lane < LANES; ++lane) {
            u32 at = address[lane] + offset;
            bits |= at;
            high = at > high ? at : high;
            low = at < low ? at : low;
        }
    else {
        const u32 *mask = lane_mask(W, exec);
        for (u32 lane = 0; lane < LANES; ++lane) {
            u32 at = (address[lane] + offset) & mask[lane], up = (address[lane] + offset) | ~mask[lane];
            bits |= at;
            high = at > high ? at : high;
            low = up < low ? up : low;
        }
    }
    u64 limit = W->lds_size < M0 ? W->lds_size : M0;
    if (CHECK_MEMORY && UNLIKELY(exec && ((u64)high + size > limit || (bits & (align - 1)))))
        return lds_bad_lane(W, exec, address, offset, size, align);
    return lds_race(W, exec, address, offset, size, low, high + size - 1, kind);
}
INLINE u8 *lds_at(Wave *W, u32 address) { return W->lds + (address & (LDS_SPACE - 1)); }

INLINE int load_lds(Wave *W, Registers v, const u32 *address, u32 offset, u32 dwords, u32 align, u64 exec) {
    if (check_lds(W, exec, address, offset, 4 * dwords, align, RACE_READ)) return STOP_FAULT;
    u32 own[LANES];
    if (address >= v[0] && address < v[dwords]) address = __builtin_memcpy(own, address, sizeof own); // it is overwritten
    if (exec != ALL_LANES) {
        for (u64 rest = exec; rest; rest &= rest - 1) {
            u32 lane = __builtin_ctzll(rest);
            const u8 *at = lds_at(W, address[lane] + offset);
            for (u32 i = 0; i < dwords; ++i) v[i][lane] = load_u32(at + 4 * i);
        }
    } else if (dwords == 4) {
        const u8 *lds = W->lds;
        for (u32 lane = 0; lane < LANES; lane += 4) {
            const u8 *at[4];
            for (u32 i = 0; i < 4; ++i) at[i] = lds + ((address[lane + i] + offset) & (LDS_SPACE - 1));
            load_quads(v, lane, at[0], at[1], at[2], at[3]);
        }
    } else {
        const u8 *lds = W->lds;
        for (u32 lane = 0; lane < LANES; ++lane) {
            const u8 *at = lds + ((address[lane] + offset) & (LDS_SPACE - 1));
            for (u32 i = 0; i < dwords; ++i) v[i][lane] = load_u32(at + 4 * i);
        }
    }
    return 0;
}
// Two places at once: both are read before either destination, which may hold the address, is written.
INLINE int load_lds_two(Wave *W, Registers v, const u32 *address, u32 first, u32 second, u32 dwords, u32 align, u64 exec) {
    u32 own[LANES];
    __builtin_memcpy(own, address, sizeof own);
    return load_lds(W, v, own, first, dwords, align, exec) || load_lds(W, v + dwords, own, second, dwords, align, exec);
}
INLINE int store_lds(Wave *W, const u32 (*v)[LANES], const u32 *address, u32 offset, u32 dwords, u32 align, u64 exec) {
    if (check_lds(W, exec, address, offset, 4 * dwords, align, RACE_WRITE)) return STOP_FAULT;
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        u8 *at = lds_at(W, address[lane] + offset);
        for (u32 i = 0; i < dwords; ++i) store_u32(at + 4 * i, v[i][lane]);
    }
    return 0;
}
INLINE int load_lds_small(Wave *W, u32 *v, const u32 *address, u32 offset, u32 size, int sign, u64 exec) {
    if (check_lds(W, exec, address, offset, size, size, RACE_READ)) return STOP_FAULT;
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        const u8 *at = lds_at(W, address[lane] + offset);
        u32 value = size == 1 ? at[0] : at[0] | (u32)at[1] << 8;
        v[lane] = !sign ? value : size == 1 ? (u32)(i32)(i8)value : (u32)(i32)(i16)value;
    }
    return 0;
}
INLINE int store_lds_small(Wave *W, const u32 *v, const u32 *address, u32 offset, u32 size, u64 exec) {
    if (check_lds(W, exec, address, offset, size, size, RACE_WRITE)) return STOP_FAULT;
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        u8 *at = lds_at(W, address[lane] + offset);
        at[0] = (u8)v[lane];
        if (size == 2) at[1] = (u8)(v[lane] >> 8);
    }
    return 0;
}
#endif
