// expand_depthwise.hip: a 1x1 convolution, an activation, and the depthwise convolution behind it, in one launch; fused epilogue.
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
#define CHANNELS 8
#define POSITIONS 1
#define WAVES_N 1
#define WAVES_K 4
#define STRIP 2
#define EXPAND_BIAS 1
#define BIAS 1
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#ifndef AMDC_INNER
#define AMDC_INNER_PARAMS
#define AMDC_INNER(value, channel, offset) (value)
#endif
#define MEMBER __attribute__((device, always_inline))
#define OUTSIDE 0x80000000u
#define STAGE (CHANNELS == 8 ? 4 : 2) // values of k in a stage: two stages' weights take 64 scalar registers
#define WHOLE (OUT_ROWS == OUT_H) // then the rows above and below the image are not computed
#define TILE_ROWS ((OUT_ROWS - 1) * STRIDE + KH)
#define ABOVE (WHOLE ? PAD_TOP : 0) // rows of the tile before those that are computed
#define COMPUTED (!WHOLE ? TILE_ROWS : IN_H < TILE_ROWS - ABOVE ? IN_H : TILE_ROWS - ABOVE)
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define PITCH MAX(PAD_LEFT + IN_W, (OUT_W - 1) * STRIDE + KW)
#define FILLED (((STRIPS * STRIP - 1) * STRIDE + KH) * PITCH) // the last strip may reach below the band
#define CHANNEL_PITCH (FILLED + (OUT_W + 32 - FILLED % 32) % 32) // neighbours' columns lie in neighbouring banks
#define LANES (64 * WAVES_N * WAVES_K)
#define HELD (64 * WAVES_N * POSITIONS) // positions that the lanes cover
#define STRIPS ((OUT_ROWS + STRIP - 1) / STRIP)
#define TAPS (KH * KW)
static_assert(COMPUTED * IN_W <= HELD, "each position of the band has a lane");
static_assert(CHANNELS % WAVES_K == 0 && LANES == AMDC_BLOCK, "the waves that share k share the channels afterwards");

struct Stage {
    float w[STAGE][CHANNELS], x[STAGE][POSITIONS];

    MEMBER void load(amdc_i4 weights, amdc_buffer from, unsigned k, unsigned w_bytes, const unsigned (&at)[POSITIONS]) {
#pragma unroll
        for (int i = 0; i < STAGE; ++i) {
            scalar_load<CHANNELS>(w[i], weights, (k + i) * w_bytes);
#pragma unroll
            for (int p = 0; p < POSITIONS; ++p) x[i][p] = amdc_load_f32(from, at[p], (k + i) * (4 * IN_H * IN_W));
        }
    }
    template <int FROM, int TO> MEMBER void multiply(float (&sums)[CHANNELS][POSITIONS]) const {
#pragma unroll
        for (int i = FROM; i < TO; ++i)
#pragma unroll
            for (int c = 0; c < CHANNELS; ++c)
#pragma unroll
                for (int p = 0; p < POSITIONS; ++p) sums[c][p] += w[i][c] * x[i][p];
    }
};

