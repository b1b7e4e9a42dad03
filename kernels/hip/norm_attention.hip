// norm_attention.hip: the attention block of one token in one launch: norm, queries, keys and values, attention to a cache and to the token
// itself, output product; fused epilogue.
//
// Shapes   x [K], W [K][stride], columns: queries, keys, values, each [heads][64]; cached keys and values [heads][past][64]; V [heads * 64]
//          [stride_v], stride_v >= N; y [N]. norm: layer norm or RMS norm, as norm_gemv.hip's.
// Method   A work-group is a head. It norms x; 12 waves compute its 192 columns of W's product, a lane a column, in 4 parts of k. A score takes
//          16 lanes, 4 values each; all scores lie in LDS, and each wave adds up the values of keys of its own. Then the head's 64 results
//          are multiplied by its 64 rows of V, a lane 64 * 12 columns apart; the heads' sums meet in memory, and the last one finishes
//          (split_finish.h). The first loads of each stream are under way before what they are multiplied by is known.
// Fused    AMDC_EPILOGUE(value, n, n). INNER_BIAS 0 or 1: of W's product.
// Options  CENTRED 1 layer norm, 0 RMS norm. AFFINE 0 nothing, 1 times gain[k], 2 and plus shift[k]. HELD = ceil(K / 768), COLUMNS = ceil(N / 768);
//          SCORES: room for scores, past < SCORES.
// Types    float. Launch 768 lanes; grid (heads). Limits: K <= 4,096, N <= 3,072, past < 8,192, tensors below 1 GiB.
// Predicted on an RX 580 (simulated), GPT-2's block (K = N = 768, 12 heads, 255 cached keys), microseconds without launches: 57.9, DRAM's time
//          50.0; as three kernels 56.6 and two launches more, 52 us. The timing model lets 12 compute units draw DRAM's whole rate, of
//          which no measurement is known; hence 8 heads at least.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#include "arguments.h"
#include "split_finish.h"
#ifndef HELD
#define HELD 1
#define COLUMNS 1
#define CENTRED 1
#define AFFINE 2
#define SCORES 256
#define INNER_BIAS 1
#endif
#include "row_norm.h"
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#define WIDTH 64 // of a head
#define WAVES (AMDC_BLOCK / 64)
#define SHARES (WAVES / 3) // waves that share k
#define OUTSIDE 0x80000000u
#define UNROLL 16            // loads under way in a wave: vmcnt counts no more
#define AHEAD 6              // times four keys of a wave
#define ROWS_V (16 / COLUMNS) // rows of V under way
#define LOG2E 1.44269504f

// The sum over the 16 lanes of a DPP row, in each of them.
template <int BY> AMDC_DEVICE float turned(float x) {
    return __builtin_bit_cast(float, __builtin_amdgcn_update_dpp(0, __builtin_bit_cast(int, x), 0x120 + BY, 0xf, 0xf, true));
}
AMDC_DEVICE float row_sum(float x) {
    x += turned<8>(x);
    x += turned<4>(x);
    x += turned<2>(x);
    return x + turned<1>(x);
}
// The same lane of the row BY lanes away.
template <int BY> AMDC_DEVICE float across(float x) {
    return __builtin_bit_cast(float, __builtin_amdgcn_ds_bpermute(4 * (int)(amdc_lane() ^ BY), __builtin_bit_cast(int, x)));
}

