// bottleneck.hip: a dense layer (Huang et al. 2017, "DenseNet") in one launch: scale, shift and ReLU, 1x1 convolution, ReLU, 3x3
// convolution; fused epilogue.
//
// Shapes   x [batch][K][IN_H][IN_W], output [batch][N][IN_H][IN_W]; weights of the 1x1: [K][ld], of the 3x3: [M * 9][ld_n], rows as packed.
//          K and M multiples of 8, N at most FILTERS * WAVES_F.
// Method   A work-group computes 8 of the inner planes in OUT_ROWS rows and the row above and below. A lane has a position: x comes
//          coalesced, and the weights, the same for all lanes, in scalar registers; a product is v_mac(sum, SGPR, VGPR). WAVES_K sets of waves
//          share k; their sums meet in LDS in a fixed order, and lie there as planes with zeros around the image. Then each wave filters 64
//          positions to FILTERS results over these inner planes alone; the work-groups of the other inner planes, the last of which
//          finishes, add theirs (split_finish.h).
// Fused    AFFINE: relu(x * scale + shift) before the 1x1. AMDC_EPILOGUE(value, filter, element). INNER_BIAS, BIAS: 0 or 1.
// Types    float; v_mac. NaN stays NaN in the ReLUs. Limits: tensors below 1 GiB.
// Launch   64 * WAVES_N * WAVES_K lanes; grid (bands of OUT_ROWS rows, batch, M / 8).
// Predicted on an RX 580 (simulated), batch 1, M = 128, N = 32, AFFINE, microseconds without launches; in brackets the two kernels' that it
//          replaces (one launch more, 26 us): K = 256, 640, 992 of 14x14 19.7, 30.1, 37.4 (22.1, 28.8, 32.9); K = 512, 992 of
//          7x7 15.5, 21.1 (18.6, 20.9). DenseNet-121 takes 4.40 ms with launches instead of 5.45.
//          14x14 is bound by L2 (0.8 of its rate in the first half), from which every 8 inner planes read x again; 7x7 by latency: scalar
//          loads return in any order, so that no more than one stage's weights can be under way.
// Versions (K = 640 of 14x14; 768 of 7x7) 8 filters a wave, three taps' weights a stage: 34.3; 22.2. Sixteen inner planes a work-group: 49.6;
//          36.0, half of the CUs have nothing to do. Four rows a work-group: 49.5. All weights of the 3x3 touched at the start: 29.6; 18.5; those
//          of the 1x1: 34.9; 19.4, since x waits behind them. Fire modules (SqueezeNet) with several turns of filters: 40 us for
//          128 -> 16 -> 128 of 55x55 (36.5 apart), 43 for 384 -> 48 -> 384 of 13x13 (26.4): not worth it. Two 1x1, 128 -> 512 -> 128 of
//          14x14: 42 (30.4). 320 -> 128 -> 32 of 28x28: 57 (35).
#include "amdc.h"
#include "amdc_math.h"
#include "scalar_load.h"
#include "split_finish.h"
#ifndef IN_H
#define IN_H 14
#define IN_W 14
#define OUT_ROWS 7
#define WAVES_N 2
#define WAVES_K 8
#define FILTERS 4
#define WAVES_F 8
#define AFFINE 1
#define INNER_BIAS 1
#define BIAS 1
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#define SIDE 3 // of the second kernel
#define TAPS (SIDE * SIDE)
#define CHANNELS 8 // inner planes of a work-group
#define STAGE 4    // values of k in a stage: two stages' weights take 64 scalar registers
#define OUTSIDE 0x80000000u
#define WAVES (WAVES_N * WAVES_K)
#define HELD (64 * WAVES_N)       // positions that the lanes cover
#define WHOLE (OUT_ROWS == IN_H) // then the rows above and below the image are not computed
#define ABOVE (WHOLE ? 1 : 0)    // rows of the tile before those that are computed
#define COMPUTED (WHOLE ? IN_H : OUT_ROWS + 2)
#define PITCH (IN_W + 2)
#define PLANE ((OUT_ROWS + 2) * PITCH) // of an inner plane in LDS
#define WAVES_P ((OUT_ROWS * IN_W + 63) / 64)
#define TOGETHER (FILTERS > 4 ? SIDE : TAPS) // taps of a stage, for the same reason
static_assert(COMPUTED * IN_W <= HELD, "each position of the band has a lane");
static_assert(WAVES_P * WAVES_F <= WAVES && 64 * WAVES == AMDC_BLOCK, "each filter has a wave");

