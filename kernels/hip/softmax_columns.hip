// softmax_columns: softmax over k of x[o, k, i], k = 0 .. length-1: over a dimension that is not the innermost.
//
//   TYPE, OUT  floats of any width (amdc_types.h): what x and out hold; narrow ones are computed in fp32, double in double
//   LOG 1: the logarithm of it
// Work-group 256, one column a lane, no LDS: neighbouring lanes read neighbouring addresses. Three passes.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef LOG
#define LOG 0
#define TYPE float
#define OUT float
#endif
typedef amdc_value<TYPE> Real;

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned columns, unsigned length, unsigned inner, unsigned multiplier,
    unsigned shift) {
    unsigned column = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (column >= columns) return;
    unsigned outer = amdc_divide(column, multiplier, shift);
    unsigned start = outer * length * inner + (column - outer * inner);
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    Real highest = -__builtin_inff(), sum = 0;
    for (unsigned k = 0; k < length; ++k) highest = amdc_max::of(highest, amdc_read<TYPE>(source, start + k * inner));
    for (unsigned k = 0; k < length; ++k) sum += amdc_exp(amdc_read<TYPE>(source, start + k * inner) - highest);
    Real scale = 1 / sum, log_sum = amdc_log(sum);
    for (unsigned k = 0; k < length; ++k) {
        Real distance = amdc_read<TYPE>(source, start + k * inner) - highest;
        amdc_write<OUT>(target, start + k * inner, LOG ? distance - log_sum : amdc_exp(distance) * scale);
    }
}
