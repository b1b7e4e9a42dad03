// global_memory.h: from lanes' addresses to host pointers, with the checks. An access has two steps: one of the resolve_* functions
// (here and in buffer.h) fills W's `Lanes`, then access.h moves the data. Each returns STOP_FAULT where a check failed, else 0.
#ifndef AMDC_GLOBAL_MEMORY_H
#define AMDC_GLOBAL_MEMORY_H
#include "races.h"
#include "wave.h"

// Flat addresses with these upper halves are not global memory. They lie above every host address of a 48-bit address space.
#define LDS_APERTURE 0x00010000u
#define SCRATCH_APERTURE 0x00020000u

typedef struct {
    u8 *at[LANES]; // of the active lanes
    u8 *run;       // where not null: all lanes are active and lie behind each other from here on
    u64 scratch;   // lanes in scratch memory, where consecutive dwords lie LANES dwords apart
    int partial;   // some lanes lie partly or wholly outside a buffer: loads give 0 there, stores and atomics do nothing
    u8 inside[LANES]; // where partial: how many bytes of each lane's access lie inside
} Lanes;

// Whether [start, end) lies in one live allocation. The last hit of an instruction is remembered.
NOINLINE int search_allocation(Wave *W, u64 start, u64 end, u32 slot) {
    const Allocations *table = &W->launch->allocations;
    u64 low = 0, high = table->count; // the last allocation that starts at or before `start` is number low - 1
    while (low < high) {
        u64 middle = (low + high) / 2;
        if (table->start[middle] <= start) low = middle + 1;
        else high = middle;
    }
    if (!low || end > table->end[low - 1] || start > end) return 0;
    W->last_start[slot] = table->start[low - 1];
    W->last_end[slot] = table->end[low - 1];
    return 1;
}
INLINE int is_allocated(Wave *W, u64 start, u64 end) {
    u32 slot = W->pc >> 2 & (LAST_HITS - 1);
    return LIKELY(start >= W->last_start[slot] && end <= W->last_end[slot] && start <= end) || search_allocation(W, start, end, slot);
}
// Any other address of the scratch memory than this wave's own is an error, though it is allocated.
INLINE int is_foreign_scratch(Wave *W, u64 start, u64 end) {
    u64 pool = W->launch->scratch, own = W->scratch_base, own_end = own + (u64)W->scratch_per_lane * LANES;
    return W->launch->scratch_bytes && start >= pool && start < pool + W->launch->scratch_bytes && (start < own || end > own_end);
}
INLINE int check_global(Wave *W, u32 lane, u64 address, u32 size, u32 align) {
    if (!CHECK_MEMORY) return 0;
    if (UNLIKELY(!is_allocated(W, address, address + size))) return fault(W, FAULT_OUT_OF_BOUNDS, lane, address, size);
    if (UNLIKELY(is_foreign_scratch(W, address, address + size))) return fault(W, FAULT_SCRATCH_RANGE, lane, address, size);
    if (UNLIKELY(address & (align - 1))) return fault(W, FAULT_MISALIGNED, lane, address, size);
    return 0;
}

// Scratch byte `offset` of a lane: dwords of the 64 lanes lie interleaved.
INLINE u64 scratch_address(Wave *W, u32 lane, u32 offset) {
    return W->scratch_base + (u64)(offset & ~3u) * LANES + lane * 4 + (offset & 3);
}

NOINLINE int resolve_flat_lane(Wave *W, Lanes *L, u32 lane, u64 address, u32 size, u32 align, int kind) {
    u32 aperture = (u32)(address >> 32), offset = (u32)address;
    if (aperture == LDS_APERTURE) {
        if (CHECK_MEMORY && (u64)offset + size > W->lds_size) return fault(W, FAULT_LDS_RANGE, lane, offset, size);
        if (CHECK_MEMORY && (offset & (align - 1))) return fault(W, FAULT_LDS_MISALIGNED, lane, offset, size);
        L->at[lane] = W->lds + (offset & 0xffff);
        return lds_race_lane(W, lane, offset, size, kind);
    }
    if (aperture == SCRATCH_APERTURE) {
        if (CHECK_MEMORY && (u64)offset + size > W->scratch_per_lane) return fault(W, FAULT_SCRATCH_RANGE, lane, offset, size);
        if (CHECK_MEMORY && (offset & (align - 1))) return fault(W, FAULT_MISALIGNED, lane, address, size);
        L->at[lane] = (u8 *)scratch_address(W, lane, offset);
        L->scratch |= (u64)1 << lane;
        return 0;
    }
    L->at[lane] = (u8 *)address;
    return check_global(W, lane, address, size, align);
}

// FLAT: 64-bit addresses in two vector registers.
INLINE int resolve_flat(Wave *W, Lanes *L, u64 exec, const u32 *low, const u32 *high, u32 size, u32 align, int kind) {
    L->run = 0;
    L->scratch = 0;
    L->partial = 0;
    if (exec == ALL_LANES) {
        u32 differs = 0;
        for (u32 lane = 0; lane < LANES; ++lane) differs |= (low[lane] - low[0] - lane * size) | (high[lane] ^ high[0]);
        u64 start = low[0] | (u64)high[0] << 32, end = start + LANES * size;
        if (!differs && high[0] < LDS_APERTURE && !(start & (align - 1))) {
            if (!CHECK_MEMORY || (is_allocated(W, start, end) && !is_foreign_scratch(W, start, end))) {
                L->run = (u8 *)start;
                return 0;
            }
        }
    }
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        u64 address = low[lane] | (u64)high[lane] << 32;
        if (LIKELY(high[lane] < LDS_APERTURE)) {
            L->at[lane] = (u8 *)address;
            if (check_global(W, lane, address, size, align)) return STOP_FAULT;
        } else if (resolve_flat_lane(W, L, lane, address, size, align, kind))
            return STOP_FAULT;
    }
    return 0;
}
#endif
