// races.h: LDS accesses of two waves to one byte, at least one of them writing, with no barrier between. Waves run one after another
// between barriers, so that an access has only to look at what earlier waves did since the last barrier.
#ifndef AMDC_RACES_H
#define AMDC_RACES_H
#include "wave.h"

enum { RACE_READ = 0x01, RACE_WRITE = 0x02, RACE_ATOMIC = 0x04 };

typedef u64 __attribute__((may_alias, aligned(1))) loose_u64;
typedef u32 __attribute__((may_alias, aligned(1))) loose_u32;
typedef u16 __attribute__((may_alias, aligned(1))) loose_u16;

// Mark the bytes of one access, and report what earlier waves did to any of them.
INLINE u64 mark_bytes(u8 *own, const u8 *earlier, u32 size, u64 kind, u64 conflicts) {
    u64 clash = 0;
    kind *= 0x0101010101010101ull;
    conflicts *= 0x0101010101010101ull;
    for (; size >= 8; size -= 8, own += 8, earlier += 8) clash |= *(const loose_u64 *)earlier & conflicts, *(loose_u64 *)own |= kind;
    if (size >= 4) clash |= *(const loose_u32 *)earlier & (u32)conflicts, *(loose_u32 *)own |= (u32)kind;
    else if (size == 2) clash |= *(const loose_u16 *)earlier & (u16)conflicts, *(loose_u16 *)own |= (u16)kind;
    else if (size == 1) clash |= *earlier & (u8)conflicts, *own |= (u8)kind;
    return clash;
}
NOINLINE int report_race(Wave *W, u64 exec, const u32 *address, u32 offset, u32 size, u64 kind, u64 conflicts) {
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest), at = (address[lane] + offset) & 0xffff;
        if (mark_bytes(W->touched + at, W->touched_earlier + at, size, kind, conflicts))
            return fault(W, FAULT_LDS_RACE, lane, at, size);
    }
    return 0;
}
INLINE int lds_race(Wave *W, u64 exec, const u32 *address, u32 offset, u32 size, u64 kind) {
    if (!CHECK_RACES || !W->touched) return 0;
    u64 conflicts = kind == RACE_READ ? RACE_WRITE | RACE_ATOMIC : kind == RACE_WRITE ? 0x07 : RACE_READ | RACE_WRITE, clash = 0;
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 at = (address[__builtin_ctzll(rest)] + offset) & 0xffff;
        clash |= mark_bytes(W->touched + at, W->touched_earlier + at, size, kind, conflicts);
    }
    return UNLIKELY(clash) ? report_race(W, exec, address, offset, size, kind, conflicts) : 0;
}
#endif
