// resize: out[o, a, b, i] = sum over s, t of weights0[a, s] * weights1[b, t] * x[o, indices0[a, s], indices1[b, t], i]: resizing of two
// neighbouring dimensions by interpolation, all modes, from tables of input positions and weights made by the compiler.
//
//   x [outer, in0, in1, inner], out [outer, out0, out1, inner]; index tables int32 [TAPS, out], weight tables fp32 of the same shape
//   (taps outermost: neighbouring lanes read neighbouring dwords)
//   TAPS0 TAPS1  taps a dimension: 1 nearest, 2 linear, 4 cubic, more when antialiased; a dimension that stays has one tap
//   TYPE OUT     any (amdc_types.h): what x and out hold; weighted sums are made in the type that computes TYPE, a float of any width
//   NEAREST 1    moves elements and reads no weights
//   A negative index marks an output position outside of the input: it takes `extrapolation`.
// Work-group 256, one output a lane, no LDS: the tables and the neighbourhood come from the caches. One launch does both
// dimensions, so no intermediate tensor is written.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef TAPS0
#define TAPS0 2
#define TAPS1 2
#define NEAREST 0
#define TYPE float
#define OUT float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
typedef amdc_value<TYPE> Real;

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, const int *indices0, unsigned indices0_bytes, const float *weights0,
    unsigned weights0_bytes, const int *indices1, unsigned indices1_bytes, const float *weights1, unsigned weights1_bytes, unsigned count,
    unsigned in0, unsigned in1, unsigned out0, unsigned multiplier0, unsigned shift0, unsigned out1, unsigned multiplier1, unsigned shift1,
    unsigned inner, unsigned multiplier_i, unsigned shift_i, unsigned channels, unsigned multiplier_c, unsigned shift_c,
    float extrapolation AMDC_EPILOGUE_PARAMS) {
    unsigned index = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (index >= count) return;
    unsigned q = amdc_divide(index, multiplier_i, shift_i), i = index - q * inner;
    unsigned r = amdc_divide(q, multiplier1, shift1), b = q - r * out1;
    unsigned o = amdc_divide(r, multiplier0, shift0), a = r - o * out0;
    amdc_buffer source = amdc_make(x, x_bytes), table0 = amdc_make(indices0, indices0_bytes), table1 = amdc_make(indices1, indices1_bytes);
#if NEAREST
    int row = (int)amdc_load_u32(table0, a * 4u), column = (int)amdc_load_u32(table1, b * 4u);
    Real found = amdc_read<TYPE>(source, ((o * in0 + (unsigned)row) * in1 + (unsigned)column) * inner + i);
    bool outside = row < 0 || column < 0;
    amdc_write<OUT>(amdc_make(out, out_bytes), index, outside ? (Real)extrapolation : found);
#else
    Real columns_weight[TAPS1], value = 0;
    unsigned columns[TAPS1];
    bool outside = false;
#pragma unroll
    for (unsigned t = 0; t < TAPS1; ++t) {
        columns[t] = amdc_load_u32(table1, (t * out1 + b) * 4u);
        columns_weight[t] = amdc_load_f32(amdc_make(weights1, weights1_bytes), (t * out1 + b) * 4u);
        outside = outside || (int)columns[t] < 0;
    }
#pragma unroll
    for (unsigned s = 0; s < TAPS0; ++s) {
        unsigned row = amdc_load_u32(table0, (s * out0 + a) * 4u);
        outside = outside || (int)row < 0;
        Real sum = 0;
#pragma unroll
        for (unsigned t = 0; t < TAPS1; ++t) {
            sum += columns_weight[t] * amdc_read<TYPE>(source, ((o * in0 + row) * in1 + columns[t]) * inner + i);
        }
        value += sum * amdc_load_f32(amdc_make(weights0, weights0_bytes), (s * out0 + a) * 4u);
    }
    value = outside ? (Real)extrapolation : value;
    unsigned channel = o - amdc_divide(o, multiplier_c, shift_c) * channels;
    amdc_write<OUT>(amdc_make(out, out_bytes), index, AMDC_EPILOGUE(value, channel, index));
#endif
}
