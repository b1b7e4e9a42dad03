// races.h: LDS accesses of two waves to one byte, at least one of them writing, with no barrier between.
//
// Waves run one after another between barriers, so that an access has only to look at what earlier waves did since the last barrier,
// and to leave a record for later ones. Writes are marked byte by byte in maps. Reads are many, and most kernels write elsewhere than
// they read between two barriers: reads are only logged, and marked when a later wave writes to a block of LDS that they touched.
#ifndef AMDC_RACES_H
#define AMDC_RACES_H
#include "wave.h"

enum { RACE_READ = 1, RACE_WRITE = 2, RACE_ATOMIC = 4 };
#define PLAIN 0x01 // marks in the maps of written bytes
#define ATOMIC 0x02
#define LOG_READS 512
#define LOG_PLACES 16

typedef struct {
    u32 place, offset, size;
    int marked;
    u64 exec, blocks;
} Read;

typedef struct Races {
    u8 *read, *written;                 // marks of earlier waves
    u8 *own_read, *own_written;         // marks of this wave; reads stand there only when the log was full
    u32 shift;                          // LDS is 64 blocks of 1 << shift bytes: sets of them are the bits of a u64
    u64 read_blocks, written_blocks;    // of earlier waves
    u64 own_read_blocks, own_written_blocks;
    u32 reads, own_reads;               // entries of the log, and where this wave's begin
    int any_marked;                     // whether `read` has marks
    u32 places;                         // different address registers in the log
    int own_marked;                     // whether own_read has marks
    Read log[LOG_READS];
    u32 address[LOG_PLACES][LANES];
} Races;

typedef u8 marks __attribute__((vector_size(16), may_alias));
typedef u64 __attribute__((may_alias, aligned(1))) loose_u64;
typedef u32 __attribute__((may_alias, aligned(1))) loose_u32;
typedef u16 __attribute__((may_alias, aligned(1))) loose_u16;

#define EVERY_BYTE(value) (~(u64)0 / 255 * (value))
INLINE u64 bytes_at(const u8 *at, u32 size) { // whether any of them is marked, and how
    switch (size) {
    case 1: return *at;
    case 2: return *(const loose_u16 *)at;
    case 4: return *(const loose_u32 *)at;
    case 8: return *(const loose_u64 *)at;
    case 12: return *(const loose_u64 *)at | *(const loose_u32 *)(at + 8);
    default: return *(const loose_u64 *)at | *(const loose_u64 *)(at + 8);
    }
}
INLINE void mark_bytes(u8 *at, u32 size, u8 mark) {
    switch (size) {
    case 1: *at |= mark; return;
    case 2: *(loose_u16 *)at |= (u16)EVERY_BYTE(mark); return;
    case 4: *(loose_u32 *)at |= (u32)EVERY_BYTE(mark); return;
    case 8: *(loose_u64 *)at |= EVERY_BYTE(mark); return;
    case 12: *(loose_u64 *)at |= EVERY_BYTE(mark), *(loose_u32 *)(at + 8) |= (u32)EVERY_BYTE(mark); return;
    default: *(loose_u64 *)at |= EVERY_BYTE(mark), *(loose_u64 *)(at + 8) |= EVERY_BYTE(mark);
    }
}
// The smallest blocks of which 64 cover the work-group's LDS.
INLINE u32 block_shift(u32 lds_size) {
    u32 shift = 6;
    while (64u << shift < lds_size) ++shift;
    return shift;
}
// The blocks from byte `low` to byte `high`.
INLINE u64 blocks_between(const Races *R, u32 low, u32 high) {
    u32 first = low >> R->shift, last = high >> R->shift;
    return last < 64 ? ~(u64)0 >> (63 - last) & ~(u64)0 << first : ~(u64)0;
}

// --- the log of reads ---
INLINE void mark_lanes(u8 *map, const u32 *address, u32 offset, u32 size, u64 exec, u8 mark) {
    for (u64 rest = exec; rest; rest &= rest - 1) mark_bytes(map + ((address[__builtin_ctzll(rest)] + offset) & 0xffff), size, mark);
}
// Mark the reads of entries [first, end) of the log that touch any of `blocks`.
NOINLINE void mark_reads(Races *R, u8 *map, u32 first, u32 end, u64 blocks) {
    for (Read *entry = R->log + first; entry < R->log + end; ++entry) {
        if (entry->marked || !(entry->blocks & blocks)) continue;
        mark_lanes(map, R->address[entry->place], entry->offset, entry->size, entry->exec, PLAIN);
        entry->marked = 1;
    }
}
// Empty the log into the maps.
NOINLINE void mark_log(Races *R) {
    mark_reads(R, R->read, 0, R->own_reads, ~(u64)0);
    mark_reads(R, R->own_read, R->own_reads, R->reads, ~(u64)0);
    R->reads = R->own_reads = R->places = 0;
    R->own_marked = R->any_marked = 1;
}
INLINE int same_lanes(const u32 *a, const u32 *b) {
    u32 differs = 0;
    for (int lane = 0; lane < LANES; ++lane) differs |= a[lane] ^ b[lane];
    return !differs;
}
// The copy of an address register in the log, made where there is none. The last ones are the likeliest.
INLINE u32 place_of(Races *R, const u32 *address) {
    for (u32 i = R->places; i-- > 0;)
        if (same_lanes(R->address[i], address)) return i;
    if (R->places == LOG_PLACES) mark_log(R);
    __builtin_memcpy(R->address[R->places], address, sizeof R->address[0]);
    return R->places++;
}
INLINE void log_read(Races *R, u64 exec, const u32 *address, u32 offset, u32 size, u64 blocks) {
    if (R->reads == LOG_READS) mark_log(R);
    u32 place = place_of(R, address);
    R->log[R->reads++] = (Read){place, offset, size, 0, exec, blocks};
}

