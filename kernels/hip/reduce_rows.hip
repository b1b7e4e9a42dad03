// reduce_rows: out[r] = OP over x[r, 0 .. length-1], rows contiguous, with a fused epilogue.
//
//   OP        OP_SUM OP_MEAN OP_MAX OP_MIN OP_PROD OP_VAR (`correction` as in torch.var; a second pass over the row)
//   TYPE, OUT  floats of any width (amdc_types.h): what x and out hold; narrow ones are computed in fp32, double in double
//   ROW_LANES 64: a wave a row, four rows a work-group (short rows); 256: a work-group a row (long rows, few of them)
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
#define TYPE float
#define OUT float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#if OP == OP_MAX
typedef amdc_max Combine;
#elif OP == OP_MIN
typedef amdc_min Combine;
#elif OP == OP_PROD
typedef amdc_product Combine;
#else
typedef amdc_sum Combine;
#endif

typedef amdc_value<TYPE> Real;
AMDC_DEVICE Real amdc_row_reduce(Real x, Real *scratch) {
    return ROW_LANES == 64 ? amdc_wave_reduce<Combine>(x) : amdc_block_reduce<Combine>(x, scratch);
}

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned rows, unsigned length, unsigned correction, unsigned channels,
    unsigned multiplier_c, unsigned shift_c AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED Real scratch[AMDC_BLOCK / 64];
    unsigned row = ROW_LANES == 64 ? amdc_group_x() * (AMDC_BLOCK / 64) + amdc_wave() : amdc_group_x();
    if (row >= rows) return; // a whole wave, or a whole work-group
    unsigned lane = ROW_LANES == 64 ? amdc_lane() : amdc_thread();
    amdc_buffer source = amdc_make(x, x_bytes);
    unsigned base = row * length;
    Real value = Combine::identity;
    for (unsigned k = lane; k < length; k += ROW_LANES) value = Combine::of(value, amdc_read<TYPE>(source, base + k));
    value = amdc_row_reduce(value, scratch);
#if OP == OP_MEAN
    value /= (Real)length;
#elif OP == OP_VAR
    Real mean = value / (Real)length, squares = 0;
    for (unsigned k = lane; k < length; k += ROW_LANES) {
        Real distance = amdc_read<TYPE>(source, base + k) - mean;
        squares += distance * distance;
    }
    value = amdc_row_reduce(squares, scratch) / (Real)((int)length - (int)correction);
#endif
    unsigned channel = row - amdc_divide(row, multiplier_c, shift_c) * channels;
    if (lane == 0) amdc_write<OUT>(amdc_make(out, out_bytes), row, AMDC_EPILOGUE(value, channel, row));
}