AMDC_KERNEL void AMDC_SYMBOL(const float *x, unsigned x_bytes, const float *expand, unsigned expand_bytes, float *y, unsigned y_bytes,
                             const float *weight, unsigned weight_bytes, unsigned K, unsigned k_part, unsigned C, unsigned ld
#if EXPAND_BIAS
                             , const float *inner_bias, unsigned inner_bias_bytes
#endif
#if BIAS
                             , const float *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static float tile[CHANNELS * CHANNEL_PITCH];
    AMDC_SHARED static float parts[WAVES_K > 1 ? WAVES_K * CHANNELS * HELD : 1];
    AMDC_SHARED static float filters[CHANNELS * TAPS];
    unsigned lane = amdc_lane(), wave = amdc_wave(), wave_n = wave % WAVES_N, wave_k = wave / WAVES_N, thread = amdc_thread();
    unsigned first_channel = amdc_group_x() * CHANNELS, first_out = amdc_group_y() * OUT_ROWS, image = amdc_group_z();
    unsigned first_row = WHOLE ? 0 : first_out * STRIDE - PAD_TOP; // of the image; wraps above it: then not < IN_H

    unsigned at[POSITIONS], place[POSITIONS];
#pragma unroll
    for (int p = 0; p < POSITIONS; ++p) {
        unsigned n = (wave_n * POSITIONS + p) * 64 + lane, row = n / IN_W, column = n - row * IN_W;
        bool inside = n < COMPUTED * IN_W && first_row + row < IN_H;
        at[p] = inside ? 4 * (first_row * IN_W + n) : OUTSIDE;
        place[p] = inside ? (ABOVE + row) * PITCH + PAD_LEFT + column : OUTSIDE;
    }
    unsigned long address = (unsigned long)expand + 4 * first_channel;
    amdc_i4 weights = {(int)address, (int)(address >> 32), (int)(expand_bytes - 4 * first_channel), 0x27000};
    amdc_buffer from = amdc_make(x + image * K * (IN_H * IN_W), K * (4 * IN_H * IN_W));
    unsigned k = wave_k * k_part;
    float sums[CHANNELS][POSITIONS] = {};
    Stage stages[2];
    stages[0].load(weights, from, k, 4 * ld, at);

    amdc_buffer filter = amdc_make(weight, weight_bytes);
    for (unsigned i = thread; i < CHANNELS * TAPS; i += LANES) filters[i] = amdc_load_f32(filter, 4 * (first_channel * TAPS + i));
    for (unsigned i = thread; i < CHANNELS * CHANNEL_PITCH; i += LANES) tile[i] = 0.0f;
    if (WAVES_K == 1) amdc_barrier(); // the padding is cleared before its middle is filled

    for (unsigned left = k_part / (2 * STAGE); left; --left)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            k += STAGE;
            // The first products wait for this stage; only then the next one is asked for.
            stages[half].multiply<0, 1>(sums);
            __builtin_amdgcn_sched_barrier(0);
            stages[half ^ 1].load(weights, from, k < K ? k : K - STAGE, 4 * ld, at); // behind the last stage: unused
            __builtin_amdgcn_sched_barrier(0);
            stages[half].multiply<1, STAGE>(sums);
            __builtin_amdgcn_sched_barrier(0);
        }

    auto keep = [&](unsigned c, int p, float value) AMDC_INLINE {
        unsigned channel = first_channel + c;
#if EXPAND_BIAS
        value += amdc_load_f32(amdc_make(inner_bias, inner_bias_bytes), 0, 4 * channel);
#endif
        if (place[p] != OUTSIDE) tile[c * CHANNEL_PITCH + place[p]] = AMDC_INNER(value, channel, 0u);
    };
    if (WAVES_K == 1) {
#pragma unroll
        for (int c = 0; c < CHANNELS; ++c)
#pragma unroll
            for (int p = 0; p < POSITIONS; ++p) keep(c, p, sums[c][p]);
    } else {
        unsigned mine = wave_n * POSITIONS * 64 + lane;
#pragma unroll
        for (int c = 0; c < CHANNELS; ++c)
#pragma unroll
            for (int p = 0; p < POSITIONS; ++p) parts[(wave_k * CHANNELS + c) * HELD + mine + 64 * p] = sums[c][p];
        amdc_barrier();
#pragma unroll
        for (int i = 0; i < CHANNELS / WAVES_K; ++i)
#pragma unroll
            for (int p = 0; p < POSITIONS; ++p) {
                unsigned c = wave_k * (CHANNELS / WAVES_K) + i;
                float value = 0;
#pragma unroll
                for (int part = 0; part < WAVES_K; ++part) value += parts[(part * CHANNELS + c) * HELD + mine + 64 * p];
                keep(c, p, value);
            }
    }
    amdc_barrier();

    amdc_buffer to = amdc_make(y, y_bytes);
    for (unsigned item = thread; item < CHANNELS * STRIPS * OUT_W; item += LANES) {
        unsigned line = item / OUT_W, ow = item - line * OUT_W, c = line / STRIPS, strip = line - c * STRIPS, channel = first_channel + c;
        const float *values = tile + c * CHANNEL_PITCH + strip * (STRIP * STRIDE * PITCH) + ow * STRIDE, *taps = filters + c * TAPS;
        float out[STRIP] = {}, tap[TAPS];
#pragma unroll
        for (int t = 0; t < TAPS; ++t) tap[t] = taps[t];
#pragma unroll
        for (int row = 0; row < (STRIP - 1) * STRIDE + KH; ++row) {
            float value[KW];
#pragma unroll
            for (int kw = 0; kw < KW; ++kw) value[kw] = values[row * PITCH + kw];
#pragma unroll
            for (int r = 0; r < STRIP; ++r) {
                int kh = row - r * STRIDE;
                if (kh < 0 || kh >= KH) continue;
#pragma unroll
                for (int kw = 0; kw < KW; ++kw) out[r] += value[kw] * tap[kh * KW + kw];
            }
        }
        if (channel >= C) continue;
#if BIAS
        float added = amdc_load_f32(amdc_make(bias, bias_bytes), 4 * channel);
#else
        float added = 0.0f;
#endif
#pragma unroll
        for (int r = 0; r < STRIP; ++r) {
            unsigned oh = first_out + strip * STRIP + r, element = ((image * C + channel) * OUT_H + oh) * OUT_W + ow;
            if (strip * STRIP + r < OUT_ROWS && oh < OUT_H) amdc_store_f32(to, 4 * element, AMDC_EPILOGUE(out[r] + added, channel, element));
        }
    }
}
