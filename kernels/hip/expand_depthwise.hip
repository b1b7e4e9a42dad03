// expand_depthwise.hip: a 1x1 convolution, an activation and the depthwise convolution behind it in one launch; fused epilogue.
//
// Shapes   x [batch][K][IN_H][IN_W], output [batch][C][OUT_H][OUT_W]; weights of the 1x1: [K][ld], ld >= C; of the filters: [C][KH][KW].
//          K is a multiple of 8 * WAVES_K. A work-group expands 8 channels of the rows that OUT_ROWS rows of its outputs need: a lane has a
//          position, x comes coalesced, and the weights, the same for all lanes, in scalar registers; a product is v_mac(sum, SGPR, VGPR).
//          WAVES_K sets of waves share k, and their sums meet in LDS in a fixed order. The expanded rows lie in LDS, with their padding as
//          zeros; then each wave filters a channel after the other, its taps in scalar registers, STRIP outputs a lane, one below the other.
// Fused    AMDC_INNER(value, channel, 0) before the padding, AMDC_EPILOGUE(value, output channel, element). EXPAND_BIAS, BIAS: 0 or 1.
// Types    float; v_mac. Limits: tensors below 1 GiB.
// Launch   64 * WAVES_N * WAVES_K lanes, a position each WAVES_N waves; grid (ceil(C / 8), ceil(OUT_H / OUT_ROWS), batch).
// Static   clang 19, 7x7: 18 VGPRs, 86 SGPRs; 14x14 with 5x5: 37; the loop has 32 v_mac, 4 dword loads and 4 s_load_dwordx8 a stage.
// Predicted on an RX 580 (simulated), batch 1, microseconds without launches, and the two kernels' that it replaces (one launch more, 26 us):
//            16 ->   96 112x112 3x3/2  25.7 (64.2)      80 ->  480 14x14 3x3  10.6 (15.5)     112 -> 672 14x14 5x5/2  17.5 (21.7)
//            24 ->  144  56x56  3x3    24.5 (36.4)      80 ->  480 14x14 5x5  12.9 (17.2)     192 -> 1152 7x7 5x5     12.4 (20.6)
//            40 ->  240  28x28  5x5    15.3 (21.7)     112 ->  672 14x14 5x5  20.6 (26.1)     192 -> 1152 7x7 3x3     11.7 (19.0)
//          The large planes are bound by L2, from which every 8 channels read x again (0.6-0.8 of its rate), 7x7 by the loads of the weights
//          from DRAM, a stage ahead of their use: scalar loads return in any order, so that no more than one stage can be under way.
// Versions 16 channels a work-group: half of the L2 reads, but 34 us at 112x112 and 15.6 at 7x7: LDS then holds half of the waves. 2 to 4
//          positions a lane: 30 to 39 at 112x112. Weights laid out by stage: 12.2 at 7x7, 23.2 at 14x14 where rows as they lie gave 12.1
//          and 23.1. Inputs three stages ahead: 13.8 at 7x7. All weights touched at the start, to have them in L2: 15.3 at 7x7 (the inputs
//          wait behind them), 21.4 at 14x14. Work-groups ordered so that a CU's share a band: 24.2 at 112x112, 24.6 at 56x56.
//          Taps in LDS and channels by lane: 70 VGPRs and 32 us at 14x14.
#include "amdc.h"
#include "amdc_types.h"
#include "scalar_load.h"
#ifndef KH
#define KH 5
#define KW 5
#define STRIDE 1
#define IN_H 7
#define IN_W 7
#define OUT_H 7
#define OUT_W 7
#define PAD_TOP 2
#define PAD_LEFT 2
#define OUT_ROWS 7
#define WAVES_N 1
#define WAVES_K 4
#define STRIP 1
#define EXPAND_BIAS 1
#define BIAS 1
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#ifndef AMDC_INNER
#define AMDC_INNER(value, channel, offset) (value)
#endif
#define MEMBER __attribute__((device, always_inline))
#define CHANNELS 8
#define STAGE 4 // values of k in a stage: two stages' weights take 64 scalar registers
#define OUTSIDE 0x80000000u
#define WAVES (WAVES_N * WAVES_K)
#define HELD (64 * WAVES_N) // positions that the lanes cover
#define TAPS (KH * KW)
#define WHOLE (OUT_ROWS == OUT_H) // then the rows above and below the image are not computed
#define TILE_ROWS ((OUT_ROWS - 1) * STRIDE + KH)
#define ABOVE (WHOLE ? PAD_TOP : 0) // rows of the tile before those that are computed
#define COMPUTED (!WHOLE ? TILE_ROWS : IN_H < TILE_ROWS - ABOVE ? IN_H : TILE_ROWS - ABOVE)
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define PITCH MAX(PAD_LEFT + IN_W, (OUT_W - 1) * STRIDE + KW)
#define STRIPS ((OUT_ROWS + STRIP - 1) / STRIP)
#define PLANE (((STRIPS * STRIP - 1) * STRIDE + KH) * PITCH) // of a channel in LDS; the last strip may reach below the band
static_assert(COMPUTED * IN_W <= HELD, "each position of the band has a lane");
static_assert(CHANNELS % WAVES_K == 0 && 64 * WAVES == AMDC_BLOCK, "the waves that share k share the channels afterwards");

