// engine.c: replays the traces of work-groups on a card's compute units and memory system, event by event.
//
// Times are in ticks of 1/256 clock. A wave issues one instruction every 4 clocks and stalls at s_waitcnt, at barriers and where the unit
// that it needs is busy. Units are servers that keep the time at which they are free:
//   a SIMD's VALU · a CU's LDS · a CU's address unit with its L1 · the scalar cache of a few CUs · the port from L2 to a CU · L2's channels · their DRAM channels
// Caches hold tags and the times at which lines arrive. Work-groups start in order as compute units have room. Runs of vector
// instructions are one event (at most BURST of them). Of the waves that want a SIMD's VALU the oldest has it.
// amdc/sim/timing/engine.py mirrors Op, Machine, Group and Report: keep all in the same order.
typedef __UINT8_TYPE__ u8;
typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;
typedef __INT64_TYPE__ i64;
extern void *calloc(__SIZE_TYPE__, __SIZE_TYPE__);
extern void free(void *);
#define EXPORT __attribute__((visibility("default")))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define RING 64       // outstanding accesses of a wave that are remembered; vmcnt and lgkmcnt count at most 15
#define NO_TAG 0xffffffffu

enum { VALU, SALU, SMEM, LOAD, STORE, ATOMIC, LDS, EXCHANGE, WAIT, BARRIER, BRANCH, END };

typedef struct {
    u32 kind, vm, lgkm, pad; // of WAIT: the counts to wait for
    i64 ticks;               // VALU, SALU: of the run; LOAD, STORE, LDS: the least that the unit is busy; BRANCH: not taken
} Op;
typedef struct { u32 first, count; } Block;
typedef struct {
    u32 cus, simds, groups_per_cu, waves_per_group;
    u32 l1_sets, l1_ways, l2_channels, l2_sets, l2_ways, dram_channels, interleave; // interleave: lines of a channel that lie together
    u32 scalar_sharers; // compute units that share a scalar cache, which has as many sets and ways as an L1
    i64 issue, lds_latency, l1_latency, l2_latency, dram_latency, smem_latency, store_latency;
    i64 lds_queue, address_queue; // how far a unit may be behind before waves stall at it
    i64 l2_queue, dram_queue;     // the same of an L2 channel before L1s stall at it, and of a DRAM channel before its L2 channel does
    i64 scalar_line, port_line, l2_line, dram_line; // ticks a 64-byte line: a scalar cache, L2 to one CU, one L2 channel, one DRAM channel
    i64 dispatch_wave, start, barrier, taken;
} Machine;
typedef struct {
    const u32 *words;
    u64 count;
    i64 start, finish; // results
} Group;
typedef struct { u64 issues; i64 busy, stall; } OpReport;
typedef struct {
    i64 end, flushed;  // the last completion; the same with what L2 still had to write back
    i64 valu, salu, lds, address, wave_time;
    u64 l1_hits, l1_misses, scalar_hits, scalar_misses, l2_hits, l2_misses, dram_reads, write_lines, writebacks, dirty_left, events;
    i64 most_l2, most_dram; // busy ticks of the busiest channel
} Report;

