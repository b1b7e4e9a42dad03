// depthwise_planes.hip: depthwise.hip's convolution for planes that fit into LDS, one input channel an output channel.
//
// Shapes   x [batch][C][H][W], y [batch][C][OUT_H][OUT_W], weights [C][KH][KW]. All in fp32 but y. PLANES divides C.
// Method   A work-group takes PLANES neighbouring channels of an image: it loads their planes by dwordx4 and all their weights into scalar
//          registers at once, puts the planes into LDS between zeros, and computes plane after plane. A lane has OUT_ROWS outputs of one column.
// LDS      Rows lie PITCH apart, so that the zeros behind a row are those in front of the next one.
// Fused    AMDC_PROLOGUE(value, input channel) before the zero padding; AMDC_EPILOGUE(value, channel, element). BIAS 1: bias[channel].
// Launch   64, 128 or 256 lanes, at least OUT_W * ceil(OUT_H / OUT_ROWS); grid (C / PLANES, batch, 1).
// Predicted on an RX 580, microseconds without the launch, by PLANES and OUT_ROWS; DRAM's time for what is moved; depthwise.hip's best:
//          5x5 240 x 28x28    7.4 (1, 4)   7.0   10.8     5x5 8 x 480 x 14x14   27.9 (1, 4)  27.6  43.7
//          5x5/2 240 x 28x28  4.9 (1, 1)   4.4    5.5     5x5 8 x 1152 x 7x7    18.4 (4, 1)  17.0  34.9
//          5x5 480 x 14x14    4.1 (1, 4)   3.7    7.2     3x3 8 x 960 x 7x7     14.1 (4, 1)  13.9  22.0
//          3x3 512 x 14x14    4.2 (1, 4)   3.7    5.4     5x5 1152 x 7x7         3.0 (3, 1)   2.6   5.7
//                                                         3x3 960 x 7x7          2.3 (4, 1)   1.9   3.6
//          The floor of a short one, in clocks of 0.75 ns: 575 until the first load is on its way (start of a wave 204, its arguments out of
//          DRAM 350, address), then DRAM's time of all bytes: 3,060 = 2.28 us for 960 x 7x7, where 85 % of DRAM's time would be 2.21.
// Versions Arguments and weights where clang wants them, at their first use: behind the planes' loads in DRAM's queue, each 800 to 1,300
//          clocks: 5.0 us for 480 x 14x14, 4.2 for 1152 x 7x7, 3.3 for 960 x 7x7. Addresses computed behind the loads: 3.1 for 1152 x 7x7.
//          A plane's inputs read from LDS after the plane before: 3.2 for 1152 x 7x7, 2.6 for 960 x 7x7. Two planes a wave for 1152 x 7x7: 3.2,
//          as the dispatch of waves (one in 4 clocks) then takes longer than DRAM. Rows W + zeros apart: the strips of 14x14 met in the same
//          banks, 2.5 times the clocks of LDS.
// Limits   LDS of a work-group (depthwise_planes.py keeps to MOST_LDS); tensors below 1 GiB.
#include "amdc.h"
#include "amdc_types.h"
#include "arguments.h"
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
constexpr int TAPS = KH * KW, SIZE = H * W;
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
// A row is loaded by vectors of four; the last one ends with the row, and repeats REPEATED elements of the one before it.
constexpr int VECTORS = (W + 3) / 4, REPEATED = 4 * VECTORS - W, PLANE_VECTORS = VECTORS * H;
constexpr int LOADS = (PLANES * PLANE_VECTORS + AMDC_BLOCK - 1) / AMDC_BLOCK;
constexpr bool AT_ONCE = PLANES * TAPS <= 75; // the weights of all planes fit into scalar registers
constexpr int TOGETHER = PLANES * READ_ROWS * KW <= 80 ? PLANES : 1; // planes whose inputs a lane reads from LDS at once
constexpr int WEIGHT_LINES = (4 * PLANES * TAPS + 63) / 64 + 1;
static_assert(LANES * STRIPS <= AMDC_BLOCK, "a lane a column of a strip");
static_assert(W >= 4, "a vector lies in a row");
#define WANTED(value) asm volatile("" ::"s"(value)) // loaded before this point: clang would load it where it is first used

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const float *w, unsigned w_bytes, void *y, unsigned y_bytes, unsigned C
#if BIAS
                             , const float *bias, unsigned bias_bytes
#endif
                             AMDC_PROLOGUE_PARAMS AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static __attribute__((aligned(16))) float area[WHOLE];
    const unsigned lines[] = {amdc_argument_line<decltype(AMDC_SYMBOL)>(0), amdc_argument_line<decltype(AMDC_SYMBOL)>(1),
                              amdc_argument_line<decltype(AMDC_SYMBOL)>(2), amdc_argument_line<decltype(AMDC_SYMBOL)>(3)};
    const unsigned thread = amdc_thread();
    unsigned offset[LOADS], place[LOADS];
