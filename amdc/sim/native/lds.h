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
        u64 at = (u64)address[lane] + offset;
        if (at + size > W->lds_size || at + size > M0) return fault(W, FAULT_LDS_RANGE, lane, at, size);
        if (at & (align - 1)) return fault(W, FAULT_LDS_MISALIGNED, lane, at, size);
    }
    return 0;
}
// All lanes at once: the largest address, and the low bits of any.
INLINE int check_lds(Wave *W, u64 exec, const u32 *address, u32 offset, u32 size, u32 align) {
    if (!CHECK_MEMORY) return 0;
    u32 bits = 0, most = 0;
    if (exec == ALL_LANES)
        for (u32 lane = 0; lane < LANES; ++lane) {
            bits |= address[lane];
            most = address[lane] > most ? address[lane] : most;
        }
    else {
        const u32 *mask = lane_mask(W, exec);
        for (u32 lane = 0; lane < LANES; ++lane) {
            u32 at = address[lane] & mask[lane];
            bits |= at;
            most = at > most ? at : most;
        }
    }
    u64 limit = W->lds_size < M0 ? W->lds_size : M0;
    if (LIKELY(exec == 0 || ((u64)most + offset + size <= limit && !((bits | offset) & (align - 1))))) return 0;
    return lds_bad_lane(W, exec, address, offset, size, align);
}
INLINE u8 *lds_at(Wave *W, u32 address) { return W->lds + (address & (LDS_SPACE - 1)); }

INLINE int load_lds(Wave *W, u32 (*v)[LANES], const u32 *address, u32 offset, u32 dwords, u32 align, u64 exec) {
    if (check_lds(W, exec, address, offset, 4 * dwords, align)) return STOP_FAULT;
    if (lds_race(W, exec, address, offset, 4 * dwords, RACE_READ)) return STOP_FAULT;
    if (exec != ALL_LANES) {
        for (u64 rest = exec; rest; rest &= rest - 1) {
            u32 lane = __builtin_ctzll(rest);
            const u8 *at = lds_at(W, address[lane] + offset);
            u32 data[4];
            for (u32 i = 0; i < dwords; ++i) data[i] = load_u32(at + 4 * i);
            for (u32 i = 0; i < dwords; ++i) v[i][lane] = data[i];
        }
    } else if (dwords == 4) {
        u32 own[LANES]; // the address register may be among the destinations
        __builtin_memcpy(own, address, sizeof own);
        for (u32 lane = 0; lane < LANES; lane += 4)
            load_quads(v, lane, lds_at(W, own[lane] + offset), lds_at(W, own[lane + 1] + offset),
                       lds_at(W, own[lane + 2] + offset), lds_at(W, own[lane + 3] + offset));
    } else
        for (u32 lane = 0; lane < LANES; ++lane) {
            const u8 *at = lds_at(W, address[lane] + offset);
            u32 data[4];
            for (u32 i = 0; i < dwords; ++i) data[i] = load_u32(at + 4 * i);
            for (u32 i = 0; i < dwords; ++i) v[i][lane] = data[i];
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
    if (check_lds(W, exec, address, offset, 4 * dwords, align)) return STOP_FAULT;
    if (lds_race(W, exec, address, offset, 4 * dwords, RACE_WRITE)) return STOP_FAULT;
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        u8 *at = lds_at(W, address[lane] + offset);
        for (u32 i = 0; i < dwords; ++i) store_u32(at + 4 * i, v[i][lane]);
    }
    return 0;
}
INLINE int load_lds_small(Wave *W, u32 *v, const u32 *address, u32 offset, u32 size, int sign, u64 exec) {
    if (check_lds(W, exec, address, offset, size, size)) return STOP_FAULT;
    if (lds_race(W, exec, address, offset, size, RACE_READ)) return STOP_FAULT;
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        const u8 *at = lds_at(W, address[lane] + offset);
        u32 value = size == 1 ? at[0] : at[0] | (u32)at[1] << 8;
        v[lane] = !sign ? value : size == 1 ? (u32)(i32)(i8)value : (u32)(i32)(i16)value;
    }
    return 0;
}
INLINE int store_lds_small(Wave *W, const u32 *v, const u32 *address, u32 offset, u32 size, u64 exec) {
    if (check_lds(W, exec, address, offset, size, size)) return STOP_FAULT;
    if (lds_race(W, exec, address, offset, size, RACE_WRITE)) return STOP_FAULT;
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        u8 *at = lds_at(W, address[lane] + offset);
        at[0] = (u8)v[lane];
        if (size == 2) at[1] = (u8)(v[lane] >> 8);
    }
    return 0;
}
#endif