typedef struct {
    i64 t;
    const u32 *at, *end, *group_end; // within the piece; the group's end
    const Op *op, *op_end;
    u32 number, block, cu, simd, group;
    u32 vm_first, vm_count, lgkm_first, lgkm_count;
    i64 vm[RING], lgkm[RING], vm_last, lgkm_last, started, wanted; // wanted: since when it waits for the VALU, or -1
    u32 age; // the order of dispatch
} Wave;
typedef struct { u32 left, arrived; i64 latest; u32 first_wave; } Resident; // a work-group on a CU
typedef struct {
    i64 lds_free, address_free, port_free, requests_free, valu_free[4];
    u32 simd_waves[4];
    u32 *l1_tag, *l1_used;
    i64 *l1_ready;
    u32 stamp;
} Cu;
typedef struct {
    i64 free;
    u32 *tag, *used;
    i64 *ready;
    u32 stamp;
} ScalarCache;
typedef struct { u32 tag, used; i64 ready; u32 dirty; } Line;
typedef struct { i64 t; u32 age, wave; } Event; // of several at a time the oldest wave's comes first
typedef struct {
    const Op *ops;
    const Block *blocks;
    const Machine *m;
    Group *groups;
    u64 group_count, next_group;
    OpReport *by_op;
    Report *report;
    Wave *waves;
    Resident *residents; // by slot: cu * groups_per_cu + place
    u32 *slot_group;
    Cu *cus;
    ScalarCache *scalars;
    Line *l2;
    i64 *l2_free, *dram_free, *l2_busy, *dram_busy;
    u32 stamp;
    Event *heap;
    u32 heap_count;
    i64 dispatcher_free;
} Engine;

static int before(const Event *a, const Event *b) { return a->t < b->t || (a->t == b->t && a->age < b->age); }
static void push(Engine *E, u32 wave) {
    Event event = {E->waves[wave].t, E->waves[wave].age, wave};
    u32 i = E->heap_count++;
    for (u32 up; i && before(&event, &E->heap[up = (i - 1) / 2]); i = up) E->heap[i] = E->heap[up];
    E->heap[i] = event;
}
static u32 pop(Engine *E) {
    u32 result = E->heap[0].wave, n = --E->heap_count, i = 0;
    Event last = E->heap[n];
    for (u32 child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && before(&E->heap[child + 1], &E->heap[child])) ++child;
        if (before(&last, &E->heap[child])) break;
        E->heap[i] = E->heap[child];
    }
    E->heap[i] = last;
    return result;
}

// --- memory ---
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
static i64 load_line(Engine *E, Cu *cu, u32 line, i64 at) {
    const Machine *m = E->m;
    u32 first = line % m->l1_sets * m->l1_ways, oldest = first;
    ++cu->stamp;
    for (u32 w = first; w < first + m->l1_ways; ++w) {
        if (cu->l1_tag[w] == line) {
            cu->l1_used[w] = cu->stamp;
            ++E->report->l1_hits;
            return MAX(at + m->l1_latency, cu->l1_ready[w]);
        }
        if (cu->l1_used[w] < cu->l1_used[oldest]) oldest = w;
    }
    ++E->report->l1_misses;
    i64 ready = request(E, cu, line, at, 1, 0);
    cu->l1_tag[oldest] = line, cu->l1_used[oldest] = cu->stamp, cu->l1_ready[oldest] = ready;
    return ready;
}
static i64 load_scalar_line(Engine *E, ScalarCache *cache, u32 line, i64 at) {
    const Machine *m = E->m;
    u32 first = line % m->l1_sets * m->l1_ways, oldest = first;
    at = MAX(at, cache->free);
    cache->free = at + m->scalar_line;
    ++cache->stamp;
    for (u32 w = first; w < first + m->l1_ways; ++w) {
        if (cache->tag[w] == line) {
            cache->used[w] = cache->stamp;
            ++E->report->scalar_hits;
            return MAX(at + m->smem_latency, cache->ready[w]);
        }
        if (cache->used[w] < cache->used[oldest]) oldest = w;
    }
    ++E->report->scalar_misses;
    i64 ready = access_l2(E, line, at, 1, 0);
    cache->tag[oldest] = line, cache->used[oldest] = cache->stamp, cache->ready[oldest] = ready;
    return ready;
}