#pragma unroll
    for (int j = 0; j < LOADS; ++j) {
        const unsigned v = j * AMDC_BLOCK + thread, row = v / VECTORS, column = v % VECTORS, plane = row / H;
        const unsigned back = REPEATED && column == VECTORS - 1 ? REPEATED : 0;
        offset[j] = v < PLANES * PLANE_VECTORS ? 4 * (row * W + 4 * column - back) : OUTSIDE;
        place[j] = 4 * (START + plane * AREA + (row - plane * H) * PITCH + 4 * column - back);
        asm volatile("" : "+v"(offset[j]), "+v"(place[j])); // here, while the arguments are on their way
    }
    const unsigned strip = thread / LANES, ow = thread % LANES;
    unsigned own = strip * OUT_ROWS * OUT_W + ow, window = 4 * (strip * (OUT_ROWS * STRIDE * PITCH) + ow * STRIDE);
    asm volatile("" : "+v"(own), "+v"(window));
    auto lds = [&](unsigned bytes) AMDC_INLINE -> float & { return *(float *)((char *)area + bytes); };
    asm volatile("" ::"s"(lines[0]), "s"(lines[1]), "s"(lines[2]), "s"(lines[3]), "s"(x), "s"(x_bytes), "s"(w), "s"(w_bytes), "s"(y),
                 "s"(y_bytes), "s"(C)); // all arguments are loaded before the wait for the first of them
#if BIAS
    asm volatile("" ::"s"(bias), "s"(bias_bytes));
#endif
    const unsigned channel = amdc_group_x() * PLANES, first = amdc_group_y() * C + channel;
    amdc_buffer from = amdc_make(x, x_bytes), to = amdc_make(y, y_bytes);
    amdc_f4 held[LOADS];
#pragma unroll
    for (int j = 0; j < LOADS; ++j) held[j] = amdc_load_f32x4(from, offset[j], 4 * first * SIZE);
    const unsigned long at_weights = (unsigned long)w, at_bias = BIAS ? (unsigned long)bias : 0;
    const amdc_i4 weights = {(int)at_weights, (int)(at_weights >> 32), (int)w_bytes, 0x27000};
    const amdc_i4 biases = {(int)at_bias, (int)(at_bias >> 32), BIAS ? (int)bias_bytes : 0, 0x27000};
    float line[WEIGHT_LINES]; // brings the weights into the scalar cache, before DRAM is busy with the planes of all others
    float weight[AT_ONCE ? PLANES * TAPS : TAPS], added[PLANES] = {};
#if BIAS
    scalar_load<PLANES>(added, biases, 4 * channel);
#endif
    if constexpr (AT_ONCE) {
        scalar_load<PLANES * TAPS>(weight, weights, 4 * TAPS * channel);
    } else {
#pragma unroll
        for (int i = 0; i < WEIGHT_LINES; ++i) scalar_load<1>(&line[i], weights, 4 * TAPS * channel + 64 * i);
    }
    __builtin_amdgcn_sched_barrier(0); // the loads are under way before LDS is cleared
#pragma unroll
    for (unsigned i = 0; i < WHOLE; i += 4 * AMDC_BLOCK)
        if (i + 4 * thread < WHOLE) *(amdc_f4 *)&area[i + 4 * thread] = {};
    amdc_barrier();
#pragma unroll
    for (int i = 0; AT_ONCE && i < PLANES * TAPS; ++i) WANTED(weight[i]);
#pragma unroll
    for (int i = 0; !AT_ONCE && i < WEIGHT_LINES; ++i) WANTED(line[i]);
#pragma unroll
    for (int i = 0; BIAS && i < PLANES; ++i) WANTED(added[i]);
#pragma unroll
    for (int j = 0; j < LOADS; ++j) {
        const unsigned v = j * AMDC_BLOCK + thread;
        if (LOADS * AMDC_BLOCK != PLANES * PLANE_VECTORS && v >= PLANES * PLANE_VECTORS) continue;
        float value[4];
#pragma unroll
        for (int k = 0; k < 4; ++k) value[k] = HAS_PROLOGUE ? AMDC_PROLOGUE(held[j][k], channel + v / PLANE_VECTORS) : held[j][k];
#pragma unroll
        for (int k = REPEATED; k < 4; ++k) lds(place[j] + 4 * k) = value[k];
        if (REPEATED && v % VECTORS != VECTORS - 1) {
#pragma unroll
            for (int k = 0; k < REPEATED; ++k) lds(place[j] + 4 * k) = value[k];
        }
    }
    amdc_barrier();
    if (thread >= LANES * STRIPS || ow >= OUT_W) return;
    own += first * OUT_H * OUT_W;
    float value[TOGETHER][READ_ROWS][KW];
#pragma unroll
    for (int p = 0; p < PLANES; ++p) {
        if (p % TOGETHER == 0) {
#pragma unroll
            for (int i = 0; i < TOGETHER * READ_ROWS * KW; ++i) {
                const int plane = i / (READ_ROWS * KW), row = i / KW % READ_ROWS;
                value[plane][row][i % KW] = lds(window + 4 * ((p + plane) * AREA + row * PITCH + i % KW));
            }
            __builtin_amdgcn_sched_barrier(0);
        }
        if constexpr (!AT_ONCE) scalar_load<TAPS>(weight, weights, 4 * TAPS * (channel + p));
        const float *taps = weight + (AT_ONCE ? p * TAPS : 0);
        float sum[OUT_ROWS] = {};
#pragma unroll
        for (int row = 0; row < READ_ROWS; ++row) {
#pragma unroll
            for (int r = 0; r < OUT_ROWS; ++r) {
                const int kh = row - r * STRIDE;
                if (kh < 0 || kh >= KH) continue;
#pragma unroll
                for (int kw = 0; kw < KW; ++kw) sum[r] += value[p % TOGETHER][row][kw] * taps[kh * KW + kw];
            }
        }
#pragma unroll
        for (int r = 0; r < OUT_ROWS; ++r) {
            unsigned element = own + (p * OUT_H + r) * OUT_W;
            if (STRIPS * OUT_ROWS == OUT_H || strip * OUT_ROWS + r < OUT_H)
                amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE(sum[r] + added[p], channel + p, element));
        }
    }
}
