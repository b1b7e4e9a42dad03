// scalar_memory.h: SMEM [GCN3, chapter 7]. Addresses are truncated to dwords by the hardware.
#ifndef AMDC_SCALAR_MEMORY_H
#define AMDC_SCALAR_MEMORY_H
#include "buffer.h"
#include "trace.h"

NOINLINE int load_scalars(Wave *W, u32 *to, u64 address, u32 dwords) {
    address &= ~(u64)3;
    if (check_global(W, 0, address, 4 * dwords, 4)) return STOP_FAULT;
    trace_scalars(W, address, 4 * dwords);
    __builtin_memcpy(to, (const void *)address, 4 * dwords);
    return 0;
}
NOINLINE int store_scalars(Wave *W, const u32 *from, u64 address, u32 dwords) {
    address &= ~(u64)3;
    if (check_global(W, 0, address, 4 * dwords, 4)) return STOP_FAULT;
    trace_scalars(W, address, 4 * dwords);
    __builtin_memcpy((void *)address, from, 4 * dwords);
    return 0;
}
// In a buffer with a stride NUM_RECORDS counts records; dwords outside give 0.
INLINE u64 scalar_buffer_bytes(const Buffer *B) { return B->stride ? (u64)B->stride * B->records : B->records; }
INLINE void trace_scalars_buffer(Wave *W, const Buffer *B, u32 offset, u32 size) {
    u64 limit = scalar_buffer_bytes(B), inside = offset >= limit ? 0 : limit - offset;
    trace_scalars(W, B->base + offset, inside < size ? (u32)inside : size);
}
NOINLINE int load_scalars_buffer(Wave *W, u32 *to, const u32 *words, u32 offset, u32 dwords) {
    Buffer B = decode_buffer(words);
    offset &= ~3u;
    trace_scalars_buffer(W, &B, offset, 4 * dwords);
    for (u32 i = 0; i < dwords; ++i) {
        u64 at = (u64)offset + 4 * i;
        u32 value = 0;
        if (at + 4 <= scalar_buffer_bytes(&B)) {
            if (check_global(W, 0, B.base + at, 4, 4)) return STOP_FAULT;
            __builtin_memcpy(&value, (const void *)(B.base + at), 4);
        }
        to[i] = value;
    }
    return 0;
}
NOINLINE int store_scalars_buffer(Wave *W, const u32 *from, const u32 *words, u32 offset, u32 dwords) {
    Buffer B = decode_buffer(words);
    offset &= ~3u;
    trace_scalars_buffer(W, &B, offset, 4 * dwords);
    for (u32 i = 0; i < dwords; ++i) {
        u64 at = (u64)offset + 4 * i;
        if (at + 4 > scalar_buffer_bytes(&B)) continue;
        if (check_global(W, 0, B.base + at, 4, 4)) return STOP_FAULT;
        __builtin_memcpy((void *)(B.base + at), from + i, 4);
    }
    return 0;
}
// A clock that is the same in every run: what the wave has executed is not counted, so it only grows from reading to reading.
INLINE u64 clock_of(Wave *W) { return ++W->clock; }
#endif
