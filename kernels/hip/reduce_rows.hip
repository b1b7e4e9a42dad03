// reduce_rows: out[r] = OP over x[r, 0 .. length-1], rows contiguous, with a fused prologue and epilogue.
//
//   OP        OP_SUM OP_MEAN OP_MAX OP_MIN OP_PROD OP_VAR (`correction` as in torch.var; a second pass over the row)
//   OUT       what out holds; INPUT, TYPE, ROW_LANES: see rows.h
// Work-group 256; DPP within a wave, one float a wave of LDS between waves. Each lane sums every ROW_LANES-th element, so the order
// of additions is fixed: the result is the same in every run.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#define OP_SUM 0
#define OP_MEAN 1
#define OP_MAX 2
#define OP_MIN 3
#define OP_PROD 4
#define OP_VAR 5
#ifndef OP
#define OP OP_MEAN
#define ROW_LANES 64
#define INPUT float
#define TYPE float
#define OUT float
#endif
#include "rows.h"
#if OP == OP_MAX
typedef amdc_max Combine;
#elif OP == OP_MIN
typedef amdc_min Combine;
#elif OP == OP_PROD
typedef amdc_product Combine;
#else
typedef amdc_sum Combine;
#endif

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned rows, unsigned length, unsigned correction, unsigned channels,
    unsigned multiplier_c, unsigned shift_c AMDC_ROW_PARAMS AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED Real scratch[AMDC_BLOCK / 64];
    unsigned row = amdc_row(), lane = amdc_row_lane(), base = row * length;
    if (row >= rows) return;
    amdc_buffer source = amdc_make(x, x_bytes);
    auto element = [&](unsigned k) AMDC_INLINE -> Real { return AMDC_ROW(amdc_read<INPUT>(source, base + k), k, base + k); };
    Real value = Combine::identity;
    for (unsigned k = lane; k < length; k += ROW_LANES) value = Combine::of(value, element(k));
    value = amdc_row_reduce<Combine>(value, scratch);
#if OP == OP_MEAN
    value /= (Real)length;
#elif OP == OP_VAR
    Real mean = value / (Real)length, squares = 0;
    for (unsigned k = lane; k < length; k += ROW_LANES) {
        Real distance = element(k) - mean;
        squares += distance * distance;
    }
    value = amdc_row_reduce<Combine>(squares, scratch) / (Real)((int)length - (int)correction);
#endif
    unsigned channel = row - amdc_divide(row, multiplier_c, shift_c) * channels;
    if (lane == 0) amdc_write<OUT>(amdc_make(out, out_bytes), row, AMDC_EPILOGUE(value, channel, row));
}
