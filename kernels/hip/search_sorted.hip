// search_sorted: for each value the number of elements of a sorted row that lie before it: out[r, i] (torch.searchsorted, torch.bucketize).
//
// sequence [rows, length] ascending, or one row for all (`step` 0); values [rows, count]; out int32 or int64.
//   RIGHT 0: elements < value; 1: elements <= value. A NaN lies behind everything.
//   X_TYPE, X_LOAD (values), SEQUENCE_LOAD, OUT_STORE   generated for the dtypes (codegen/typed.py)
// Work-group 256, one value a lane, no LDS: the first steps of all searches read the same cache lines.
#include "amdc.h"
#ifndef RIGHT
#define RIGHT 0
#define X_TYPE float
#define X_LOAD(index) amdc_load_f32(amdc_make(x, x_bytes), 4u * (index))
#define SEQUENCE_LOAD(index) amdc_load_f32(amdc_make(sequence, sequence_bytes), 4u * (index))
#define OUT_STORE(index, value) amdc_store_u32(amdc_make(out, out_bytes), 4u * (index), value)
#endif

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, const void *sequence, unsigned sequence_bytes, unsigned lanes, unsigned count,
    unsigned multiplier, unsigned shift, unsigned length, unsigned step) {
    unsigned element = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (element >= lanes) return;
    X_TYPE value = X_LOAD(element);
    unsigned first = amdc_divide(element, multiplier, shift) * step, low = 0, high = length;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        X_TYPE met = (X_TYPE)SEQUENCE_LOAD(first + middle);
        bool before = RIGHT ? !(met > value) : !(met >= value);
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    OUT_STORE(element, low);
}
