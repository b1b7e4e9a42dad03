// worker.h: runs work-groups until none is left. Any number of threads call run_worker on the same Launch.
#ifndef AMDC_WORKER_H
#define AMDC_WORKER_H
#include "float_mode.h"
#include "lds.h"
#include "trace.h"
#include "wave.h"

IMPORTED int run_wave(Wave *W); // generated: runs from W->resume to the next stop

#define LDS_PLACE (LDS_SPACE + LDS_SLACK)
#define RACES_BYTES (CHECK_RACES ? 4 * LDS_PLACE + ALIGNED(sizeof(Races)) : 0)
#define ALIGNED(n) (((u64)(n) + 255) & ~(u64)255)

INLINE u32 wave_count(const Launch *L) { return (L->size[0] * L->size[1] * L->size[2] + LANES - 1) / LANES; }
INLINE u64 vgpr_bytes(const Launch *L) { return (u64)L->vgpr_count * LANES * 4; }

// Bytes that a worker needs at `memory` (256-byte aligned).
u64 worker_bytes(const Launch *L) {
    u64 wave = ALIGNED(sizeof(Wave)) + vgpr_bytes(L) + ALIGNED(L->vgpr_count * 8);
    return LDS_PLACE + RACES_BYTES + wave_count(L) * wave;
}

static void start_wave(Launch *L, Wave *W, u32 number, u64 group, u32 worker) {
    u32 waves = wave_count(L), items = L->size[0] * L->size[1] * L->size[2], first = number * LANES;
    u32 active = items - first < LANES ? items - first : LANES;
    u64 exec = active == LANES ? ALL_LANES : ((u64)1 << active) - 1;
    u64 scratch_wave = (u64)L->scratch_per_lane * LANES;
    u32 id[3] = {(u32)(group % L->groups[0]), (u32)(group / L->groups[0] % L->groups[1]),
                 (u32)(group / L->groups[0] / L->groups[1])};
    __builtin_memset(W->v, 0xff, vgpr_bytes(L)); // what nothing wrote reads as NaN, in every run the same
    __builtin_memset(W->written, 0, L->vgpr_count * 8ull);
    __builtin_memset(W->s, 0xff, sizeof W->s);
    W->s_written[0] = W->s_written[1] = 0;
    for (u32 i = 0; i < L->sgpr_count; ++i) W->s[i] = L->sgprs[i], W->s_written[0] |= (u64)1 << i;
    for (int d = 0; d < 3; ++d)
        if (L->group_id[d] >= 0) W->s[L->group_id[d]] = id[d], W->s_written[0] |= (u64)1 << L->group_id[d];
    W->scratch_base = L->scratch + ((u64)worker * waves + number) * scratch_wave;
    W->s[L->wave_offset] = (u32)(W->scratch_base - L->scratch);
    W->s_written[0] |= (u64)1 << L->wave_offset;
    for (u32 lane = 0; lane < active; ++lane) {
        u32 item = first + lane;
        u32 ids[3] = {item % L->size[0], item / L->size[0] % L->size[1], item / L->size[0] / L->size[1]};
        for (u32 d = 0; d < L->work_item_ids; ++d) W->v[d][lane] = ids[d];
    }
    for (u32 d = 0; d < L->work_item_ids; ++d) W->written[d] = exec;
    EXEC = exec;
    W->s_written[S_EXEC / 64] |= (u64)3 << S_EXEC % 64;
    W->scc = 0;
    W->mode = L->mode;
    W->number = number;
    W->stop = STOP_BARRIER;
    W->resume = W->pc = L->entry;
    W->budget = L->max_instructions ? L->max_instructions : ALL_LANES >> 1;
    W->scratch_per_lane = L->scratch_per_lane;
    W->group = group;
    expand_mask(W, exec);
}

// All waves up to the next barrier, until all have ended. Returns STOP_END or STOP_FAULT.
static int run_group(Wave **waves, u32 count) {
    for (;;) {
        u32 ended = 0, at_barrier = 0;
        for (u32 i = 0; i < count; ++i) {
            Wave *W = waves[i];
            if (W->stop == STOP_BARRIER) {
                use_f32_mode(W);
                u64 piece = W->trace ? trace_open(W->trace, 1, W->number, 0) : 0;
                W->stop = (u32)run_wave(W);
                if (W->trace) trace_close(W->trace, piece);
                if (CHECK_RACES && W->races) merge_marks(W->races);
            }
            if (W->stop == STOP_FAULT) return STOP_FAULT;
            if (W->stop == STOP_END) ++ended;
            else at_barrier = i + 1;
        }
        if (ended == count) return STOP_END;
        if (CHECK_RACES && waves[0]->races) clear_marks(waves[0]->races);
        if (CHECK_BARRIERS && ended) return fault(waves[at_barrier - 1], FAULT_BARRIER, 0, 0, ended);
    }
}

void run_worker(Launch *L, u32 worker, u8 *memory) {
    u32 count = wave_count(L);
    Wave *waves[16]; // 1,024 work-items at most
    host_mode saved = get_host_mode();
    u8 *lds = memory, *maps = memory + LDS_PLACE;
    Races *races = 0;
    if (CHECK_RACES && count > 1 && L->lds_size) {
        races = (Races *)(maps + 4 * LDS_PLACE);
        __builtin_memset(maps, 0, RACES_BYTES);
        races->shift = block_shift(L->lds_size);
        races->read = maps, races->written = maps + LDS_PLACE;
        races->own_read = maps + 2 * LDS_PLACE, races->own_written = maps + 3 * LDS_PLACE;
    }
    memory += LDS_PLACE + RACES_BYTES;
    for (u32 i = 0; i < count; ++i) {
        Wave *W = waves[i] = (Wave *)memory;
        memory += ALIGNED(sizeof(Wave));
        __builtin_memset(W, 0, sizeof *W);
        W->v = (u32(*)[LANES])memory;
        memory += vgpr_bytes(L);
        W->written = (u64 *)memory;
        memory += ALIGNED(L->vgpr_count * 8);
        W->vgpr_count = L->vgpr_count;
        W->launch = L;
        W->image = L->image;
        W->lds = lds;
        W->races = races;
        W->lds_size = L->lds_size;
        W->counts = L->counts ? L->counts + worker * L->blocks : 0;
    }
    for (;;) {
        u64 turn = __atomic_fetch_add(&L->next, 1, __ATOMIC_RELAXED);
        if (turn >= L->total || __atomic_load_n(&L->fault.kind, __ATOMIC_ACQUIRE)) break;
        u64 group = L->picked ? L->picked[turn] : turn;
        TraceBuffer *trace = TRACE && L->traces && !L->traces[worker].full && (!L->sampled || L->sampled[group]) ? &L->traces[worker] : 0;
        u64 before = trace ? trace->used : 0, place = trace ? trace_open(trace, 2, (u32)group, (u32)(group >> 32)) : 0;
        __builtin_memset(lds, 0xff, L->lds_size);
        if (races) clear_marks(races);
        for (u32 i = 0; i < count; ++i) {
            waves[i]->trace = trace;
            start_wave(L, waves[i], i, group, worker);
        }
        run_group(waves, count);
        if (trace) trace_close(trace, place);
        if (trace && trace->full) trace->used = before;
    }
    set_host_mode(saved);
}
#endif
