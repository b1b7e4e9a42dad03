// conv_direct.hip: convolution in up to 3 dimensions, and transposed convolution, one lane an output element; fused as conv.hip.
// For what the implicit GEMM does not take: 3-d filters, filters of more than 128 taps over few channels, transposed convolutions, double,
// and integers with zero points.
//
// Shapes   input [batch][groups * channels][D][H][W], output [batch][groups * M][OD][OH][OW]. The weight of output m and input i of a
//          group at tap t lies at group * w_group + m * w_m + i * w_i + t * w_t elements, whatever its layout.
//          TRANSPOSED 1: output position o gathers from every input position p with p * stride - pad + tap * dilation = o.
// Fused    AMDC_PROLOGUE(value, input channel) before the zero padding; AMDC_EPILOGUE(value, output channel, element). BIAS 1: bias[channel].
// Types    TYPE_X, TYPE_W, TYPE_BIAS, TYPE_Y: any (amdc_types.h); arithmetic in SUM: float (with v_mac), double, int;
//          ZEROS 1: *x_zero is subtracted from the input inside the padding, w_zero[output * w_zero_step] from the weights.
//          the sum runs over taps, then over channels.
// Launch   256 lanes; grid (ceil(OD * OH * OW / 256), groups * M, batch). Limits: tensors below 1 GiB.
// Static: clang 19, 25 VGPRs (19 transposed), 8 waves a SIMD, bound by its SGPRs; no LDS.
// The tap loop is the outer one, so that address and bounds are made once a tap; the weight is the same for all lanes.
#include "amdc.h"
#include "amdc_types.h"
#ifndef TRANSPOSED
#define TRANSPOSED 0
#define BIAS 0
#define ZEROS 0
#define SUM float
#define TYPE_X float
#define TYPE_W float
#define TYPE_Y float
#define TYPE_BIAS float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#ifndef AMDC_PROLOGUE
#define AMDC_PROLOGUE_PARAMS
#define AMDC_PROLOGUE(value, channel) (value)
#endif

struct Axis { // one spatial dimension
    unsigned size, out, kernel, stride, dilation, multiplier, shift; // the last two divide by the stride
    int pad;
};

// The input coordinate that tap `k` of output `o` reads, or one outside (>= size).
AMDC_DEVICE unsigned coordinate(const Axis &axis, unsigned o, unsigned k) {
#if TRANSPOSED
    unsigned scaled = o + axis.pad - k * axis.dilation, at = amdc_divide(scaled, axis.multiplier, axis.shift);
    return (int)scaled >= 0 && at * axis.stride == scaled ? at : axis.size;
#else
    return o * axis.stride - axis.pad + k * axis.dilation;
#endif
}

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *w, unsigned w_bytes, void *y, unsigned y_bytes, unsigned M,
                             unsigned channels, unsigned groups, unsigned M_multiplier, unsigned M_shift, unsigned w_group, unsigned w_m,
                             unsigned w_i, unsigned w_t, unsigned plane_out, unsigned OW_multiplier, unsigned OW_shift, unsigned OH_multiplier,
                             unsigned OH_shift, unsigned D, unsigned OD, unsigned KD, unsigned stride_d, unsigned dilation_d, unsigned mul_d,
                             unsigned shift_d, unsigned pad_d, unsigned H, unsigned OH, unsigned KH, unsigned stride_h, unsigned dilation_h,
                             unsigned mul_h, unsigned shift_h, unsigned pad_h, unsigned W, unsigned OW, unsigned KW, unsigned stride_w,
                             unsigned dilation_w, unsigned mul_w, unsigned shift_w, unsigned pad_w
#if ZEROS
                             , const void *x_zero, unsigned x_zero_bytes, const void *w_zero, unsigned w_zero_bytes, unsigned w_zero_step
#endif
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
                             AMDC_PROLOGUE_PARAMS AMDC_EPILOGUE_PARAMS) {
    const Axis depth = {D, OD, KD, stride_d, dilation_d, mul_d, shift_d, (int)pad_d};
    const Axis height = {H, OH, KH, stride_h, dilation_h, mul_h, shift_h, (int)pad_h};
    const Axis width = {W, OW, KW, stride_w, dilation_w, mul_w, shift_w, (int)pad_w};
    amdc_buffer from = amdc_make(x, x_bytes), weights = amdc_make(w, w_bytes);
    unsigned position = amdc_group_x() * 256 + amdc_thread(), output = amdc_group_y(), image = amdc_group_z();
    unsigned group = __builtin_amdgcn_readfirstlane(amdc_divide(output, M_multiplier, M_shift)), m = output - group * M;
    unsigned line = amdc_divide(position, OW_multiplier, OW_shift), ow = position - line * OW;
    unsigned od = amdc_divide(line, OH_multiplier, OH_shift), oh = line - od * OH;
    unsigned first = (image * groups + group) * channels, plane = D * H * W, w_first = group * w_group + m * w_m;
    SUM sum = 0, from_x = 0, from_w = 0;
#if ZEROS
    from_x = (SUM)amdc_read<TYPE_X>(amdc_make(x_zero, x_zero_bytes), 0);
    from_w = (SUM)amdc_read<TYPE_W>(amdc_make(w_zero, w_zero_bytes), output * w_zero_step);
#endif
    for (unsigned kd = 0, tap = 0; kd < KD; ++kd)
        for (unsigned kh = 0; kh < KH; ++kh)
            for (unsigned kw = 0; kw < KW; ++kw, ++tap) {
                unsigned z = coordinate(depth, od, kd), row = coordinate(height, oh, kh), column = coordinate(width, ow, kw);
                if (!(position < plane_out && z < D && row < H && column < W)) continue;
                unsigned at = first * plane + (z * H + row) * W + column, w_at = w_first + tap * w_t;
#pragma unroll 4
                for (unsigned i = 0; i < channels; ++i) {
                    SUM value = (SUM)AMDC_PROLOGUE(amdc_read<TYPE_X>(from, at + i * plane), group * channels + i);
                    sum += (value - from_x) * ((SUM)amdc_read<TYPE_W>(weights, w_at + i * w_i) - from_w);
                }
            }
    if (position >= plane_out) return;
#if BIAS
    sum += (SUM)amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), output);
#endif
    unsigned element = (image * groups * M + output) * plane_out + position;
    amdc_write<TYPE_Y>(amdc_make(y, y_bytes), element, AMDC_EPILOGUE(sum, output, element));
}
