// attention_decode.hip: attention of a few rows over all keys, as in decoding: bound by the reading of K and V, which are read once.
//
// Shapes   As attention.hip's: the rows of all heads that share keys are one list of heads * M <= HELD rows, which a work-group computes.
// Method   16 lanes take a key: each multiplies 4 neighbouring values of d in 64, DPP adds them up. The 16 such teams of a work-group walk
//          the keys in turns, each with an online softmax and a result of its own; at the end they are combined in LDS.
//          SPLIT 1: work-group x walks keys x * span .. alone, as in Flash-Decoding (Dao et al. 2023); its V_WIDTH results (fp32), the
//          maximum and the sum of weights go to partials [B,G,splits,HELD,V_WIDTH + 2], and the work-group that comes last (last_part.h)
//          combines them: sum of result * total * 2^(maximum - largest maximum) over that of total * 2^(...), the parts in order.
//          JOINED 1: keys and values from number `past` on come from tensors of their own, as a step's stand apart from its cache's: no
//          kernel joins the two before. Only the turn that reaches them loads from both.
// Options  As attention.hip's; HELD 1, 2, 4 or 8 rows.
// Launch   256 lanes; grid (splits, G, B).
// Limits   tensors below 1 GiB; HELD * ceil(WIDTH / 64) at most 8, for the registers.
// Versions Tiles of 16 rows in attention.hip: 15 of 16 multiply-adds are for rows that are not there, and a wave alone walks the keys.
//          Predicted (RX 580), without the launch: one head of 16,384 keys of 128 values takes 245 us by one work-group, 79.6 by 16, 80.7 by
//          32 (DRAM's time 76.2), and by a second launch that combines 81 and 26 for the launch; with the loads left to clang's order, which
//          waits for each before the next, 1,273 us. 512 lanes: not faster. 12 heads of 256 keys of 64 values: 9.1 us whole, 10.7 by 2 or 4
//          parts (DRAM's time 7.2); 9.3 with arguments loaded where they are used and an address multiplied out for each load; 10.1 before all
//          arguments were fetched at once and lanes looked at all teams. The rest there, in clocks: 870 to the first key (wave 200, arguments 400,
//          addresses), 9,450 of stream and 440 of gaps in it, 350 of its last latency, 420 for the last turn, 690 for teams and store. Without
//          any gap or turn, with a team's join of 450, it would be 11,300: 85 % of DRAM's time would be 11,310.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef TYPE
#define TYPE float
#define MASK_TYPE float
#define HELD 1
#define WIDTH 64
#define V_WIDTH 64
#define CAUSAL 0
#define MASK 0
#define SOFTCAP 0
#define VECTORS 1
#define SPLIT 0
#define JOINED 0
#endif
#include "attention_parts.h"
#define TEAMS (AMDC_BLOCK / 16)
#include "arguments.h"
#if SPLIT
#include "last_part.h"
#define SPLIT_PARAMS , unsigned groups, unsigned splits, void *partials, unsigned partials_bytes, unsigned *counters, unsigned counters_bytes
#else
#define SPLIT_PARAMS
#endif
#define PART (V_WIDTH + 2) // values of a row: the largest score, its results, the sum of weights
#define QUADS ((WIDTH + 63) / 64)
#define V_QUADS ((V_WIDTH + 63) / 64)
#if JOINED
#define JOINED_PARAMS                                                                                                                        \
    , const void *new_k, unsigned new_k_bytes, const void *new_v, unsigned new_v_bytes, unsigned past, unsigned new_k_batch,                 \
        unsigned new_k_head, unsigned new_k_row, unsigned new_v_batch, unsigned new_v_head, unsigned new_v_row
#else
#define JOINED_PARAMS
#endif
#define TOGETHER 8 // parts whose loads are under way at the end
#define AHEAD (HELD * (QUADS + V_QUADS) > 8 ? 2 : 4) // keys of a team whose loads are under way; registers allow no more

