// depthwise_planes.hip: depthwise.hip's convolution for planes that fit into LDS, one input channel an output channel.
//
// Shapes   x [planes][H][W], y [planes][OUT_H][OUT_W], weights [C][KH][KW]; a plane is image * C + channel. All in fp32 but y.
// Method   A work-group takes PLANES neighbouring planes: it loads them as one stream of dwordx4, puts them into LDS between zeros, and then
//          computes plane after plane, with the plane's weights in scalar registers. A lane has OUT_ROWS outputs of one column.
// LDS      Rows lie PITCH apart, so that the zeros behind a row are those in front of the next one.
// Fused    AMDC_PROLOGUE(value, input channel) before the zero padding; AMDC_EPILOGUE(value, channel, element). BIAS 1: bias[channel].
// Launch   64, 128 or 256 lanes, at least OUT_W * ceil(OUT_H / OUT_ROWS); grid (ceil(planes / PLANES), 1, 1).
// Predicted on an RX 580, microseconds without the launch, by PLANES and OUT_ROWS; depthwise.hip's best; DRAM's time for what is moved:
//          5x5 240 x 28x28    7.9 (1, 14)  10.8  7.0      5x5 8 x 480 x 14x14   31.8 (2, 4)  43.7  27.6
//          5x5 480 x 14x14    5.0 (1, 4)    7.2  3.7      3x3 8 x 960 x 7x7     15.3 (4, 1)  22.0  13.9
//          5x5 1152 x 7x7     4.2 (2, 1)    5.7  2.6      5x5 8 x 1152 x 7x7    20.8 (4, 1)  34.9  17.0
//          3x3 512 x 14x14    5.4 (1, 4)    5.4  3.7      3x3 960 x 7x7          3.3 (2, 1)   3.6   1.9
//          A short one cannot reach 85 % of DRAM's time. For 480 x 14x14, in clocks of 0.75 ns: 570 until the first load is on its way (wave
//          200, arguments 350), 4,500 of stream, 350 of the last load's latency, 250 of the last stores': 76 % if sums took no time at all.
// Versions Rows W + zeros apart: the strips of 14x14 met in the same banks, 2.5 times the clocks of LDS. A division for each element: 26.4 for
//          8 x 1152 x 7x7 by two planes, 21.4 by one division for four.
// Limits   LDS of a work-group (convolution_depthwise.py keeps to MOST_LDS); tensors below 1 GiB.
#include "amdc.h"
#include "amdc_types.h"
#include "scalar_load.h"
#ifndef KH
#define KH 3
#define KW 3
#define STRIDE 1
#define H 14
#define W 14
#define OUT_H 14
#define OUT_W 14
#define PAD_TOP 1
#define PAD_LEFT 1
#define OUT_ROWS 4
#define PLANES 1
#define BIAS 0
#define TYPE_Y float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#ifdef AMDC_PROLOGUE
#define HAS_PROLOGUE 1
#else
#define HAS_PROLOGUE 0
#define AMDC_PROLOGUE_PARAMS
#define AMDC_PROLOGUE(value, channel) (value)
#endif
#define OUTSIDE 0x80000000u
constexpr int TAPS = KH * KW, SIZE = H * W, ELEMENTS = PLANES * SIZE;
constexpr int STRIPS = (OUT_H + OUT_ROWS - 1) / OUT_ROWS, READ_ROWS = (OUT_ROWS - 1) * STRIDE + KH; // rows that a lane reads
constexpr int BEYOND = (OUT_W - 1) * STRIDE + KW - PAD_LEFT - W; // columns that outputs read behind a row; may be negative
constexpr int LEAST_PITCH = W + (BEYOND > PAD_LEFT ? BEYOND : PAD_LEFT), BANKS = 32 / (STRIDE < 32 ? STRIDE : 32);
// Lanes of a strip, some of which may have nothing to do: so many that the strips which LDS serves at a time lie in banks of their own. 0 where
// the work-group has not as many.
constexpr int lanes_of(int pitch) {
    int lanes = OUT_W + ((OUT_ROWS * pitch - OUT_W) % BANKS + BANKS) % BANKS;
    return lanes * STRIPS <= AMDC_BLOCK ? lanes : 0;
}
constexpr int pitch_from(int least, int tries) { return tries == 0 ? LEAST_PITCH : lanes_of(least) ? least : pitch_from(least + 1, tries - 1); }
constexpr int PITCH = OUT_W >= 32 ? LEAST_PITCH : pitch_from(LEAST_PITCH, 32);
constexpr int LANES = OUT_W < 32 && lanes_of(PITCH) ? lanes_of(PITCH) : OUT_W;
constexpr int LAST_ROW = (STRIPS * OUT_ROWS - 1) * STRIDE + KH, ROWS = LAST_ROW > PAD_TOP + H ? LAST_ROW : PAD_TOP + H;
constexpr int AREA = ROWS * PITCH + PAD_LEFT; // of a plane; its element (0, 0) lies at START
constexpr int START = PAD_TOP * PITCH + PAD_LEFT, WHOLE = (PLANES * AREA + 3) / 4 * 4;
constexpr int LOADS = (ELEMENTS + 4 * AMDC_BLOCK - 1) / (4 * AMDC_BLOCK);
constexpr int WEIGHT_LINES = (4 * PLANES * TAPS + 63) / 64 + 1;
static_assert(LANES * STRIPS <= AMDC_BLOCK, "a lane a column of a strip");
static_assert(W >= 4, "four elements lie in two rows at most");

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const float *w, unsigned w_bytes, void *y, unsigned y_bytes, unsigned C,
                             unsigned C_multiplier, unsigned C_shift, unsigned planes
