// pool_conv.hip: a max pooling and the 1x1 convolution behind it in one launch, with bias and fused epilogue.
//
// Shapes   x [batch][K][H][W], y [batch][N][pixels]; packed weights [K][ld], ld >= N.
// Method   A work-group takes PIXELS neighbouring results of the pooling. Its lanes pool all K channels of them into LDS [K][PIXELS]: a
//          lane a result, neighbours in neighbouring lanes. A cell outside the image is replaced by the nearest one inside, which
//          its window holds too. Then each lane multiplies 4 pixels by 4 filters: a ds_read_b128 and a dwordx4 load for 16 v_mac;
//          LANES_N lanes lie along the filters, in several turns where there are more; PARTS sets of lanes share k and add up in LDS.
// Fused    AMDC_EPILOGUE(value, filter, element of y). BIAS: 0 or 1.
// Types    float; v_mac. NaN wins, as in PyTorch; v_cmp_u looks at two cells at once.
// Launch   256 lanes; grid (ceil(pixels / PIXELS), batch).
// Limits   K a multiple of 256 / PIXELS; K * PIXELS floats and, with PARTS > 1, 16 KiB of LDS; tensors below 1 GiB.
// Predicted on an RX 580 (simulated), batch 1, 3x3 windows with stride 2, microseconds without launches, and the two kernels' that it
// replaces (one launch more, 26 us):
//            64 channels of 111x111 to 16 19.0 (25.7)   128 of 55x55 to 32 12.7 (16.0)   256 of 27x27 to 48 10.9 (11.2)
//          Many filters are not its strength: 64 of 112x112 to 160 take 66 (46), to 320 114 (59).
// Versions 4 loads of weights under way: 14.2 instead of 10.9 for 256 channels; 16: 17.8. Two windows of a lane at a time: 19.7
//          instead of 19.0 for 64 channels. 4 pixels a work-group: 12.9 instead of 10.9 for 256 channels.
#include "amdc.h"
#ifndef K
#define K 128
#define KH 3
#define KW 3
#define PIXELS 16
#define LANES_N 8
#define BIAS 1
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#define TAPS (KH * KW)
#define TOGETHER (AMDC_BLOCK / PIXELS) // channels that are pooled at a time
#define LANES_P (PIXELS / 4)
#define PART_LANES (LANES_P * LANES_N)
#define PARTS (AMDC_BLOCK / PART_LANES)
#define TILE_N (4 * LANES_N)
#define UNROLL 8 // loads of weights under way
static_assert(PARTS * PART_LANES == AMDC_BLOCK && K % TOGETHER == 0, "each lane has a share");

// The larger of two; of a NaN nothing is said.
AMDC_DEVICE float larger(float a, float b) { return __builtin_amdgcn_fmed3f(a, b, __builtin_inff()); }

// The maximum of a window; NaN where it holds one.
AMDC_DEVICE float highest(const float (&cell)[TAPS]) {
    float most = cell[0];
    bool odd = __builtin_isunordered(cell[0], cell[TAPS - 1]);
#pragma unroll
    for (int i = 1; i < TAPS; ++i) most = larger(most, cell[i]);
#pragma unroll
    for (int i = 1; i + 1 < TAPS; i += 2) odd |= __builtin_isunordered(cell[i], cell[i + 1]);
    return odd ? __builtin_nanf("") : most;
}

AMDC_KERNEL void AMDC_SYMBOL(const float *x, unsigned x_bytes, const float *w, unsigned w_bytes, float *y, unsigned y_bytes, unsigned H,
                             unsigned W, unsigned out_w, unsigned out_multiplier, unsigned out_shift, unsigned pixels, unsigned stride_h,
                             unsigned stride_w, unsigned pad_h, unsigned pad_w, unsigned N, unsigned ld
#if BIAS
                             , const float *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static __attribute__((aligned(16))) float pooled[K * PIXELS];
    AMDC_SHARED static float sums[PARTS > 1 ? 16 * AMDC_BLOCK : 1];
    const unsigned thread = amdc_thread(), image = amdc_group_y(), first = amdc_group_x() * PIXELS, plane = H * W;
    amdc_buffer from = amdc_make(x + image * K * plane, 4 * K * plane), from_w = amdc_make(w, w_bytes), to = amdc_make(y, y_bytes);

    unsigned pixel = first + thread % PIXELS, channel = thread / PIXELS, at[TAPS];
    pixel = pixel < pixels ? pixel : pixels - 1;
    unsigned oh = amdc_divide(pixel, out_multiplier, out_shift), ow = pixel - oh * out_w;
#pragma unroll
    for (int i = 0; i < TAPS; ++i) {
        int row = (int)(oh * stride_h + i / KW) - (int)pad_h, column = (int)(ow * stride_w + i % KW) - (int)pad_w;
        row = row < 0 ? 0 : row < (int)H ? row : (int)H - 1;
        column = column < 0 ? 0 : column < (int)W ? column : (int)W - 1;
        at[i] = 4 * (channel * plane + row * W + column);
    }
#pragma unroll 1
    for (unsigned k = 0; k < K; k += TOGETHER) {
        float cell[TAPS];
#pragma unroll
        for (int i = 0; i < TAPS; ++i) cell[i] = amdc_load_f32(from, at[i], 4 * k * plane);
        pooled[k * PIXELS + thread] = highest(cell);
    }
    amdc_barrier();

    auto finish = [&](float value, unsigned n, unsigned p) AMDC_INLINE {
        unsigned element = (image * N + n) * pixels + first + p;
        if (n >= N || first + p >= pixels) return;
#if BIAS
        value += amdc_load_f32(amdc_make(bias, bias_bytes), 4 * n);
#endif
        amdc_store_f32(to, 4 * element, AMDC_EPILOGUE(value, n, element));
    };
    const unsigned lane = thread % PART_LANES, part = thread / PART_LANES, p = lane % LANES_P * 4;
    for (unsigned turn = 0; turn < N; turn += TILE_N) {
        unsigned n = turn + lane / LANES_P * 4;
        float c[4][4] = {};
#pragma unroll UNROLL
        for (unsigned k = part; k < K; k += PARTS) {
            amdc_f4 a = *(const amdc_f4 *)&pooled[k * PIXELS + p], b = amdc_load_f32x4(from_w, 4 * (k * ld + n));
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j) c[i][j] += b[i] * a[j];
        }
        if (PARTS == 1) {
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int j = 0; j < 4; ++j) finish(c[i][j], n + i, p + j);
        } else {
#pragma unroll
            for (int v = 0; v < 16; ++v) sums[(part * 16 + v) * PART_LANES + lane] = c[v / 4][v % 4];
            amdc_barrier();
            for (unsigned o = thread; o < 16 * PART_LANES; o += AMDC_BLOCK) {
                unsigned row = o / PIXELS, column = o % PIXELS; // of the tile: filter, pixel
                unsigned held = (row % 4 * 4 + column % 4) * PART_LANES + row / 4 * LANES_P + column / 4;
                float value = 0.0f;
#pragma unroll
                for (int s = 0; s < PARTS; ++s) value += sums[s * 16 * PART_LANES + held];
                finish(value, turn + row, column);
            }
            amdc_barrier(); // before the next turn's
        }
    }
}