// The weights and inputs of STAGE values of k.
struct Stage {
    float w[STAGE][CHANNELS], x[STAGE];

    MEMBER void load(amdc_i4 weights, unsigned row_bytes, amdc_buffer from, unsigned k, unsigned at) {
#pragma unroll
        for (int i = 0; i < STAGE; ++i) {
            scalar_load<CHANNELS>(w[i], weights, (k + i) * row_bytes);
            x[i] = amdc_load_f32(from, at, (k + i) * (4 * IN_H * IN_W));
        }
    }
    template <int FROM, int TO> MEMBER void multiply(float (&sums)[CHANNELS]) const {
#pragma unroll
        for (int i = FROM; i < TO; ++i)
#pragma unroll
            for (int c = 0; c < CHANNELS; ++c) sums[c] += w[i][c] * x[i];
    }
};

// One strip of outputs, one below the other, of the values from `values` on.
AMDC_DEVICE void filter(const float *values, const float (&tap)[TAPS], float (&out)[STRIP]) {
#pragma unroll
    for (int row = 0; row < (STRIP - 1) * STRIDE + KH; ++row) {
        if (row % 3 == 2) __builtin_amdgcn_sched_barrier(0); // reads of three rows at a time: all would take twice the registers
        float value[KW];
#pragma unroll
        for (int kw = 0; kw < KW; ++kw) value[kw] = values[row * PITCH + kw];
#pragma unroll
        for (int r = 0; r < STRIP; ++r) {
            int kh = row - r * STRIDE;
            if (kh < 0 || kh >= KH) continue;
#pragma unroll
            for (int kw = 0; kw < KW; ++kw) out[r] += tap[kh * KW + kw] * value[kw];
        }
    }
}

AMDC_DEVICE amdc_i4 scalars(const float *from, unsigned bytes) {
    unsigned long address = (unsigned long)from;
    return {(int)address, (int)(address >> 32), (int)bytes, 0x27000};
}

