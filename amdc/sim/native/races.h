// races.h: LDS accesses of two waves to one byte, at least one of them writing, with no barrier between. Waves run one after another
// between barriers, so that an access has only to look at what earlier waves did since the last barrier, and to leave its own marks.
// Marks are stored without being read first: lanes often share an address, and each would wait for the one before.
#ifndef AMDC_RACES_H
#define AMDC_RACES_H
#include "wave.h"

enum { RACE_READ = 1, RACE_WRITE = 2, RACE_ATOMIC = 4 };
#define PLAIN 0x01 // marks in the maps of written bytes
#define ATOMIC 0x02

typedef u8 marks __attribute__((vector_size(16)));
typedef u64 __attribute__((may_alias, aligned(1))) loose_u64;
typedef u32 __attribute__((may_alias, aligned(1))) loose_u32;
typedef u16 __attribute__((may_alias, aligned(1))) loose_u16;
typedef marks __attribute__((may_alias, aligned(1))) loose_marks;

// Leave marks on `size` bytes at `at`, and return what clashes there.
#define DEFINE_MARK(size, T)                                                                                    \
    INLINE T mark_##size(Races *R, u32 at, int kind) {                                                          \
        const T plain = (T)(~(u64)0 / 255 * PLAIN), atomic = (T)(~(u64)0 / 255 * ATOMIC);                       \
        T read = *(const T *)(R->earlier_read + at), written = *(const T *)(R->earlier_written + at);           \
        if (kind == RACE_READ) {                                                                                \
            *(T *)(R->read + at) = plain;                                                                       \
            return written;                                                                                     \
        }                                                                                                       \
        if (kind == RACE_WRITE) *(T *)(R->written + at) = plain;                                                \
        else *(T *)(R->written + at) |= atomic;                                                                 \
        return kind == RACE_WRITE ? read | written : read | (written & plain);                                  \
    }
DEFINE_MARK(1, u8)
DEFINE_MARK(2, loose_u16)
DEFINE_MARK(4, loose_u32)
DEFINE_MARK(8, loose_u64)

INLINE u64 mark_16(Races *R, u32 at, int kind) { return mark_8(R, at, kind) | mark_8(R, at + 8, kind); }
INLINE u64 mark_12(Races *R, u32 at, int kind) { return mark_8(R, at, kind) | mark_4(R, at + 8, kind); }
INLINE u64 mark_bytes(Races *R, u32 at, u32 size, int kind) {
    switch (size) {
    case 1: return mark_1(R, at, kind);
    case 2: return mark_2(R, at, kind);
    case 4: return mark_4(R, at, kind);
    case 8: return mark_8(R, at, kind);
    case 12: return mark_12(R, at, kind);
    default: return mark_16(R, at, kind);
    }
}
NOINLINE int report_race(Wave *W, u64 exec, const u32 *address, u32 offset, u32 size, int kind) {
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest), at = (address[lane] + offset) & 0xffff;
        if (mark_bytes(W->races, at, size, kind)) return fault(W, FAULT_LDS_RACE, lane, at, size);
    }
    return 0;
}
INLINE int lds_race(Wave *W, u64 exec, const u32 *address, u32 offset, u32 size, int kind) {
    Races *R = W->races;
    if (!CHECK_RACES || !R) return 0;
    u64 clash = 0;
    R->used |= kind;
    if (exec == ALL_LANES)
        for (u32 lane = 0; lane < LANES; ++lane) clash |= mark_bytes(R, (address[lane] + offset) & 0xffff, size, kind);
    else
        for (u64 rest = exec; rest; rest &= rest - 1)
            clash |= mark_bytes(R, (address[__builtin_ctzll(rest)] + offset) & 0xffff, size, kind);
    return UNLIKELY(clash) ? report_race(W, exec, address, offset, size, kind) : 0;
}

// What a wave did up to a barrier is what earlier waves did, for the next one.
INLINE void merge_map(u8 *own, u8 *earlier, u32 bytes) {
    for (u32 at = 0; at < bytes; at += sizeof(marks)) *(loose_marks *)(earlier + at) |= *(const loose_marks *)(own + at);
    __builtin_memset(own, 0, bytes);
}
INLINE void merge_marks(Races *R, u32 bytes) {
    if (R->used & RACE_READ) merge_map(R->read, R->earlier_read, bytes);
    if (R->used & (RACE_WRITE | RACE_ATOMIC)) merge_map(R->written, R->earlier_written, bytes);
    R->used_earlier |= R->used;
    R->used = 0;
}
// After a barrier nothing is unordered any more.
INLINE void clear_marks(Races *R, u32 bytes) {
    if (R->used_earlier & RACE_READ) __builtin_memset(R->earlier_read, 0, bytes);
    if (R->used_earlier & (RACE_WRITE | RACE_ATOMIC)) __builtin_memset(R->earlier_written, 0, bytes);
    R->used_earlier = 0;
}
#endif