AMDC_KERNEL void AMDC_SYMBOL(const void *q, unsigned q_bytes, const void *k, unsigned k_bytes, const void *v, unsigned v_bytes, void *o,
                             unsigned o_bytes, unsigned M, unsigned N, unsigned heads, unsigned m_multiplier, unsigned m_shift,
                             unsigned q_batch, unsigned q_head, unsigned q_row, unsigned k_batch, unsigned k_head, unsigned k_row,
                             unsigned v_batch, unsigned v_head, unsigned v_row, unsigned o_batch, unsigned o_head, unsigned o_row,
                             unsigned span, float scale, float cap SPLIT_PARAMS JOINED_PARAMS MASK_PARAMS) {
    amdc_fetch_arguments<decltype(AMDC_SYMBOL)>();
    // All of them at once: one that is loaded where it is first used costs a wait of its own.
    asm volatile("" ::"s"(q), "s"(q_bytes), "s"(k), "s"(v), "s"(N), "s"(q_batch), "s"(q_head), "s"(q_row), "s"(k_batch), "s"(k_head), "s"(k_row),
                 "s"(v_batch), "s"(v_head), "s"(v_row), "s"(o), "s"(o_bytes), "s"(o_batch), "s"(o_head), "s"(o_row), "s"(span), "s"(scale));
    AMDC_SHARED static float maxima[TEAMS], totals[TEAMS];
    AMDC_SHARED static __attribute__((aligned(16))) float results[TEAMS][64 * V_QUADS];
    const unsigned g = amdc_group_y(), b = amdc_group_z(), c = amdc_thread() % 16, team = amdc_thread() / 16;
    amdc_buffer from_q = amdc_make(q, q_bytes), to = amdc_make(o, o_bytes);
    const unsigned k_base = SIZE * (b * k_batch + g * k_head), v_base = SIZE * (b * v_batch + g * v_head);
#if SPLIT
    const unsigned begin = amdc_group_x() * span, end = begin + span < N ? begin + span : N;
#else
    const unsigned begin = 0, end = N;
#endif
#if JOINED
    const unsigned known = past < end ? past : end;
    amdc_buffer from_new_k = amdc_make(new_k, new_k_bytes), from_new_v = amdc_make(new_v, new_v_bytes);
    const unsigned new_k_base = SIZE * (b * new_k_batch + g * new_k_head), new_v_base = SIZE * (b * new_v_batch + g * new_v_head);
#else
    const unsigned known = end;
#endif
    Place place[HELD];
    amdc_f4 query[HELD][QUADS], result[HELD][V_QUADS] = {};
    float maximum[HELD], total[HELD] = {};
#pragma unroll
    for (unsigned r = 0; r < HELD; ++r) {
        place[r] = Place::of(r, M, heads, g, m_multiplier, m_shift);
        unsigned row = place[r].inside ? SIZE * (b * q_batch + place[r].head * q_head + place[r].m * q_row) : BEHIND;
#pragma unroll
        for (unsigned i = 0; i < QUADS; ++i) query[r][i] = load_four(from_q, row, i * 64 + c * 4, WIDTH);
        maximum[r] = LOWEST;
    }
    // Where a team's keys and values of a turn lie behind the turn's first; a turn's buffer ends with the keys, so that no lane has to look.
    unsigned k_own = SIZE * team * k_row, v_own = SIZE * team * v_row;
    asm volatile("" : "+v"(k_own), "+v"(v_own)); // else clang multiplies for each load
    auto rows_from = [&](const void *rows, unsigned base, unsigned first, unsigned row, unsigned width) AMDC_INLINE {
        unsigned bytes = first < known ? SIZE * ((known - 1 - first) * row + width) : 0;
        return amdc_make((const char *)rows + base + SIZE * first * row, bytes);
    };
    for (unsigned first = begin; first < end; first += TEAMS * AHEAD) {
        const amdc_buffer from_k = rows_from(k, k_base, first, k_row, WIDTH), from_v = rows_from(v, v_base, first, v_row, V_WIDTH);
        amdc_f4 key[AHEAD][QUADS], value[AHEAD][V_QUADS];
        float score[HELD][AHEAD];
#pragma unroll
        for (unsigned u = 0; u < AHEAD; ++u) {
#pragma unroll
            for (unsigned i = 0; i < QUADS; ++i) key[u][i] = load_four(from_k, k_own + u * SIZE * TEAMS * k_row, i * 64 + c * 4, WIDTH);
#pragma unroll
            for (unsigned i = 0; i < V_QUADS; ++i) value[u][i] = load_four(from_v, v_own + u * SIZE * TEAMS * v_row, i * 64 + c * 4, V_WIDTH);
        }
#if JOINED
        if (first + TEAMS * AHEAD > past) {
            amdc_f4 new_key[AHEAD][QUADS], new_value[AHEAD][V_QUADS];
#pragma unroll
            for (unsigned u = 0; u < AHEAD; ++u) {
                unsigned n = first + u * TEAMS + team, at = n - past;
                bool own = n >= past && n < end;
#pragma unroll
                for (unsigned i = 0; i < QUADS; ++i)
                    new_key[u][i] = load_four(from_new_k, own ? new_k_base + SIZE * at * new_k_row : BEHIND, i * 64 + c * 4, WIDTH);
#pragma unroll
                for (unsigned i = 0; i < V_QUADS; ++i)
                    new_value[u][i] = load_four(from_new_v, own ? new_v_base + SIZE * at * new_v_row : BEHIND, i * 64 + c * 4, V_WIDTH);
            }
            __builtin_amdgcn_sched_barrier(0);
#pragma unroll
            for (unsigned u = 0; u < AHEAD; ++u) {
                const bool old = first + u * TEAMS + team < known;
#pragma unroll
                for (unsigned i = 0; i < QUADS; ++i) key[u][i] = old ? key[u][i] : new_key[u][i];
#pragma unroll
                for (unsigned i = 0; i < V_QUADS; ++i) value[u][i] = old ? value[u][i] : new_value[u][i];
            }
        }
#endif
        __builtin_amdgcn_sched_barrier(0); // all loads are issued before the first is waited for: half the time, predicted
#pragma unroll
        for (unsigned u = 0; u < AHEAD; ++u)
#pragma unroll
            for (unsigned r = 0; r < HELD; ++r) {
                float sum = 0.0f;
#pragma unroll
                for (unsigned i = 0; i < QUADS; ++i)
#pragma unroll
                    for (unsigned j = 0; j < 4; ++j) sum += query[r][i][j] * key[u][i][j];
                unsigned n = first + u * TEAMS + team;
                sum = row_sum(sum) * scale;
                sum = masked(SOFTCAP ? cap * amdc_tanh(sum) : sum MASK_PASSED(b, place[r], n));
                score[r][u] = n < end && (!CAUSAL || (int)n <= (int)(place[r].m + N - M)) ? sum : -__builtin_inff();
            }
#pragma unroll
        for (unsigned r = 0; r < HELD; ++r) {
            float highest = score[r][0];
            for (unsigned u = 1; u < AHEAD; ++u) highest = __builtin_fmaxf(highest, score[r][u]);
            float factor = advance(maximum[r], total[r], highest);
#pragma unroll
            for (unsigned i = 0; i < V_QUADS; ++i) result[r][i] *= factor;
#pragma unroll
            for (unsigned u = 0; u < AHEAD; ++u) {
                float share = weight(score[r][u], maximum[r]);
                total[r] += share;
#pragma unroll
                for (unsigned i = 0; i < V_QUADS; ++i)
#pragma unroll
                    for (unsigned j = 0; j < 4; ++j) result[r][i][j] += share * value[u][i][j];
            }
        }
    }
#if SPLIT
    const unsigned tile = b * groups + g;
    amdc_buffer parts = amdc_make(partials, partials_bytes);
#endif
#pragma unroll
    for (unsigned r = 0; r < HELD; ++r) {
        if (c == 0) maxima[team] = maximum[r], totals[team] = total[r];
        amdc_barrier();
        float of_team = maxima[c], highest = row_highest(of_team), sum = row_sum(totals[c] * weight(of_team, highest)); // lane c looks at team c
        float factor = sum == 0.0f ? 0.0f : weight(maximum[r], highest) * __builtin_amdgcn_rcpf(sum);
#pragma unroll
        for (unsigned i = 0; i < V_QUADS; ++i) *(amdc_f4 *)&results[team][i * 64 + c * 4] = result[r][i] * factor;
        amdc_barrier();
        auto combined = [&](unsigned e) AMDC_INLINE {
            float value = 0.0f;
#pragma unroll
            for (unsigned t = 0; t < TEAMS; ++t) value += results[t][e];
            return value;
        };
#if SPLIT
        const unsigned part = 4 * PART * ((tile * splits + amdc_group_x()) * HELD + r), lane = amdc_lane();
        if (amdc_wave() == 0) { // one wave stores all, so that it can say that all is stored
            for (unsigned e = lane; e < V_WIDTH; e += 64) amdc_store_f32(parts, part + 4 + 4 * e, combined(e));
            if (lane < 2) amdc_store_f32(parts, part + 4 * (PART - 1) * lane, lane ? sum : highest);
        }
#else
        unsigned at = SIZE * (b * o_batch + place[r].head * o_head + place[r].m * o_row), e = amdc_thread();
        if (e < V_WIDTH && place[r].inside) amdc_store<TYPE>(to, at + SIZE * e, combined(e));
#endif
        amdc_barrier();
    }
#if SPLIT
    if (amdc_wave() != 0 || !last_part(counters + tile, splits)) return;
#pragma unroll
    for (unsigned r = 0; r < HELD; ++r) {
        const unsigned first = 4 * PART * (tile * splits * HELD + r), step = 4 * PART * HELD, lane = amdc_lane();
        const unsigned own = lane < splits ? first + step * lane : BEHIND; // lane s looks at part s
        float stored = amdc_load_f32(parts, own), all = amdc_load_f32(parts, own + 4 * (PART - 1)), of_part = lane < splits ? stored : LOWEST;
        float highest = amdc_wave_reduce<amdc_max>(of_part), share = all * weight(of_part, highest), sum = amdc_wave_reduce<amdc_sum>(share);
        float value[V_QUADS] = {};
        for (unsigned s = 0; s < splits; s += TOGETHER) {
            float loaded[TOGETHER][V_QUADS];
#pragma unroll
            for (unsigned u = 0; u < TOGETHER; ++u)
#pragma unroll
                for (unsigned i = 0; i < V_QUADS; ++i) {
                    unsigned e = i * 64 + lane;
                    loaded[u][i] = amdc_load_f32(parts, s + u < splits && e < V_WIDTH ? first + step * (s + u) + 4 + 4 * e : BEHIND);
                }
            __builtin_amdgcn_sched_barrier(0);
#pragma unroll
            for (unsigned u = 0; u < TOGETHER; ++u)
#pragma unroll
                for (unsigned i = 0; i < V_QUADS; ++i) value[i] += amdc_of_lane(share, s + u) * loaded[u][i];
        }
        unsigned at = SIZE * (b * o_batch + place[r].head * o_head + place[r].m * o_row);
        float inverse = sum == 0.0f ? 0.0f : __builtin_amdgcn_rcpf(sum);
        for (unsigned i = 0; i < V_QUADS; ++i)
            if (i * 64 + lane < V_WIDTH && place[r].inside) amdc_store<TYPE>(to, at + SIZE * (i * 64 + lane), value[i] * inverse);
    }
#endif
}