// Some products' weights, the same for all lanes, and the lanes' own values.
template <int STEPS, int WIDTH> struct Stage {
    float w[STEPS][WIDTH], x[STEPS];

    template <int FROM, int TO> __attribute__((device, always_inline)) void multiply(float (&sums)[WIDTH]) const {
#pragma unroll
        for (int i = FROM; i < TO; ++i)
#pragma unroll
            for (int c = 0; c < WIDTH; ++c) sums[c] += w[i][c] * x[i];
    }
};

// The first products wait for this stage; only then the next one is asked for.
template <int STEPS, int WIDTH, class Load> AMDC_DEVICE void pass(float (&sums)[WIDTH], const Stage<STEPS, WIDTH> &now, Load load_next) {
    now.template multiply<0, 1>(sums);
    __builtin_amdgcn_sched_barrier(0);
    load_next();
    __builtin_amdgcn_sched_barrier(0);
    now.template multiply<1, STEPS>(sums);
    __builtin_amdgcn_sched_barrier(0);
}

AMDC_DEVICE amdc_i4 scalars(const float *from, unsigned bytes) {
    unsigned long address = (unsigned long)from;
    return {(int)address, (int)(address >> 32), (int)bytes, 0x27000};
}

AMDC_KERNEL void AMDC_SYMBOL(const float *x, unsigned x_bytes, const float *inner, unsigned inner_bytes, float *y, unsigned y_bytes,
                             const float *weight, unsigned weight_bytes, float *partials, unsigned partials_bytes, unsigned *counters,
                             unsigned counters_bytes, unsigned K, unsigned ld, unsigned N, unsigned ld_n, unsigned bands, unsigned parts
#if AFFINE
                             , const float *scale, unsigned scale_bytes, const float *shift, unsigned shift_bytes
#endif
#if INNER_BIAS
                             , const float *inner_bias, unsigned inner_bias_bytes
#endif
#if BIAS
                             , const float *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static float tile[CHANNELS * PLANE];
    AMDC_SHARED static float shares[WAVES_K][CHANNELS * HELD];
    const unsigned lane = amdc_lane(), wave = amdc_wave(), image = amdc_group_y(), part = amdc_group_z(), first_mid = part * CHANNELS;
    const unsigned wave_n = wave % WAVES_N, wave_k = wave / WAVES_N;
    const unsigned first_row = amdc_group_x() * OUT_ROWS, start_row = WHOLE ? 0 : first_row - 1; // wraps above the image: not < IN_H
    const unsigned position = wave_n * 64 + lane;
    auto inside = [&](unsigned where) AMDC_INLINE { return where < COMPUTED * IN_W && start_row + where / IN_W < IN_H; };

    // The inner planes: this wave's values of k.
    amdc_buffer from = amdc_make(x + image * K * (IN_H * IN_W), K * (4 * IN_H * IN_W));
    const amdc_i4 rows = scalars(inner, inner_bytes);
    const unsigned at = inside(position) ? 4 * (start_row * IN_W + position) : OUTSIDE, column = 4 * first_mid;
    const unsigned eights = K / 8, begin = eights * wave_k / WAVES_K * 8, end = eights * (wave_k + 1) / WAVES_K * 8;
    Stage<STAGE, CHANNELS> stages[2];
    float a[2][STAGE], b[2][STAGE];
    auto load = [&](int which, unsigned k) AMDC_INLINE {
#if AFFINE
        scalar_load<STAGE>(a[which], scalars(scale, scale_bytes), 4 * k);
        scalar_load<STAGE>(b[which], scalars(shift, shift_bytes), 4 * k);
#endif
#pragma unroll
        for (int i = 0; i < STAGE; ++i) {
            scalar_load<CHANNELS>(stages[which].w[i], rows, (k + i) * 4 * ld + column);
            stages[which].x[i] = amdc_load_f32(from, at, (k + i) * (4 * IN_H * IN_W));
        }
    };
    load(0, begin);
    for (unsigned i = amdc_thread(); i < CHANNELS * PLANE; i += 64 * WAVES) tile[i] = 0.0f;
    float sums[CHANNELS] = {};
#pragma unroll 1
    for (unsigned k = begin; k < end;)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            k += STAGE;
#if AFFINE
#pragma unroll
            for (int i = 0; i < STAGE; ++i) stages[half].x[i] = amdc_relu(stages[half].x[i] * a[half][i] + b[half][i]);
#endif
            pass(sums, stages[half], [&]() AMDC_INLINE { load(half ^ 1, k < end ? k : begin); }); // behind the last stage: unused
        }
