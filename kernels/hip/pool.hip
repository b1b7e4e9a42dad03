// pool: max or average pooling of x [planes, D, H, W] (planes = batch * channels) to out [planes, OD, OH, OW], one to three
// dimensions (unused ones have extent and window 1), with a fused epilogue.
//
//   TYPE, OUT  any (amdc_types.h): what x and out hold; averages are made in the type that computes TYPE
//   MODE 0 max: padding never wins, NaN does; INDICES 1 also writes where each maximum lies in its plane, as int64 (PyTorch's)
//   MODE 1 average over the window's cells inside the padded plane; MODE 2 over those inside the plane; `divisor` > 0 replaces both
//   KD KH KW the window, unrolled; strides, pads and dilations are run-time arguments; pads may differ by side (only the leading
//   one matters here, and the trailing one for MODE 1's count)
// Work-group 256, one output a lane, no LDS: neighbouring windows meet in L1. A cell outside the plane is read out of the buffer's
// range (0) and then replaced, so no lane branches inside the window.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef KW
#define KD 1
#define KH 3
#define KW 3
#define MODE 0
#define INDICES 0
#define TYPE float
#define OUT float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#define AMDC_AXIS(a) unsigned size_##a, unsigned multiplier_##a, unsigned shift_##a, unsigned out_##a, unsigned stride_##a, \
    unsigned pad_##a, unsigned behind_##a, unsigned dilation_##a
#define OUTSIDE 0x80000000u // beyond every buffer: they are smaller than 2 GiB

typedef amdc_value<TYPE> Value;
// The cells that an average counts along one dimension.
AMDC_DEVICE int amdc_counted(int first, int window, int size, int behind) {
    int last = first + window;
#if MODE == 1
    last = last > size + behind ? size + behind : last;
#else
    last = last > size ? size : last;
    first = first < 0 ? 0 : first;
#endif
    return last - first;
}

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, long *indices, unsigned indices_bytes, unsigned count,
    unsigned channels, unsigned multiplier_c, unsigned shift_c, unsigned divisor, AMDC_AXIS(d), AMDC_AXIS(h), AMDC_AXIS(w) AMDC_EPILOGUE_PARAMS) {
    unsigned index = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (index >= count) return;
    unsigned q = amdc_divide(index, multiplier_w, shift_w), ow = index - q * out_w;
    unsigned r = amdc_divide(q, multiplier_h, shift_h), oh = q - r * out_h;
    unsigned plane = amdc_divide(r, multiplier_d, shift_d), od = r - plane * out_d;
    int first_d = (int)(od * stride_d) - (int)pad_d, first_h = (int)(oh * stride_h) - (int)pad_h, first_w = (int)(ow * stride_w) - (int)pad_w;
    amdc_buffer source = amdc_make(x, x_bytes);
    Value value = MODE == 0 ? amdc_least<Value>() : (Value)0;
    unsigned best = 0;
#pragma unroll
    for (unsigned kd = 0; kd < KD; ++kd) {
        unsigned cell_d = (unsigned)first_d + kd * dilation_d;
#pragma unroll
        for (unsigned kh = 0; kh < KH; ++kh) {
            unsigned cell_h = (unsigned)first_h + kh * dilation_h, row = (cell_d * size_h + cell_h) * size_w;
            bool row_inside = cell_d < size_d && cell_h < size_h;
#pragma unroll
            for (unsigned kw = 0; kw < KW; ++kw) {
                unsigned cell_w = (unsigned)first_w + kw * dilation_w, cell = row + cell_w;
                bool inside = row_inside && cell_w < size_w;
                unsigned place = plane * (size_d * size_h * size_w) + cell;
                Value next = amdc_load<TYPE>(source, inside ? place * amdc_size<TYPE> : OUTSIDE);
#if MODE == 0
                bool wins = inside && (next > value || next != next);
                value = wins ? next : value;
                best = wins ? cell : best;
#else
                value += next;
#endif
            }
        }
    }
#if MODE != 0
    int cells = amdc_counted(first_d, KD, (int)size_d, (int)behind_d) * amdc_counted(first_h, KH, (int)size_h, (int)behind_h) *
                amdc_counted(first_w, KW, (int)size_w, (int)behind_w);
    value /= (Value)(divisor ? (int)divisor : cells);
#endif
    unsigned channel = plane - amdc_divide(plane, multiplier_c, shift_c) * channels;
    amdc_write<OUT>(amdc_make(out, out_bytes), index, AMDC_EPILOGUE(value, channel, index));
#if INDICES
    amdc_store_u64(amdc_make(indices, indices_bytes), index * 8u, best);
#endif
}
