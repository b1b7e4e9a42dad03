// memory.h: an access on its way through a compute unit's L1 (or a scalar cache), L2 and DRAM. Caches hold tags and the times at which
// lines arrive; channels are servers with a queue.
#ifndef AMDC_MEMORY_H
#define AMDC_MEMORY_H
#include "state.h"

static u32 channel_of(const Machine *m, u32 line) { return line / m->interleave % m->l2_channels; }
static u32 dram_channel_of(const Machine *m, u32 line) { return line / m->interleave % m->dram_channels; }
// The set of a channel: the line's number in it with higher bits folded in. A guess: with the plain number columns 16 KiB apart would share 8
// of Fiji's 128 sets, but its SGEMMs with k = 4096 are as fast as those whose columns fall on all of them.
static u32 set_of(const Machine *m, u32 line) {
    u32 local = line / m->interleave / m->l2_channels * m->interleave + line % m->interleave, above = local / m->l2_sets;
    return (local ^ above ^ above / m->l2_sets) % m->l2_sets;
}
// DRAM moves a line. Returns when it begins.
static i64 dram(Engine *E, u32 line, i64 at) {
    u32 channel = dram_channel_of(E->m, line);
    i64 start = MAX(at, E->dram_free[channel]);
    E->dram_free[channel] = start + E->m->dram_line;
    E->dram_busy[channel] += E->m->dram_line;
    return start;
}

// The line's entry in L2, filled from DRAM where `fetch` and it was not there. Returns when its data is at L2's output.
static i64 access_l2(Engine *E, u32 line, i64 at, int fetch, int dirty) {
    const Machine *m = E->m;
    u32 channel = channel_of(m, line);
    Line *set = E->l2 + ((u64)channel * m->l2_sets + set_of(m, line)) * m->l2_ways, *oldest = set;
    i64 served = MAX(at, E->l2_free[channel]);
    E->l2_free[channel] = served + m->l2_line;
    E->l2_busy[channel] += m->l2_line;
    ++E->stamp;
    for (u32 w = 0; w < m->l2_ways; ++w) {
        if (set[w].tag == line) {
            set[w].used = E->stamp;
            set[w].dirty |= (u32)dirty;
            ++E->report->l2_hits;
            return MAX(served + m->l2_latency, set[w].ready);
        }
        if (set[w].used < oldest->used) oldest = &set[w];
    }
    if (oldest->tag != NO_TAG && oldest->dirty) dram(E, oldest->tag, 0), ++E->report->writebacks;
    oldest->tag = line, oldest->used = E->stamp, oldest->dirty = (u32)dirty, oldest->ready = served + m->l2_latency;
    ++E->report->l2_misses;
    if (fetch) {
        i64 room = E->dram_free[dram_channel_of(m, line)] - m->dram_queue;
        if (room > served) served = room, E->l2_free[channel] = served + m->l2_line; // and all behind it wait
        ++E->report->dram_reads;
        oldest->ready = dram(E, line, served) + m->dram_latency;
    }
    return oldest->ready;
}
static i64 through_port(Engine *E, Cu *cu, i64 at) {
    i64 start = MAX(at, cu->port_free);
    cu->port_free = start + E->m->port_line;
    return start;
}
// An L1's request: they reach L2 in order, so that those behind one that finds its channel's queue full wait with it. Returns when the data is
// back. The channel's own time is taken as if the request had come at once: what waits in a compute unit leaves no channel idle.
static i64 request(Engine *E, Cu *cu, u32 line, i64 at, int fetch, int dirty) {
    const Machine *m = E->m;
    i64 sent = through_port(E, cu, at), taken = MAX(sent, cu->requests_free);
    taken = MAX(taken, E->l2_free[channel_of(m, line)] - m->l2_queue);
    cu->requests_free = taken + m->port_line;
    i64 ready = access_l2(E, line, sent, fetch, dirty);
    return MAX(ready, taken + m->l2_latency);
}
// The place of a line in a cache, from now on: `hit` where it was there, else that of the line which its set used least recently.
static u32 look_up(const Machine *m, Cache *cache, u32 line, int *hit) {
    u32 first = line % m->l1_sets * m->l1_ways, oldest = first;
    ++cache->stamp;
    *hit = 1;
    for (u32 w = first; w < first + m->l1_ways; ++w) {
        if (cache->tag[w] == line) return cache->used[w] = cache->stamp, w;
        if (cache->used[w] < cache->used[oldest]) oldest = w;
    }
    *hit = 0;
    cache->tag[oldest] = line, cache->used[oldest] = cache->stamp;
    return oldest;
}
static i64 load_line(Engine *E, Cu *cu, u32 line, i64 at) {
    int hit;
    i64 *ready = cu->l1.ready + look_up(E->m, &cu->l1, line, &hit);
    ++*(hit ? &E->report->l1_hits : &E->report->l1_misses);
    if (hit) return MAX(at + E->m->l1_latency, *ready);
    return *ready = request(E, cu, line, at, 1, 0);
}
static i64 load_scalar_line(Engine *E, ScalarCache *cache, u32 line, i64 at) {
    int hit;
    i64 *ready = cache->lines.ready + look_up(E->m, &cache->lines, line, &hit);
    at = MAX(at, cache->free);
    cache->free = at + E->m->scalar_line;
    ++*(hit ? &E->report->scalar_hits : &E->report->scalar_misses);
    if (hit) return MAX(at + E->m->smem_latency, *ready);
    return *ready = access_l2(E, line, at, 1, 0);
}

