// depthwise.hip: 2-d convolution where each output reads one input channel (groups = input channels); fused as conv.hip.
//
// Shapes   input [batch][C][H][W], output [batch][C * M][OH][OW]. The weight of output m of channel c at tap t lies at
//          c * w_group + m * w_m + t * w_t elements, whatever its layout.
// Fused    AMDC_PROLOGUE(value, input channel) before the zero padding; AMDC_EPILOGUE(value, output channel, element). BIAS 1: bias[channel].
// Types    TYPE_X, TYPE_W, TYPE_BIAS: float or narrower (amdc_types.h), TYPE_Y: any; arithmetic in fp32 with v_mac; the sum runs over the taps row by row.
// Launch   64 lanes, each OUT_ROWS outputs of one column, counted through (plane, strip of rows, column): full waves for planes of any size.
//          grid (ceil(batch * C * M * strips * OW / 64), 1, 1). Limits: tensors below 1 GiB.
// Static   clang 19, OUT_ROWS 4, 7, 14: 3x3 stride 1 34, 50, 64 VGPRs; 5x5 stride 1 72, 89, 123. No LDS.
// Predicted on an RX 580, batch 1, microseconds without the launch, OUT_ROWS 4, 7, 14; and those of DRAM for input and output:
//          3x3 144 x 56x56       20.1  18.8  17.1  (16.1)      5x5 240 x 28x28   16.1  13.5  10.6  (6.8)
//          5x5/2 144 x 56x56     13.5  11.2  11.8  (10.2)      5x5 480 x 14x14    9.0   7.0   7.0  (3.6)
//          3x3 960 x 7x7          4.0   3.4    -    (1.9)      5x5 1152 x 7x7     7.2   5.3    -   (2.5)
//          Long strips load the weights and the rows between strips less often; below 4 us the start of the waves is what counts.
//          Work-groups of 256 lanes instead of 64: 12.7 for 10.6 and 8.2 for 7.0, because few of them spread unevenly.
// Versions A lane with 4 outputs along x would load with a stride of 4 lanes, 4 cache lines for 1; along y all loads are contiguous and an
//          input value is used for up to KH outputs. The kernel is bound by memory, so LDS would only save L1 reads.
#include "amdc.h"
#include "amdc_types.h"
#ifndef KH
#define KH 3
#define KW 3
#define STRIDE 1
#define OUT_ROWS 4
#define BIAS 0
#define TYPE_X float
#define TYPE_W float
#define TYPE_Y float
#define TYPE_BIAS float
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
#define INPUT_ROWS ((OUT_ROWS - 1) * STRIDE + KH)

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *w, unsigned w_bytes, void *y, unsigned y_bytes, unsigned C,
                             unsigned M, unsigned M_multiplier, unsigned M_shift, unsigned C_multiplier, unsigned C_shift, unsigned w_group,
                             unsigned w_m, unsigned w_t, unsigned H, unsigned W, unsigned OH, unsigned OW, unsigned planes, unsigned strips,
                             unsigned strips_multiplier, unsigned strips_shift, unsigned OW_multiplier, unsigned OW_shift, unsigned pad_h,
                             unsigned pad_w
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
                             AMDC_PROLOGUE_PARAMS AMDC_EPILOGUE_PARAMS) {
    amdc_buffer from = amdc_make(x, x_bytes), weights = amdc_make(w, w_bytes), to = amdc_make(y, y_bytes);
    unsigned at = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    unsigned line = amdc_divide(at, OW_multiplier, OW_shift), ow = at - line * OW;
    unsigned plane = amdc_divide(line, strips_multiplier, strips_shift), oh = (line - plane * strips) * OUT_ROWS; // plane: (image * C + c) * M + m
    if (plane >= planes) return;
    unsigned input = amdc_divide(plane, M_multiplier, M_shift), m = plane - input * M;
    unsigned image = amdc_divide(input, C_multiplier, C_shift), c = input - image * C;

    float weight[KH * KW], sum[OUT_ROWS] = {};
    for (int t = 0; t < KH * KW; ++t) weight[t] = amdc_read<TYPE_W>(weights, c * w_group + m * w_m + t * w_t);
    unsigned y0 = oh * STRIDE - pad_h, x0 = ow * STRIDE - pad_w; // wrap below 0: then not < H or W
#pragma unroll
    for (int row = 0; row < INPUT_ROWS; ++row) {
        float value[KW];
#pragma unroll
        for (int kw = 0; kw < KW; ++kw) {
            bool inside = y0 + row < H && x0 + kw < W;
            value[kw] = amdc_load<TYPE_X>(from, inside ? amdc_size<TYPE_X> * ((input * H + y0 + row) * W + x0 + kw) : OUTSIDE);
            if (HAS_PROLOGUE) value[kw] = inside ? AMDC_PROLOGUE(value[kw], c) : 0.0f;
        }
#pragma unroll
        for (int r = 0; r < OUT_ROWS; ++r) {
            int kh = row - r * STRIDE;
            if (kh < 0 || kh >= KH) continue;
#pragma unroll
            for (int kw = 0; kw < KW; ++kw) sum[r] += value[kw] * weight[kh * KW + kw];
        }
        if (KH * KW > 9 && row % 2) __builtin_amdgcn_sched_barrier(0); // loads of two rows at a time: all would take 100 VGPRs, not 72
    }
    unsigned channel = c * M + m;
#if BIAS
    float added = amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), channel);
#else
    float added = 0.0f;
#endif
#pragma unroll
    for (int r = 0; r < OUT_ROWS; ++r) {
        unsigned element = (plane * OH + oh + r) * OW + ow;
        if (oh + r < OH) amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE(sum[r] + added, channel, element));
    }
}