// --- waves ---
static void outstanding(i64 *ring, u32 *first, u32 *count, i64 *last, i64 done) {
    *last = MAX(*last, done); // returned in order
    if (*count == RING) *first = (*first + 1) % RING, --*count;
    ring[(*first + (*count)++) % RING] = *last;
}
static i64 wait_for(i64 t, const i64 *ring, u32 *first, u32 *count, u32 most) {
    while (*count > most) {
        t = MAX(t, ring[*first]);
        *first = (*first + 1) % RING, --*count;
    }
    return t;
}
// Go to the wave's next piece. 0 where there is none.
static int next_piece(Wave *W, const u32 *from) {
    for (const u32 *p = from; p < W->group_end; p += 2 + p[1])
        if (p[0] == W->number) {
            W->at = p + 2, W->end = p + 2 + p[1];
            return 1;
        }
    return 0;
}
static void enter_block(Engine *E, Wave *W) {
    W->block = *W->at++;
    W->op = E->ops + E->blocks[W->block].first;
    W->op_end = W->op + E->blocks[W->block].count;
}
static void start_group(Engine *E, u32 cu, u32 place, i64 at) {
    const Machine *m = E->m;
    u32 group = (u32)E->next_group++, slot = cu * m->groups_per_cu + place;
    Group *G = &E->groups[group];
    Resident *R = &E->residents[slot];
    at = MAX(at, E->dispatcher_free);
    G->start = at;
    *R = (Resident){m->waves_per_group, 0, 0, slot * m->waves_per_group};
    for (u32 i = 0; i < m->waves_per_group; ++i) {
        u32 index = R->first_wave + i, simd = 0;
        Wave *W = &E->waves[index];
        at += m->dispatch_wave;
        W->t = W->started = at + m->start;
        W->number = i, W->cu = cu, W->group = group;
        W->vm_count = W->lgkm_count = 0;
        W->vm_last = W->lgkm_last = 0;
        for (u32 s = 1; s < m->simds; ++s)
            if (E->cus[cu].simd_waves[s] < E->cus[cu].simd_waves[simd]) simd = s;
        W->simd = simd;
        ++E->cus[cu].simd_waves[simd];
        W->group_end = G->words + G->count;
        next_piece(W, G->words);
        enter_block(E, W);
        W->age = group * m->waves_per_group + i, W->wanted = -1;
        push(E, index);
    }
    E->dispatcher_free = at;
}
static void end_wave(Engine *E, Wave *W) {
    const Machine *m = E->m;
    u32 slot = (u32)(W - E->waves) / m->waves_per_group;
    Resident *R = &E->residents[slot];
    --E->cus[W->cu].simd_waves[W->simd];
    E->report->wave_time += W->t - W->started;
    R->latest = MAX(R->latest, W->t);
    E->report->end = MAX(E->report->end, MAX(W->t, W->vm_last));
    if (--R->left) return;
    E->groups[W->group].finish = R->latest;
    if (E->next_group < E->group_count) start_group(E, W->cu, slot % m->groups_per_cu, R->latest);
}
static void barrier(Engine *E, Wave *W) {
    const Machine *m = E->m;
    Resident *R = &E->residents[(u32)(W - E->waves) / m->waves_per_group];
    R->latest = MAX(R->latest, W->t);
    if (++R->arrived < R->left) return;
    i64 open = R->latest + m->barrier;
    R->arrived = 0, R->latest = 0;
    for (u32 i = 0; i < m->waves_per_group; ++i) {
        Wave *V = &E->waves[R->first_wave + i];
        if (V->op && V->op[-1].kind == BARRIER) {
            E->by_op[V->op - 1 - E->ops].stall += open - V->t;
            V->t = open;
            if (!next_piece(V, V->end)) continue;
            enter_block(E, V);
            push(E, R->first_wave + i);
        }
    }
}
static i64 global_access(Engine *E, Wave *W, const Op *op, i64 *stall) {
    const Machine *m = E->m;
    Cu *cu = &E->cus[W->cu];
    u32 word = *W->at++, lines = word & 255;
    i64 ticks = MAX(op->ticks, (i64)(word >> 8) * 256), unit = MAX(W->t, cu->address_free), done = unit + ticks;
    i64 issued = MAX(W->t, unit - m->address_queue);
    *stall = issued - W->t;
    cu->address_free = unit + ticks;
    E->report->address += ticks;
    for (u32 i = 0; i < lines; ++i) {
        i64 at = unit + ticks * (i + 1) / lines, ready;
        u32 line = *W->at++;
        if (op->kind == LOAD) ready = load_line(E, cu, line, at);
        else {
            ready = request(E, cu, line, at, op->kind == ATOMIC, 1);
            if (op->kind == STORE) ready = at + m->store_latency, ++E->report->write_lines;
        }
        done = MAX(done, ready);
    }
    if (!lines) done += m->l1_latency;
    outstanding(W->vm, &W->vm_first, &W->vm_count, &W->vm_last, done);
    W->t = issued + m->issue;
    return ticks;
}
static i64 lds_access(Engine *E, Wave *W, const Op *op, i64 *stall) {
    const Machine *m = E->m;
    Cu *cu = &E->cus[W->cu];
    i64 ticks = op->kind == LDS ? (i64)*W->at++ * 256 : op->ticks, unit = MAX(W->t, cu->lds_free);
    i64 issued = MAX(W->t, unit - m->lds_queue);
    *stall = issued - W->t;
    cu->lds_free = unit + ticks;
    E->report->lds += ticks;
    outstanding(W->lgkm, &W->lgkm_first, &W->lgkm_count, &W->lgkm_last, unit + ticks + m->lds_latency);
    W->t = issued + m->issue;
    return ticks;
}
// One operation. 0 where the wave has gone elsewhere (ended, at a barrier).
static int perform(Engine *E, Wave *W, const Op *op) {
    const Machine *m = E->m;
    OpReport *R = &E->by_op[op - E->ops];
    i64 stall = 0, busy = op->ticks, before = W->t;
    ++R->issues;
    switch (op->kind) {
    case VALU: {
        stall = W->wanted < 0 ? 0 : W->t - W->wanted;
        W->wanted = -1;
        E->cus[W->cu].valu_free[W->simd] = W->t += busy;
        E->report->valu += busy;
        break;
    }
    case SALU: case BRANCH:
        W->t += busy;
        E->report->salu += busy;
        break;
    case SMEM: {
        i64 done = W->t + m->smem_latency;
        for (u32 lines = *W->at++; lines; --lines) {
            i64 ready = load_scalar_line(E, &E->scalars[W->cu / m->scalar_sharers], *W->at++, W->t);
            done = MAX(done, ready);
        }
        outstanding(W->lgkm, &W->lgkm_first, &W->lgkm_count, &W->lgkm_last, done);
        W->t += m->issue;
        break;
    }
    case LOAD: case STORE: case ATOMIC: busy = global_access(E, W, op, &stall); break;
    case LDS: case EXCHANGE: busy = lds_access(E, W, op, &stall); break;
    case WAIT:
        W->t = wait_for(W->t, W->vm, &W->vm_first, &W->vm_count, op->vm);
        W->t = wait_for(W->t, W->lgkm, &W->lgkm_first, &W->lgkm_count, op->lgkm);
        stall = W->t - before;
        W->t += busy;
        break;
    case BARRIER: barrier(E, W); return 0;
    default: W->op = 0; end_wave(E, W); return 0;
    }
    R->busy += busy;
    R->stall += stall;
    return 1;
}
static int shared_unit(const Engine *E, const Wave *W, u32 kind) {
    return kind == VALU ? E->cus[W->cu].simd_waves[W->simd] > 1 : kind >= SMEM && kind != WAIT && kind != BRANCH;
}
static void run_wave(Engine *E, u32 index) {
    Wave *W = &E->waves[index];
    const Machine *m = E->m;
    for (;;) {
        while (W->op == W->op_end) {
            u32 before = W->block;
            if (W->at == W->end) { // a kernel that ends in a trap: nothing follows
                end_wave(E, W);
                return;
            }
            enter_block(E, W);
            if (W->block != before + 1) W->t += m->taken;
        }
        if (E->heap_count && W->t > E->heap[0].t && shared_unit(E, W, W->op->kind)) {
            push(E, index);
            return;
        }
        i64 free = E->cus[W->cu].valu_free[W->simd];
        if (W->op->kind == VALU && free > W->t) { // wait for it, with the others
            if (W->wanted < 0) W->wanted = W->t;
            W->t = free;
            push(E, index);
            return;
        }
        ++E->report->events;
        const Op *op = W->op++;
        if (!perform(E, W, op)) return;
    }
}

