// softmax_rows: out[r, k] = exp(x[r, k] - m) / sum of exp(x[r, :] - m), m the row's maximum; rows contiguous.
//
//   OUT  what out holds; INPUT, TYPE, ROW_LANES: see rows.h
//   LOG 1: x - m - log(sum) instead
// Work-group 256; DPP within a wave, LDS between waves. Three passes over the row, the later ones served by the caches: rows of any
// length work, and nothing is kept in registers from pass to pass.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef LOG
#define LOG 0
#define INPUT float
#define TYPE float
#define OUT float
#define ROW_LANES 64
#endif
#include "rows.h"

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned rows, unsigned length AMDC_ROW_PARAMS AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED Real scratch[AMDC_BLOCK / 64];
    unsigned row = amdc_row(), lane = amdc_row_lane(), base = row * length;
    if (row >= rows) return;
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    auto element = [&](unsigned k) AMDC_INLINE -> Real { return AMDC_ROW(amdc_read<INPUT>(source, base + k), k, base + k); };
    Real highest = -__builtin_inff(), sum = 0;
    for (unsigned k = lane; k < length; k += ROW_LANES) highest = amdc_max::of(highest, element(k));
    highest = amdc_row_reduce<amdc_max>(highest, scratch);
    for (unsigned k = lane; k < length; k += ROW_LANES) sum += amdc_exp(element(k) - highest);
    sum = amdc_row_reduce<amdc_sum>(sum, scratch);
    Real scale = 1 / sum, shift = amdc_log(sum);
    for (unsigned k = lane; k < length; k += ROW_LANES) {
        Real distance = element(k) - highest;
        Real value = LOG ? distance - shift : amdc_exp(distance) * scale;
        amdc_write<OUT>(target, base + k, AMDC_EPILOGUE(value, k, base + k));
    }
}