AMDC_KERNEL void AMDC_SYMBOL(const float *x, unsigned x_bytes, const float *expand, unsigned expand_bytes, float *y, unsigned y_bytes,
                             const float *weight, unsigned weight_bytes, unsigned K, unsigned k_part, unsigned C, unsigned ld
#if EXPAND_BIAS
                             , const float *inner_bias, unsigned inner_bias_bytes
#endif
#if BIAS
                             , const float *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static float tile[CHANNELS * PLANE];
    AMDC_SHARED static float parts[WAVES_K > 1 ? 2 : 1][WAVES_K][WAVES_K * HELD];
    unsigned lane = amdc_lane(), wave = amdc_wave(), wave_k = wave / WAVES_N, position = (wave - wave_k * WAVES_N) * 64 + lane;
    unsigned first_channel = amdc_group_x() * CHANNELS, first_out = amdc_group_y() * OUT_ROWS, image = amdc_group_z();
    unsigned first_row = WHOLE ? 0 : first_out * STRIDE - PAD_TOP; // of the image; wraps above it: then not < IN_H
    unsigned row = position / IN_W, column = position - row * IN_W;
    bool inside = position < COMPUTED * IN_W && first_row + row < IN_H;
    unsigned at = inside ? 4 * (first_row * IN_W + position) : OUTSIDE, place = (ABOVE + row) * PITCH + PAD_LEFT + column;

    amdc_i4 weights = scalars(expand + first_channel, expand_bytes - 4 * first_channel);
    amdc_buffer from = amdc_make(x + image * K * (IN_H * IN_W), K * (4 * IN_H * IN_W));
    unsigned k = wave_k * k_part;
    Stage stages[2];
    stages[0].load(weights, 4 * ld, from, k, at);
    float sums[CHANNELS] = {};
#if EXPAND_BIAS
    float start[CHANNELS];
    scalar_load<CHANNELS>(start, scalars(inner_bias, inner_bias_bytes), 4 * first_channel);
#pragma unroll
    for (int c = 0; c < CHANNELS; ++c) sums[c] = wave_k ? 0.0f : start[c];
#endif
    for (unsigned i = amdc_thread(); i < CHANNELS * PLANE; i += 64 * WAVES) tile[i] = 0.0f;
    if (WAVES_K == 1) amdc_barrier(); // the padding is cleared before its middle is filled

    for (unsigned left = k_part / (2 * STAGE); left; --left)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            k += STAGE;
            // The first products wait for this stage; only then the next one is asked for.
            stages[half].multiply<0, 1>(sums);
            __builtin_amdgcn_sched_barrier(0);
            stages[half ^ 1].load(weights, 4 * ld, from, k < K ? k : K - STAGE, at); // behind the last stage: unused
            __builtin_amdgcn_sched_barrier(0);
            stages[half].multiply<1, STAGE>(sums);
            __builtin_amdgcn_sched_barrier(0);
        }

    auto keep = [&](unsigned c, float value) AMDC_INLINE {
        if (inside) tile[c * PLANE + place] = AMDC_INNER(value, first_channel + c, 0u);
    };
    if (WAVES_K == 1) {
#pragma unroll
        for (int c = 0; c < CHANNELS; ++c) keep(c, sums[c]);
    } else {
#pragma unroll
        for (int first = 0; first < CHANNELS; first += WAVES_K) { // a channel for each of the waves that share k
            auto &held = parts[first / WAVES_K % 2];
#pragma unroll
            for (int c = 0; c < WAVES_K; ++c) held[wave_k][c * HELD + position] = sums[first + c];
            amdc_barrier();
            float value = 0;
#pragma unroll
            for (int part = 0; part < WAVES_K; ++part) value += held[part][wave_k * HELD + position];
            keep(first + wave_k, value);
        }
    }
    amdc_barrier();

    amdc_buffer to = amdc_make(y, y_bytes);
    for (unsigned c = wave; c < CHANNELS && first_channel + c < C; c += WAVES) {
        unsigned channel = first_channel + c;
        float tap[TAPS], added = 0.0f;
        scalar_load<TAPS>(tap, scalars(weight, weight_bytes), 4 * TAPS * channel);
#if BIAS
        scalar_load<1>(&added, scalars(bias, bias_bytes), 4 * channel);
#endif
        for (unsigned item = lane; item < STRIPS * OUT_W; item += 64) {
            unsigned strip = item / OUT_W, ow = item - strip * OUT_W;
            float out[STRIP] = {};
            filter(tile + c * PLANE + strip * (STRIP * STRIDE * PITCH) + ow * STRIDE, tap, out);
#pragma unroll
            for (int r = 0; r < STRIP; ++r) {
                unsigned oh = first_out + strip * STRIP + r, element = ((image * C + channel) * OUT_H + oh) * OUT_W + ow;
                if (strip * STRIP + r < OUT_ROWS && oh < OUT_H) amdc_store_f32(to, 4 * element, AMDC_EPILOGUE(out[r] + added, channel, element));
            }
        }
    }
}
