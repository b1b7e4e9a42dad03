// norm_mlp.hip: y = act(norm(x) W + b) V for one vector x, as in a step of decoding: a feed-forward block in one launch; fused epilogue.
//
// Shapes   x [K], W [K][stride], stride >= M, V [M][stride_v], stride_v >= N, y [N]. norm: layer norm or RMS norm, as norm_gemv.hip's.
// Method   A work-group computes 64 of the M inner values, as norm_gemv.hip does: each norms x anew; a lane a value, 4 waves take turns at 64
//          values of k. Then it multiplies them by its 64 rows of V: COLUMNS columns a lane. The M / 64 work-groups' sums meet in memory, and
//          the last one finishes (split_finish.h). The first rows of W and of V are under way before what they are multiplied by is known.
// Fused    INNER(value): the activation, a function of amdc_math.h or amdc_activations.h. AMDC_EPILOGUE(value, n, n). INNER_BIAS: 0 or 1.
// Options  CENTRED 1 layer norm, 0 RMS norm. AFFINE 0 nothing, 1 times gain[k], 2 and plus shift[k]. HELD = ceil(K / 256), COLUMNS = ceil(N / 256).
// Types    float. Launch 256 lanes; grid (ceil(M / 64)). Limits: K <= 4,096, N <= 2,048, tensors below 1 GiB.
// Predicted on an RX 580 (simulated), GPT-2's block (K = N = 768, M = 3,072), microseconds without launches: 89.9, DRAM's time 86.0; as two
//          kernels 89.6 and one launch more, 26 us: the sums of 48 work-groups, 147 KB, cost what one start and end cost.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#include "amdc_activations.h"
#include "arguments.h"
#include "split_finish.h"
#ifndef HELD
#define HELD 3
#define COLUMNS 3
#define CENTRED 1
#define AFFINE 2
#define INNER amdc_gelu_tanh
#define INNER_BIAS 1
#endif
#include "row_norm.h"
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#define MIDS 64
#define WAVES (AMDC_BLOCK / 64)
#define OUTSIDE 0x80000000u
#define UNROLL 16               // loads of W under way in a wave: vmcnt counts no more
#define ROWS_V (16 / COLUMNS)   // rows of V under way

AMDC_KERNEL void AMDC_SYMBOL(const float *x, unsigned x_bytes, const float *w, unsigned w_bytes, float *y, unsigned y_bytes, const float *v,
                             unsigned v_bytes, const float *gain, unsigned gain_bytes, const float *shift, unsigned shift_bytes,
                             float *partials, unsigned partials_bytes, unsigned *counters, unsigned counters_bytes, unsigned K, unsigned M,
                             unsigned N, unsigned stride, unsigned stride_v, unsigned parts, float epsilon
#if INNER_BIAS
                             , const float *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    amdc_fetch_arguments<decltype(AMDC_SYMBOL)>();
    AMDC_SHARED static float normal[HELD * AMDC_BLOCK], partial[WAVES][MIDS], scratch[WAVES];
    const unsigned lane = amdc_lane(), wave = amdc_wave(), thread = amdc_thread(), part = amdc_group_x(), mid = part * MIDS + lane;
    amdc_buffer from_x = amdc_make(x, x_bytes), from_w = amdc_make(w, w_bytes), from_v = amdc_make(v, v_bytes), to = amdc_make(y, y_bytes);
    float value[HELD], column[UNROLL];
#pragma unroll
    for (unsigned j = 0; j < HELD; ++j) value[j] = amdc_load_f32(from_x, 4 * (j * AMDC_BLOCK + thread));
    auto load = [&](unsigned k) AMDC_INLINE { // rows k .. k + UNROLL - 1 of W
#pragma unroll
        for (unsigned i = 0; i < UNROLL; ++i) column[i] = amdc_load_f32(from_w, k < K ? 4 * ((k + i) * stride + mid) : OUTSIDE);
    };
    load(wave * MIDS);
    normalize_row(normal, scratch, value, amdc_make(gain, gain_bytes), amdc_make(shift, shift_bytes), K, epsilon);

    float sum = 0.0f;
    for (unsigned chunk = wave * 64; chunk < K; chunk += 64 * WAVES) {
        float mine = normal[chunk + lane];
        for (unsigned k = 0; k < 64; k += UNROLL) {
#pragma unroll
            for (unsigned i = 0; i < UNROLL; ++i) sum += column[i] * amdc_of_lane(mine, k + i);
            load(k + UNROLL < 64 ? chunk + k + UNROLL : chunk + 64 * WAVES);
        }
    }
    partial[wave][lane] = sum;

    // Rows of V; a lane's columns lie 64 apart, beside those of the wave's other lanes.
    const unsigned first = wave * (64 * COLUMNS) + lane;
    float rows[ROWS_V][COLUMNS], out[COLUMNS] = {};
    auto bring = [&](unsigned m) AMDC_INLINE {
#pragma unroll
        for (unsigned i = 0; i < ROWS_V; ++i)
#pragma unroll
            for (unsigned c = 0; c < COLUMNS; ++c)
                rows[i][c] = amdc_load_f32(from_v, m + i < MIDS ? 4 * ((part * MIDS + m + i) * stride_v + first + 64 * c) : OUTSIDE);
    };
    bring(0);
    amdc_barrier();
    float hidden = 0.0f;
#pragma unroll
    for (unsigned i = 0; i < WAVES; ++i) hidden += partial[i][lane];
#if INNER_BIAS
    hidden += amdc_load_f32(amdc_make(bias, bias_bytes), 4 * mid);
#endif
    hidden = mid < M ? INNER(hidden) : 0.0f;
    for (unsigned m = 0; m < MIDS; m += ROWS_V) {
#pragma unroll
        for (unsigned i = 0; i < ROWS_V; ++i) {
            float factor = m + i < MIDS ? amdc_of_lane(hidden, (m + i) % MIDS) : 0.0f;
#pragma unroll
            for (unsigned c = 0; c < COLUMNS; ++c) out[c] += rows[i][c] * factor;
        }
        bring(m + ROWS_V);
    }
    Split split = {amdc_make(partials, partials_bytes), counters, parts, part, 0};
    if (!split_finish<COLUMNS, WAVES>(split, wave, [&](unsigned i) AMDC_INLINE -> float & { return out[i]; })) return;
#pragma unroll
    for (unsigned c = 0; c < COLUMNS; ++c) {
        const unsigned n = first + 64 * c;
        if (n < N) amdc_store_f32(to, 4 * n, AMDC_EPILOGUE(out[c], n, n));
    }
}
