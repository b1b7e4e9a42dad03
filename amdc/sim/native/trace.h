// trace.h: what the waves of sampled work-groups did, as a stream of 32-bit words for the timing layer (amdc/sim/timing).
//
// A worker's stream holds work-groups one after the other: [number low, number high, words that follow], then the pieces of its waves:
// [wave, words that follow], a piece from the start or a barrier to the next barrier or the end. A piece holds, in execution order:
//   a basic block   its number; then for each of its memory instructions, in order,
//   LDS             the clocks that the unit is busy
//   scalar memory   lines, then the lines as for global memory
//   global memory   clocks of the address unit << 8 | lines, then the lines: 64-byte units of the device's own address space, in which
//                   allocations lie in the order of their making, so that a trace does not depend on the host's addresses
// A stream that is full drops the work-group that did not fit, and takes no more.
#ifndef AMDC_TRACE_H
#define AMDC_TRACE_H
#include "global_memory.h"
#ifndef TRACE
#define TRACE 0
#endif
#define LINE_SHIFT 6
#define QUARTER 16 // lanes that the address unit takes at a time [GCN3, "vector memory"]
#define MOST_LINES 255
#define BANKS 32

INLINE int trace_room(TraceBuffer *T, u64 words) {
    if (LIKELY(T->used + words <= T->size)) return 1;
    T->full = 1;
    return 0;
}
INLINE void trace_word(TraceBuffer *T, u32 word) {
    if (trace_room(T, 1)) T->words[T->used++] = word;
}
INLINE void trace_block(Wave *W, u32 number) {
    if (TRACE && UNLIKELY(W->trace != 0)) trace_word(W->trace, number);
}

// Place of a group's or a piece's length, which is filled in at its end.
INLINE u64 trace_open(TraceBuffer *T, u32 words, u32 first, u32 second) {
    if (!trace_room(T, words + 1)) return ~(u64)0;
    T->words[T->used++] = first;
    if (words > 1) T->words[T->used++] = second;
    return T->used++;
}
INLINE void trace_close(TraceBuffer *T, u64 place) {
    if (place != ~(u64)0) T->words[place] = (u32)(T->used - place - 1);
}

// The line of an address in the device's own address space.
NOINLINE u32 trace_find(Wave *W, TraceBuffer *T, u64 address) {
    const Allocations *table = &W->launch->allocations;
    u64 low = 0, high = table->count;
    while (low < high) {
        u64 middle = (low + high) / 2;
        if (table->start[middle] <= address) low = middle + 1;
        else high = middle;
    }
    if (!low) return 0; // unchecked code that left every allocation
    T->start = table->start[low - 1], T->end = table->end[low - 1], T->place = table->place[low - 1];
    return (u32)((address - T->start + T->place) >> LINE_SHIFT);
}
INLINE u32 trace_line(Wave *W, TraceBuffer *T, u64 address) {
    if (LIKELY(address >= T->start && address < T->end)) return (u32)((address - T->start + T->place) >> LINE_SHIFT);
    return trace_find(W, T, address);
}
INLINE u32 trace_add(u32 *lines, u32 from, u32 count, u32 line) {
    for (u32 i = count; i > from; --i)
        if (lines[i - 1] == line) return count;
    lines[count] = line;
    return count + 1;
}