#if BIAS
                             , const float *bias, unsigned bias_bytes
#endif
                             AMDC_PROLOGUE_PARAMS AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static __attribute__((aligned(16))) float area[WHOLE];
    const unsigned thread = amdc_thread(), first = amdc_group_x() * PLANES;
    amdc_buffer from = amdc_make(x, x_bytes), to = amdc_make(y, y_bytes);
    auto channel_of = [&](unsigned plane) AMDC_INLINE { return plane - amdc_divide(plane, C_multiplier, C_shift) * C; };
    amdc_f4 held[LOADS];
#pragma unroll
    for (int j = 0; j < LOADS; ++j) {
        unsigned e = 4 * (j * AMDC_BLOCK + thread);
        held[j] = amdc_load_f32x4(from, e < ELEMENTS ? 4 * (first * SIZE + e) : OUTSIDE);
    }
    __builtin_amdgcn_sched_barrier(0); // the loads are under way before LDS is cleared
    const unsigned long at_weights = (unsigned long)w, at_bias = BIAS ? (unsigned long)bias : 0;
    const amdc_i4 weights = {(int)at_weights, (int)(at_weights >> 32), (int)w_bytes, 0x27000};
    float line[WEIGHT_LINES]; // brings the weights into the scalar cache, before DRAM is busy with the planes of all others
#pragma unroll
    for (int i = 0; i < WEIGHT_LINES; ++i) scalar_load<1>(&line[i], weights, 4 * TAPS * __builtin_amdgcn_readfirstlane(channel_of(first)) + 64 * i);
#pragma unroll
    for (unsigned i = 0; i < WHOLE; i += 4 * AMDC_BLOCK)
        if (i + 4 * thread < WHOLE) *(amdc_f4 *)&area[i + 4 * thread] = {};
#pragma unroll
    for (int i = 0; i < WEIGHT_LINES; ++i) asm volatile("" ::"s"(line[i]));
    amdc_barrier();
#pragma unroll
    for (int j = 0; j < LOADS; ++j) {
        const unsigned e = 4 * (j * AMDC_BLOCK + thread), row = e / W, column = e - row * W, plane = row / H;
        const unsigned at = START + plane * AREA + (row - plane * H) * PITCH + column;
        const unsigned wrapped = at + PITCH - W + ((row + 1) % H == 0 ? AREA - H * PITCH : 0); // of four elements, those behind the row's end
        if (e >= ELEMENTS) continue;
#pragma unroll
        for (unsigned k = 0; k < 4; ++k) {
            bool next = W % 4 != 0 && column + k >= W;
            float value = HAS_PROLOGUE ? AMDC_PROLOGUE(held[j][k], channel_of(first + plane + (next && (row + 1) % H == 0))) : held[j][k];
            if (ELEMENTS % 4 == 0 || e + k < ELEMENTS) area[(next ? wrapped : at) + k] = value;
        }
    }
    amdc_barrier();
    const bool works = thread < LANES * STRIPS && thread % LANES < OUT_W;
    const unsigned place = works ? thread : 0, strip = place / LANES, ow = place % LANES;
    const float *window = area + strip * (OUT_ROWS * STRIDE * PITCH) + ow * STRIDE;
#pragma unroll
    for (int p = 0; p < PLANES; ++p) {
        unsigned plane = first + p, channel = __builtin_amdgcn_readfirstlane(channel_of(plane));
        float weight[TAPS], sum[OUT_ROWS] = {}, added = 0.0f;
        scalar_load<TAPS>(weight, weights, 4 * TAPS * channel);
#if BIAS
        scalar_load<1>(&added, amdc_i4{(int)at_bias, (int)(at_bias >> 32), (int)bias_bytes, 0x27000}, 4 * channel);
#endif
#pragma unroll
        for (int row = 0; row < READ_ROWS; ++row) {
            float value[KW];
#pragma unroll
            for (int kw = 0; kw < KW; ++kw) value[kw] = window[p * AREA + row * PITCH + kw];
#pragma unroll
            for (int r = 0; r < OUT_ROWS; ++r) {
                int kh = row - r * STRIDE;
                if (kh < 0 || kh >= KH) continue;
#pragma unroll
                for (int kw = 0; kw < KW; ++kw) sum[r] += value[kw] * weight[kh * KW + kw];
            }
        }
#pragma unroll
        for (int r = 0; r < OUT_ROWS; ++r) {
            unsigned oh = strip * OUT_ROWS + r, element = (plane * OUT_H + oh) * OUT_W + ow;
            if (works && oh < OUT_H && plane < planes) amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE(sum[r] + added, channel, element));
        }
    }
}