#pragma unroll
    for (int c = 0; c < CHANNELS; ++c) shares[wave_k][c * HELD + position] = sums[c];
    amdc_barrier();
    for (unsigned item = wave; item < CHANNELS * WAVES_N; item += WAVES) { // 64 positions of a plane
        const unsigned channel = item / WAVES_N, where = item % WAVES_N * 64 + lane, row = where / IN_W;
        float value = 0.0f;
#if INNER_BIAS
        scalar_load<1>(&value, scalars(inner_bias, inner_bias_bytes), 4 * (first_mid + channel));
#endif
#pragma unroll
        for (int i = 0; i < WAVES_K; ++i) value += shares[i][item * 64 + lane];
        if (inside(where)) tile[channel * PLANE + (ABOVE + row) * PITCH + 1 + where - row * IN_W] = amdc_relu(value);
    }
    amdc_barrier();
    if (wave >= WAVES_P * WAVES_F) return;

    // The 3x3 over these planes; the last of the parts finishes.
    const unsigned wave_p = wave % WAVES_P, n = wave / WAVES_P * FILTERS, place = wave_p * 64 + lane, row = place / IN_W;
    const bool kept = place < OUT_ROWS * IN_W && first_row + row < IN_H;
    const float *values = tile + (kept ? row * PITCH + place - row * IN_W : 0);
    const amdc_i4 filters = scalars(weight, weight_bytes);
    Stage<TOGETHER, FILTERS> held[2];
    auto bring = [&](int which, unsigned mid, int first) AMDC_INLINE { // from tap `first` on, counted from those of plane `mid`
#pragma unroll
        for (int i = 0; i < TOGETHER; ++i) {
            const int m = (first + i) / TAPS, tap = (first + i) % TAPS;
            scalar_load<FILTERS>(held[which].w[i], filters, ((first_mid + mid) * TAPS + first + i) * 4 * ld_n + 4 * n);
            held[which].x[i] = values[(mid + m) * PLANE + tap / SIDE * PITCH + tap % SIDE];
        }
    };
    float out[FILTERS] = {};
    bring(0, 0, 0);
#pragma unroll 1
    for (unsigned mid = 0; mid < CHANNELS; mid += 2)
#pragma unroll
        for (int s = 0; s < 2 * TAPS / TOGETHER; ++s)
            pass(out, held[s % 2], [&]() AMDC_INLINE {
                if (s + 1 < 2 * TAPS / TOGETHER) bring((s + 1) % 2, mid, (s + 1) * TOGETHER);
                else bring(0, mid + 2 < CHANNELS ? mid + 2 : 0, 0); // behind the last planes: unused
            });
    Split split = {amdc_make(partials, partials_bytes), counters, parts, part, image * bands + amdc_group_x()};
    if (!split_finish<FILTERS, WAVES_P * WAVES_F>(split, wave, [&](unsigned i) AMDC_INLINE -> float & { return out[i]; })) return;
    amdc_buffer to = amdc_make(y, y_bytes);
#pragma unroll
    for (int c = 0; c < FILTERS; ++c) {
        const unsigned element = ((image * N + n + c) * IN_H + first_row) * IN_W + place;
        float added = 0.0f;
#if BIAS
        scalar_load<1>(&added, scalars(bias, bias_bytes), 4 * (n + c));
#endif
        if (kept && n + c < N) amdc_store_f32(to, 4 * element, AMDC_EPILOGUE(out[c] + added, n + c, element));
    }
}