// A quarter of the wave takes one clock where its lanes want consecutive dwords or the same one; else the unit takes a quad a clock, and at
// most a line a clock [sebbbi, "perftest", R9 Fury; T. Lottes, "GCN memory coalescing"]. A line is fetched once for the whole wave.
NOINLINE void trace_lanes(Wave *W, const Lanes *L, u64 exec, u32 size) {
    TraceBuffer *T = W->trace;
    u32 all[2 * LANES + 2], count = 0, clocks = 0;
    for (u32 first = 0; first < LANES; first += QUARTER) {
        u32 own[2 * QUARTER + 2], found = 0, linear = 1, uniform = 1;
        u64 start = (u64)(L->run ? L->run + first * size : L->at[first]);
        for (u32 lane = first; lane < first + QUARTER; ++lane) {
            if (!(exec >> lane & 1) || (L->partial && !L->inside[lane])) continue;
            u64 at = (u64)(L->run ? L->run + lane * size : L->at[lane]);
            linear &= at == start + (lane - first) * size, uniform &= at == start;
            u32 low = trace_line(W, T, at), high = trace_line(W, T, at + size - 1);
            found = trace_add(own, 0, found, low);
            if (high != low) found = trace_add(own, 0, found, high);
        }
        clocks += found > 1 || (found && !linear && !uniform) ? (found > 4 ? found : 4) : found;
        for (u32 i = 0; i < found; ++i) count = trace_add(all, 0, count, own[i]);
    }
    if (!trace_room(T, count + 1)) return;
    T->words[T->used++] = clocks << 8 | (count > MOST_LINES ? MOST_LINES : count);
    for (u32 i = 0; i < count && i < MOST_LINES; ++i) T->words[T->used++] = all[i];
}
INLINE void trace_access(Wave *W, const Lanes *L, u64 exec, u32 size) {
    if (TRACE && UNLIKELY(W->trace != 0)) trace_lanes(W, L, exec, size);
}

INLINE void trace_scalars(Wave *W, u64 address, u32 size) {
    if (!TRACE || LIKELY(W->trace == 0)) return;
    TraceBuffer *T = W->trace;
    u32 first = size ? trace_line(W, T, address) : 0, last = size ? trace_line(W, T, address + size - 1) : 0;
    u32 lines = !size ? 0 : last >= first && last - first < 4 ? last - first + 1 : 1;
    if (!trace_room(T, lines + 1)) return;
    T->words[T->used++] = lines;
    for (u32 i = 0; i < lines; ++i) T->words[T->used++] = first + i;
}

// LDS: of the lanes that fill 32 banks of a dword (half a wave's for dwords) those that want other dwords of the same bank wait [AMD's OpenCL
// optimization guide]; no more than `width` bytes move in a clock, 128 read and 64 written [CLRX].
NOINLINE u32 lds_clocks(const u32 *address, u32 offset, u32 dwords, u32 width, u64 exec) {
    u32 lanes = BANKS / dwords, clocks = 0;
    for (u32 first = 0; first < LANES; first += lanes) {
        u32 used[BANKS] = {0}, most = 0, places[LANES], count = 0;
        for (u32 lane = first; lane < first + lanes; ++lane) {
            if (!(exec >> lane & 1)) continue;
            u32 before = count;
            count = trace_add(places, 0, count, address[lane] + offset);
            for (u32 i = 0; i < dwords && count != before; ++i) {
                u32 n = ++used[((address[lane] + offset) / 4 + i) % BANKS];
                most = n > most ? n : most;
            }
        }
        u32 moved = (4 * dwords * count + width - 1) / width;
        clocks += most > moved ? most : moved;
    }
    return clocks;
}
// Code in a loop repeats its patterns, up to a common shift that leaves the banks: what was found last for a slot is remembered.
NOINLINE u32 lds_known(TraceBuffer *T, const u32 *address, u32 offset, u32 dwords, u32 width, u64 exec) {
    u32 first = address[first_lane(exec)], start = (first + offset) & 127, form = dwords << 8 | width;
    LdsPattern *P = &T->patterns[(start / 4 + form + (u32)((u64)address / (4 * LANES))) % LDS_PATTERNS];
    u32 differs = 0;
    for (u32 lane = 0; lane < LANES; ++lane) differs |= P->relative[lane] ^ (address[lane] - first);
    if (!differs && P->exec == exec && P->start == start && P->form == form) return P->clocks;
    for (u32 lane = 0; lane < LANES; ++lane) P->relative[lane] = address[lane] - first;
    P->exec = exec, P->start = start, P->form = form;
    return P->clocks = lds_clocks(address, offset, dwords, width, exec);
}
INLINE void trace_lds(Wave *W, const u32 *address, u32 offset, u32 second, u32 size, u32 places, u32 width, u64 exec) {
    if (!TRACE || LIKELY(W->trace == 0)) return;
    u32 dwords = size < 4 ? 1 : size / 4, clocks = lds_known(W->trace, address, offset, dwords, width, exec);
    if (places == 2) clocks += lds_known(W->trace, address, second, dwords, width, exec);
    trace_word(W->trace, clocks);
}
#endif
