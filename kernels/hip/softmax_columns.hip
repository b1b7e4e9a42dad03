// softmax_columns: softmax over k of x[o, k, i], k = 0 .. length-1, fp32: over a dimension that is not the innermost.
//
//   LOG 1: the logarithm of it
// Work-group 256, one column a lane, no LDS: neighbouring lanes read neighbouring addresses. Three passes.
#include "amdc.h"
#include "amdc_math.h"
#ifndef LOG
#define LOG 0
#endif

AMDC_KERNEL void AMDC_SYMBOL(
    float *out, unsigned out_bytes, const float *x, unsigned x_bytes, unsigned columns, unsigned length, unsigned inner, unsigned multiplier,
    unsigned shift) {
    unsigned column = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (column >= columns) return;
    unsigned outer = amdc_divide(column, multiplier, shift);
    unsigned start = outer * length * inner + (column - outer * inner);
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    float highest = -__builtin_inff(), sum = 0.0f;
    for (unsigned k = 0; k < length; ++k) highest = amdc_max::of(highest, amdc_load_f32(source, (start + k * inner) * 4u));
    for (unsigned k = 0; k < length; ++k) sum += amdc_exp(amdc_load_f32(source, (start + k * inner) * 4u) - highest);
    float scale = 1.0f / sum, log_sum = amdc_log(sum);
    for (unsigned k = 0; k < length; ++k) {
        float distance = amdc_load_f32(source, (start + k * inner) * 4u) - highest;
        amdc_store_f32(target, (start + k * inner) * 4u, LOG ? distance - log_sum : amdc_exp(distance) * scale);
    }
}
