// softmax_rows: out[r, k] = exp(x[r, k] - m) / sum of exp(x[r, :] - m), m the row's maximum; rows contiguous.
//
//   TYPE, OUT  floats of any width (amdc_types.h): what x and out hold; narrow ones are computed in fp32, double in double
//   LOG 1: x - m - log(sum) instead; ROW_LANES 64: a wave a row, four rows a work-group; 256: a work-group a row
// Work-group 256; DPP within a wave, LDS between waves. Three passes over the row, the later ones served by the caches: rows of any
// length work, and nothing is kept in registers from pass to pass.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef LOG
#define LOG 0
#define TYPE float
#define OUT float
#define ROW_LANES 64
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
typedef amdc_value<TYPE> Real;
template <class Op> AMDC_DEVICE Real amdc_row_reduce(Real x, Real *scratch) {
    return ROW_LANES == 64 ? amdc_wave_reduce<Op>(x) : amdc_block_reduce<Op>(x, scratch);
}

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned rows, unsigned length AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED Real scratch[AMDC_BLOCK / 64];
    unsigned row = ROW_LANES == 64 ? amdc_group_x() * (AMDC_BLOCK / 64) + amdc_wave() : amdc_group_x();
    if (row >= rows) return; // a whole wave, or a whole work-group
    unsigned lane = ROW_LANES == 64 ? amdc_lane() : amdc_thread();
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    unsigned base = row * length;
    Real highest = -__builtin_inff(), sum = 0;
    for (unsigned k = lane; k < length; k += ROW_LANES) highest = amdc_max::of(highest, amdc_read<TYPE>(source, base + k));
    highest = amdc_row_reduce<amdc_max>(highest, scratch);
    for (unsigned k = lane; k < length; k += ROW_LANES) sum += amdc_exp(amdc_read<TYPE>(source, base + k) - highest);
    sum = amdc_row_reduce<amdc_sum>(sum, scratch);
    Real scale = 1 / sum, shift = amdc_log(sum);
    for (unsigned k = lane; k < length; k += ROW_LANES) {
        Real distance = amdc_read<TYPE>(source, base + k) - highest;
        Real value = LOG ? distance - shift : amdc_exp(distance) * scale;
        amdc_write<OUT>(target, base + k, AMDC_EPILOGUE(value, k, base + k));
    }
}