// --- one access, of bytes from `low` to `high` over all lanes ---
NOINLINE int find_race(Wave *W, u64 exec, const u32 *address, u32 offset, u32 size, u64 blocks, int kind) {
    Races *R = W->races;
    u64 conflicts = kind == RACE_ATOMIC ? EVERY_BYTE(PLAIN) : ~(u64)0;
    if (kind != RACE_READ && blocks & R->read_blocks) {
        mark_reads(R, R->read, 0, R->own_reads, blocks);
        R->any_marked = 1;
    }
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest), at = (address[lane] + offset) & 0xffff;
        u64 clash = bytes_at(R->written + at, size) & conflicts;
        if (kind != RACE_READ) clash |= bytes_at(R->read + at, size);
        if (clash) return fault(W, FAULT_LDS_RACE, lane, at, size);
    }
    return 0;
}
// One lane's access, through a flat address: its reads are marked at once.
NOINLINE int lds_race_lane(Wave *W, u32 lane, u32 at, u32 size, int kind) {
    Races *R = W->races;
    if (!CHECK_RACES || !R) return 0;
    u32 address[LANES];
    address[lane] = at;
    u64 blocks = blocks_between(R, at, at + size - 1), exec = (u64)1 << lane;
    if (blocks & (R->written_blocks | R->read_blocks) && find_race(W, exec, address, 0, size, blocks, kind)) return STOP_FAULT;
    if (kind == RACE_READ) {
        R->own_read_blocks |= blocks;
        R->own_marked = R->any_marked = 1;
        mark_bytes(R->own_read + (at & 0xffff), size, PLAIN);
    } else {
        R->own_written_blocks |= blocks;
        mark_bytes(R->own_written + (at & 0xffff), size, kind == RACE_WRITE ? PLAIN : ATOMIC);
    }
    return 0;
}
INLINE int lds_race(Wave *W, u64 exec, const u32 *address, u32 offset, u32 size, u32 low, u32 high, int kind) {
    Races *R = W->races;
    if (!CHECK_RACES || !R || !exec) return 0;
    u64 blocks = blocks_between(R, low, high), others = R->written_blocks | (kind == RACE_READ ? 0 : R->read_blocks);
    if (UNLIKELY(blocks & others) && find_race(W, exec, address, offset, size, blocks, kind)) return STOP_FAULT;
    if (kind == RACE_READ) {
        R->own_read_blocks |= blocks;
        log_read(R, exec, address, offset, size, blocks);
    } else {
        R->own_written_blocks |= blocks;
        mark_lanes(R->own_written, address, offset, size, exec, kind == RACE_WRITE ? PLAIN : ATOMIC);
    }
    return 0;
}

// What a wave did up to a barrier is what earlier waves did, for the next one.
INLINE void merge_map(u8 *own, u8 *earlier, u64 blocks, u32 shift) {
    for (; blocks; blocks &= blocks - 1) {
        u32 start = (u32)__builtin_ctzll(blocks) << shift, bytes = 1u << shift;
        for (u32 at = start; at < start + bytes; at += sizeof(marks)) *(marks *)(earlier + at) |= *(const marks *)(own + at);
        __builtin_memset(own + start, 0, bytes);
    }
}
INLINE void clear_map(u8 *map, u64 blocks, u32 shift) {
    for (; blocks; blocks &= blocks - 1) __builtin_memset(map + ((u32)__builtin_ctzll(blocks) << shift), 0, 1u << shift);
}
NOINLINE void merge_marks(Races *R) {
    merge_map(R->own_written, R->written, R->own_written_blocks, R->shift);
    if (R->own_marked) merge_map(R->own_read, R->read, R->own_read_blocks, R->shift);
    R->written_blocks |= R->own_written_blocks;
    R->read_blocks |= R->own_read_blocks;
    R->own_written_blocks = R->own_read_blocks = 0;
    R->own_reads = R->reads;
}
// After a barrier nothing is unordered any more.
NOINLINE void clear_marks(Races *R) {
    clear_map(R->written, R->written_blocks, R->shift);
    if (R->any_marked) clear_map(R->read, R->read_blocks, R->shift);
    R->written_blocks = R->read_blocks = 0;
    R->reads = R->own_reads = R->places = 0;
    R->any_marked = 0;
    R->own_marked = 0;
}
#endif
