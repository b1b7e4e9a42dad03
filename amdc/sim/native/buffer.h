// buffer.h: MUBUF addressing with its bounds [GCN3, 8.1.5 "Buffer addressing"]. On this generation NUM_RECORDS counts bytes, except
// with a stride and swizzling, where it counts records. Dwords of a wide access are checked one by one, in raw buffers.
#ifndef AMDC_BUFFER_H
#define AMDC_BUFFER_H
#include "global_memory.h"

typedef struct {
    u64 base;
    u32 stride, records, element_size, index_stride;
    int swizzle, add_lane;
} Buffer;

INLINE Buffer decode_buffer(const u32 *words) {
    Buffer B;
    B.base = words[0] | (u64)(words[1] & 0xffff) << 32;
    B.stride = words[1] >> 16 & 0x3fff;
    B.swizzle = words[1] >> 31;
    B.records = words[2];
    B.element_size = 2u << (words[3] >> 19 & 3);
    B.index_stride = 8u << (words[3] >> 21 & 3);
    B.add_lane = words[3] >> 23 & 1;
    return B;
}

// The offset of a lane from the base, without the scalar offset.
INLINE u64 buffer_offset(const Buffer *B, u32 index, u32 offset) {
    if (!B->swizzle) return (u64)B->stride * index + offset;
    u32 element = offset / B->element_size * B->element_size;
    return ((u64)(index / B->index_stride) * B->stride + element) * B->index_stride + (u64)(index % B->index_stride) * B->element_size +
           (offset - element);
}

// Bytes of the access that lie inside the buffer: all, none, or in a raw buffer the leading dwords.
INLINE u32 bytes_inside(const Buffer *B, u32 index, u32 offset, u32 scalar_offset, u32 size) {
    if (B->stride && B->swizzle) return index < B->records ? size : 0;
    u64 at = (B->swizzle ? 0 : (u64)B->stride * index) + offset;
    u64 limit = B->records > scalar_offset ? B->records - scalar_offset : 0;
    if (at + size <= limit) return size;
    return at >= limit || size <= 4 ? 0 : (u32)((limit - at) & ~(u64)3);
}

// `words` is the resource; `index` and `offset` are null where the instruction has none; `immediate` is its own offset.
INLINE int resolve_buffer(Wave *W, Lanes *L, u64 exec, const u32 *words, const u32 *index, const u32 *offset, u32 scalar_offset,
                          u32 immediate, u32 size, u32 align) {
    Buffer B = decode_buffer(words);
    L->run = 0;
    L->scratch = 0;
    L->partial = 0;
    if (exec == ALL_LANES && !B.swizzle && !B.stride && offset && !B.add_lane) {
        u32 differs = 0, first = offset[0] + immediate;
        for (u32 lane = 0; lane < LANES; ++lane) differs |= offset[lane] - offset[0] - lane * size;
        u64 limit = B.records > scalar_offset ? B.records - scalar_offset : 0;
        u64 start = B.base + scalar_offset + first, end = start + LANES * size;
        if (!differs && offset[0] <= ~(u32)0 - immediate - LANES * size && first + LANES * size <= limit && !(start & (align - 1)) &&
            (!CHECK_MEMORY || (is_allocated(W, start, end) && !is_foreign_scratch(W, start, end)))) {
            L->run = (u8 *)start;
            return 0;
        }
    }
    for (u64 rest = exec; rest; rest &= rest - 1) {
        u32 lane = __builtin_ctzll(rest);
        u32 record = (index ? index[lane] : 0) + (B.add_lane ? lane : 0), at = (offset ? offset[lane] : 0) + immediate;
        u32 bytes = bytes_inside(&B, record, at, scalar_offset, size);
        if (UNLIKELY(bytes < size)) {
            if (!L->partial) __builtin_memset(L->inside, (int)size, LANES), L->partial = 1;
            L->inside[lane] = (u8)bytes;
        }
        u64 address = B.base + scalar_offset + buffer_offset(&B, record, at);
        L->at[lane] = (u8 *)address;
        if (bytes && check_global(W, lane, address, bytes, align)) return STOP_FAULT;
    }
    return 0;
}
#endif
