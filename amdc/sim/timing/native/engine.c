// engine.c: replays the traces of work-groups on a card's compute units and memory system, event by event.
//
// Times are in ticks of 1/256 clock. A wave issues one instruction every 4 clocks and stalls at s_waitcnt, at barriers and where the unit
// that it needs is busy. Units are servers that keep the time at which they are free:
//   a SIMD's VALU · a CU's LDS · a CU's address unit with its L1 · the scalar cache of a few CUs · the port from L2 to a CU · L2's channels · their DRAM channels
// Caches hold tags and the times at which lines arrive. Work-groups start in order as compute units have room. Runs of vector
// instructions are one event (at most BURST of them). Of the waves that want a SIMD's VALU the oldest has it.
#include "memory.h"
#define EXPORT __attribute__((visibility("default")))

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
    i64 stall = 0, busy = op->ticks, before = W->t, waited = W->wanted < 0 ? 0 : W->t - W->wanted;
    W->wanted = -1;
    ++R->issues;
    switch (op->kind) {
    case VALU: {
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
    R->stall += stall + waited;
    return 1;
}
static int shared_unit(const Engine *E, const Wave *W, u32 kind) {
    return kind == VALU ? E->cus[W->cu].simd_waves[W->simd] > 1 : kind >= SMEM && kind != WAIT && kind != BRANCH;
}
// When a wave may issue its next operation at the earliest: where its VALU is free; an access where its counter, vmcnt or lgkmcnt, is not full.
// That it waits there is a guess, but else s_waitcnt could not count.
static i64 may_issue(const Engine *E, const Wave *W) {
    u32 kind = W->op->kind, vm = kind == LOAD || kind == STORE || kind == ATOMIC;
    if (kind == VALU) return E->cus[W->cu].valu_free[W->simd];
    if (!vm && kind != LDS && kind != EXCHANGE && kind != SMEM) return W->t;
    const i64 *ring = vm ? W->vm : W->lgkm;
    u32 first = vm ? W->vm_first : W->lgkm_first, count = vm ? W->vm_count : W->lgkm_count;
    return count < MOST_COUNTED ? W->t : ring[(first + count - MOST_COUNTED) % RING];
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
        i64 earliest = may_issue(E, W);
        if (earliest > W->t) { // wait, with the others
            if (W->wanted < 0) W->wanted = W->t;
            W->t = earliest;
            push(E, index);
            return;
        }
        ++E->report->events;
        const Op *op = W->op++;
        if (!perform(E, W, op)) return;
    }
}

// Returns 0, or 1 where memory is short.
EXPORT int simulate(const Op *ops, const Block *blocks, const Machine *m, Group *groups, u64 group_count, OpReport *by_op, Report *report) {
    u32 slots = m->cus * m->groups_per_cu;
    Engine engine = {ops, blocks, m, groups, group_count, 0, by_op, report}, *E = &engine;
    E->waves = calloc((u64)slots * m->waves_per_group, sizeof(Wave));
    E->residents = calloc(slots, sizeof(Resident));
    E->cus = calloc(m->cus, sizeof(Cu));
    E->heap = calloc((u64)slots * m->waves_per_group + 1, sizeof(Event));
    int fits = E->waves && E->residents && E->cus && E->heap && make_memory(E);
    if (fits) {
        for (u32 place = 0; place < m->groups_per_cu; ++place)
            for (u32 c = 0; c < m->cus && E->next_group < group_count; ++c) start_group(E, c, place, 0);
        while (E->heap_count) run_wave(E, pop(E));
        finish_memory(E);
    }
    free_memory(E);
    free(E->waves), free(E->residents), free(E->cus), free(E->heap);
    return !fits;
}