// --- all of it ---
static void empty(u32 *tags, u32 count) {
    for (u32 i = 0; i < count; ++i) tags[i] = NO_TAG;
}
// Caches that hold nothing, in memory that free_memory gives back. Returns 0 where there is none.
static int make_memory(Engine *E) {
    const Machine *m = E->m;
    u32 l1 = m->l1_sets * m->l1_ways, scalars = (m->cus + m->scalar_sharers - 1) / m->scalar_sharers, caches = m->cus + scalars;
    u64 l2 = (u64)m->l2_channels * m->l2_sets * m->l2_ways;
    E->l2 = calloc(l2, sizeof(Line));
    E->l2_free = calloc(2ull * (m->l2_channels + m->dram_channels), sizeof(i64));
    E->scalars = calloc(scalars, sizeof(ScalarCache));
    E->tags = calloc(2ull * l1 * caches, sizeof(u32));
    E->arrivals = calloc((u64)l1 * caches, sizeof(i64));
    if (!E->l2 || !E->l2_free || !E->scalars || !E->tags || !E->arrivals) return 0;
    E->l2_busy = E->l2_free + m->l2_channels, E->dram_free = E->l2_busy + m->l2_channels, E->dram_busy = E->dram_free + m->dram_channels;
    for (u64 i = 0; i < l2; ++i) E->l2[i].tag = NO_TAG;
    for (u32 c = 0; c < caches; ++c) {
        u32 *tag = E->tags + 2ull * l1 * c;
        empty(tag, l1);
        *(c < m->cus ? &E->cus[c].l1 : &E->scalars[c - m->cus].lines) = (Cache){tag, tag + l1, E->arrivals + (u64)l1 * c, 0};
    }
    return 1;
}
// What L2 still holds for DRAM goes there; the channels' part of the report.
static void finish_memory(Engine *E) {
    const Machine *m = E->m;
    Report *report = E->report;
    for (u64 i = 0; i < (u64)m->l2_channels * m->l2_sets * m->l2_ways; ++i)
        if (E->l2[i].tag != NO_TAG && E->l2[i].dirty) dram(E, E->l2[i].tag, 0), ++report->dirty_left;
    report->flushed = report->end;
    for (u32 c = 0; c < m->l2_channels; ++c) report->most_l2 = MAX(report->most_l2, E->l2_busy[c]);
    for (u32 c = 0; c < m->dram_channels; ++c) {
        report->flushed = MAX(report->flushed, E->dram_free[c]);
        report->most_dram = MAX(report->most_dram, E->dram_busy[c]);
    }
}
static void free_memory(Engine *E) { free(E->l2), free(E->l2_free), free(E->scalars), free(E->tags), free(E->arrivals); }
#endif