// Returns 0, or 1 where memory is short.
EXPORT int simulate(const Op *ops, u32 op_count, const Block *blocks, const Machine *m, Group *groups, u64 group_count, OpReport *by_op,
                    Report *report) {
    u32 slots = m->cus * m->groups_per_cu, l1 = m->l1_sets * m->l1_ways;
    u64 l2 = (u64)m->l2_channels * m->l2_sets * m->l2_ways;
    Engine engine = {ops, blocks, m, groups, group_count, 0, by_op, report}, *E = &engine;
    (void)op_count;
    E->waves = calloc((u64)slots * m->waves_per_group, sizeof(Wave));
    E->residents = calloc(slots, sizeof(Resident));
    E->cus = calloc(m->cus, sizeof(Cu));
    E->l2 = calloc(l2, sizeof(Line));
    E->l2_free = calloc(2ull * (m->l2_channels + m->dram_channels), sizeof(i64));
    E->heap = calloc((u64)slots * m->waves_per_group + 1, sizeof(Event));
    u32 caches = m->cus + (m->cus + m->scalar_sharers - 1) / m->scalar_sharers;
    E->scalars = calloc(caches - m->cus, sizeof(ScalarCache));
    u32 *tags = calloc(2ull * l1 * caches, sizeof(u32));
    i64 *ready = calloc((u64)l1 * caches, sizeof(i64));
    int short_of = !E->waves || !E->residents || !E->cus || !E->l2 || !E->l2_free || !E->heap || !E->scalars || !tags || !ready;
    if (!short_of) {
        E->l2_busy = E->l2_free + m->l2_channels, E->dram_free = E->l2_busy + m->l2_channels, E->dram_busy = E->dram_free + m->dram_channels;
        for (u64 i = 0; i < l2; ++i) E->l2[i].tag = NO_TAG;
        for (u32 c = 0; c < m->cus; ++c) {
            E->cus[c].l1_tag = tags + 2ull * l1 * c, E->cus[c].l1_used = E->cus[c].l1_tag + l1, E->cus[c].l1_ready = ready + (u64)l1 * c;
            for (u32 i = 0; i < l1; ++i) E->cus[c].l1_tag[i] = NO_TAG;
        }
        for (u32 c = m->cus; c < caches; ++c) {
            ScalarCache *cache = &E->scalars[c - m->cus];
            cache->tag = tags + 2ull * l1 * c, cache->used = cache->tag + l1, cache->ready = ready + (u64)l1 * c;
            for (u32 i = 0; i < l1; ++i) cache->tag[i] = NO_TAG;
        }
        for (u32 place = 0; place < m->groups_per_cu; ++place)
            for (u32 c = 0; c < m->cus && E->next_group < group_count; ++c) start_group(E, c, place, 0);
        while (E->heap_count) run_wave(E, pop(E));
        for (u64 i = 0; i < l2; ++i)
            if (E->l2[i].tag != NO_TAG && E->l2[i].dirty) dram(E, E->l2[i].tag, 0), ++report->dirty_left;
        report->flushed = report->end;
        for (u32 c = 0; c < m->l2_channels; ++c) report->most_l2 = MAX(report->most_l2, E->l2_busy[c]);
        for (u32 c = 0; c < m->dram_channels; ++c) {
            report->flushed = MAX(report->flushed, E->dram_free[c]);
            report->most_dram = MAX(report->most_dram, E->dram_busy[c]);
        }
    }
    free(E->waves), free(E->residents), free(E->cus), free(E->scalars), free(E->l2), free(E->l2_free), free(E->heap), free(tags), free(ready);
    return short_of;
}
