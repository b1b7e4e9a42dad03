// scan: out[o, k, i] = x[o, 0, i] + ... + x[o, k, i], k = 0 .. length-1 (a running sum along one dimension).
//
//   TYPE float, int or long: what x and out hold
// Work-group 256, one column a lane, no LDS: models take running sums of short dimensions, where neighbouring columns keep lanes busy.
#include "amdc.h"
#include "amdc_math.h"
#ifndef TYPE
#define TYPE float
#endif

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned columns, unsigned length, unsigned inner, unsigned multiplier,
    unsigned shift) {
    unsigned column = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (column >= columns) return;
    unsigned outer = amdc_divide(column, multiplier, shift);
    unsigned start = outer * length * inner + (column - outer * inner);
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    TYPE sum = 0;
    for (unsigned k = 0; k < length; ++k) {
        TYPE next;
        amdc_get(source, start + k * inner, &next);
        sum += next;
        amdc_put(target, start + k * inner, sum);
    }
}
