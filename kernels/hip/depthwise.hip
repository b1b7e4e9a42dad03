// depthwise.hip: 2-d convolution where each output reads one input channel (groups = input channels); fused as conv.hip.
//
// Shapes   input [batch][C][H][W], output [batch][C * M][OH][OW]. The weight of output m of channel c at tap t lies at
//          c * w_group + m * w_m + t * w_t elements, whatever its layout.
// Fused    AMDC_PROLOGUE(value, input channel) before the zero padding; AMDC_EPILOGUE(value, output channel, element). BIAS 1: bias[channel].
// Types    TYPE_X, TYPE_W, TYPE_BIAS: float or narrower (amdc_types.h), TYPE_Y: any; arithmetic in fp32 with v_mac; the sum runs over the taps row by row.
// Launch   256 lanes, each ROWS outputs of one column, counted through (plane, strip of rows, column): full waves for planes of any size.
//          grid (ceil(batch * C * M * strips * OW / 256), 1, 1). Limits: tensors below 1 GiB.
// Static   clang 19: 3x3 stride 1 36 VGPRs, 7 waves a SIMD; 5x5 72 (stride 1) and 89 (stride 2) VGPRs, 3 and 2 waves. No LDS.
// Versions A lane with 4 outputs along x would load with a stride of 4 lanes, 4 cache lines for 1; along y all loads are contiguous and an
//          input value is used for up to KH outputs. The kernel is bound by memory, so LDS would only save L1 reads.
#include "amdc.h"
#include "amdc_types.h"
#ifndef KH
#define KH 3
#define KW 3
#define STRIDE 1
#define BIAS 0
#define TYPE_X float
#define TYPE_W float
#define TYPE_Y float
#define TYPE_BIAS float
#endif
#define ROWS 4
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
#define INPUT_ROWS ((ROWS - 1) * STRIDE + KH)

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
    unsigned at = amdc_group_x() * 256 + amdc_thread();
    unsigned line = amdc_divide(at, OW_multiplier, OW_shift), ow = at - line * OW;
    unsigned plane = amdc_divide(line, strips_multiplier, strips_shift), oh = (line - plane * strips) * ROWS; // plane: (image * C + c) * M + m
    if (plane >= planes) return;
    unsigned input = amdc_divide(plane, M_multiplier, M_shift), m = plane - input * M;
    unsigned image = amdc_divide(input, C_multiplier, C_shift), c = input - image * C;

    float weight[KH * KW], sum[ROWS] = {};
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
        for (int r = 0; r < ROWS; ++r) {
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
    for (int r = 0; r < ROWS; ++r) {
        if (oh + r >= OH) break;
        unsigned element = (plane * OH + oh + r) * OW + ow;
        amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE(sum[r] + added, channel, element));
    }
}