AMDC_KERNEL void AMDC_SYMBOL(const float *x, unsigned x_bytes, const float *w, unsigned w_bytes, float *y, unsigned y_bytes, const float *v,
                             unsigned v_bytes, const float *gain, unsigned gain_bytes, const float *shift, unsigned shift_bytes,
                             const float *keys, unsigned keys_bytes, const float *values, unsigned values_bytes, float *partials,
                             unsigned partials_bytes, unsigned *counters, unsigned counters_bytes, unsigned K, unsigned heads,
                             unsigned past, unsigned N, unsigned stride, unsigned stride_v, float epsilon, float scale
#if INNER_BIAS
                             , const float *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    amdc_fetch_arguments<decltype(AMDC_SYMBOL)>();
    AMDC_SHARED static __attribute__((aligned(16))) float normal[HELD * AMDC_BLOCK], partial[SHARES][3][WIDTH], results[WAVES][WIDTH];
    AMDC_SHARED static float scores[SCORES], scratch[WAVES];
    const unsigned lane = amdc_lane(), wave = amdc_wave(), thread = amdc_thread(), head = amdc_group_x();
    const unsigned kind = wave % 3, share = wave / 3, column = (kind * heads + head) * WIDTH + lane; // queries, keys, values
    amdc_buffer from_w = amdc_make(w, w_bytes), from_v = amdc_make(v, v_bytes), from_x = amdc_make(x, x_bytes);
    float value[HELD], held[UNROLL];
#pragma unroll
    for (unsigned j = 0; j < HELD; ++j) value[j] = amdc_load_f32(from_x, 4 * (j * AMDC_BLOCK + thread));
    auto load = [&](unsigned k) AMDC_INLINE { // rows k .. k + UNROLL - 1 of W
#pragma unroll
        for (unsigned i = 0; i < UNROLL; ++i) held[i] = amdc_load_f32(from_w, k < K ? 4 * ((k + i) * stride + column) : OUTSIDE);
    };
    load(share * 64);
    normalize_row(normal, scratch, value, amdc_make(gain, gain_bytes), amdc_make(shift, shift_bytes), K, epsilon);

    float sum = 0.0f;
    for (unsigned chunk = share * 64; chunk < K; chunk += 64 * SHARES) {
        float mine = normal[chunk + lane];
        for (unsigned k = 0; k < 64; k += UNROLL) {
#pragma unroll
            for (unsigned i = 0; i < UNROLL; ++i) sum += held[i] * amdc_of_lane(mine, k + i);
            load(k + UNROLL < 64 ? chunk + k + UNROLL : chunk + 64 * SHARES);
        }
    }
#if INNER_BIAS
    if (share == 0) sum += amdc_load_f32(amdc_make(bias, bias_bytes), 4 * column);
#endif
    partial[share][kind][lane] = sum;

    // The cache: 16 lanes have a key, 4 values each; keys (at * WAVES + wave) * 4 + team.
    const unsigned team = lane / 16, c = lane % 16 * 4, plane = past * WIDTH;
    amdc_buffer from_keys = amdc_make(keys + head * plane, 4 * plane), from_values = amdc_make(values + head * plane, 4 * plane);
    amdc_f4 key[AHEAD], some[AHEAD];
    auto number = [&](unsigned at) AMDC_INLINE { return (at * WAVES + wave) * 4 + team; };
    auto fetch = [&](amdc_f4 (&into)[AHEAD], amdc_buffer from, unsigned at) AMDC_INLINE {
#pragma unroll
        for (unsigned i = 0; i < AHEAD; ++i) into[i] = amdc_load_f32x4(from, number(at + i) < past ? 4 * (number(at + i) * WIDTH + c) : OUTSIDE);
    };
    fetch(key, from_keys, 0);
    fetch(some, from_values, 0);
    amdc_barrier();
    amdc_f4 query = {}, own = {}; // of this head, and the token's key
    float added = 0.0f;           // the token's value
#pragma unroll
    for (unsigned i = 0; i < SHARES; ++i) {
        query += *(const amdc_f4 *)&partial[i][0][c];
        own += *(const amdc_f4 *)&partial[i][1][c];
        added += partial[i][2][lane];
    }
    auto score = [&](amdc_f4 by) AMDC_INLINE {
        return row_sum(query[0] * by[0] + query[1] * by[1] + query[2] * by[2] + query[3] * by[3]) * scale;
    };
    const unsigned steps = (past + 4 * WAVES - 1) / (4 * WAVES);
    for (unsigned at = 0; at < steps; at += AHEAD) {
#pragma unroll
        for (unsigned i = 0; i < AHEAD; ++i) {
            float found = score(key[i]);
            if (c == 0 && number(at + i) < past) scores[number(at + i)] = found;
        }
        if (at + AHEAD < steps) fetch(key, from_keys, at + AHEAD);
    }
    const float last = score(own);
    amdc_barrier();
    float highest = last, total = 0.0f;
    for (unsigned n = lane; n < past; n += 64) highest = __builtin_fmaxf(highest, scores[n]);
    highest = amdc_wave_reduce<amdc_max>(highest);
    auto weight = [&](float of) AMDC_INLINE { return amdc_exp2_raw((of - highest) * LOG2E); };
    for (unsigned n = lane; n < past; n += 64) total += weight(scores[n]);
    total = amdc_wave_reduce<amdc_sum>(total) + weight(last);
    amdc_f4 result = {};
    for (unsigned at = 0; at < steps; at += AHEAD) {
#pragma unroll
        for (unsigned i = 0; i < AHEAD; ++i) // what lies behind the cache is 0
            result += some[i] * (number(at + i) < past ? weight(scores[number(at + i)]) : 0.0f);
        if (at + AHEAD < steps) fetch(some, from_values, at + AHEAD);
    }
#pragma unroll
    for (unsigned j = 0; j < 4; ++j) {
        result[j] += across<16>(result[j]);
        result[j] += across<32>(result[j]);
    }
    if (team == 0) *(amdc_f4 *)&results[wave][c] = result;

    // The head's rows of V; a lane's columns lie AMDC_BLOCK apart.
    float rows[ROWS_V][COLUMNS], out[COLUMNS] = {};
    auto bring = [&](unsigned e) AMDC_INLINE {
#pragma unroll
        for (unsigned i = 0; i < ROWS_V; ++i)
#pragma unroll
            for (unsigned n = 0; n < COLUMNS; ++n)
                rows[i][n] = amdc_load_f32(from_v, e + i < WIDTH ? 4 * ((head * WIDTH + e + i) * stride_v + n * AMDC_BLOCK + thread) : OUTSIDE);
    };
    bring(0);
    amdc_barrier();
    float attended = added * weight(last);
#pragma unroll
    for (unsigned i = 0; i < WAVES; ++i) attended += results[i][lane];
    attended *= __builtin_amdgcn_rcpf(total);
    for (unsigned e = 0; e < WIDTH; e += ROWS_V) {
#pragma unroll
        for (unsigned i = 0; i < ROWS_V; ++i) {
            float factor = e + i < WIDTH ? amdc_of_lane(attended, (e + i) % WIDTH) : 0.0f;
#pragma unroll
            for (unsigned n = 0; n < COLUMNS; ++n) out[n] += rows[i][n] * factor;
        }
        bring(e + ROWS_V);
    }
    Split split = {amdc_make(partials, partials_bytes), counters, heads, head, 0};
    if (!split_finish<COLUMNS, WAVES>(split, wave, [&](unsigned i) AMDC_INLINE -> float & { return out[i]; })) return;
#pragma unroll
    for (unsigned i = 0; i < COLUMNS; ++i) {
        const unsigned n = i * AMDC_BLOCK + thread;
        if (n < N) amdc_store_f32(amdc_make(y, y_bytes), 4 * n, AMDC_EPILOGUE(out[i], n, n));
    }
}
