// scan: out[o, k, i] = x[o, 0, i] OP ... OP x[o, k, i], k = 0 .. length-1 (a running total along one dimension), one lane a column.
//
//   OP      see scan.h; the total is kept in OUT_TYPE (float for 16-bit floats), converted from x's type at each step
//   INDICES 1, for OP_MAX and OP_MIN: also write where the running extreme lies, as int64
//   EXCLUSIVE 1: element k holds the total of those before it; REVERSE 1: the total runs from the end
//   X_LOAD, OUT_TYPE, OUT_STORE   generated for the tensors' dtypes (codegen/typed.py)
// Work-group 256, one column a lane, no LDS: for many columns, where neighbouring lanes read neighbouring addresses if inner > 1.
// Long dimensions with few columns: scan_rows.hip.
#include "amdc.h"
#include "amdc_math.h"
#include "scan.h"

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, void *places, unsigned places_bytes, const void *x, unsigned x_bytes, unsigned columns, unsigned length,
    unsigned inner, unsigned multiplier, unsigned shift) {
    unsigned column = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (column >= columns) return;
    unsigned outer = amdc_divide(column, multiplier, shift);
    unsigned start = outer * length * inner + (column - outer * inner);
    OUT_TYPE total = IDENTITY;
    unsigned place = 0;
    for (unsigned k = 0; k < length; ++k) {
        unsigned at = start + (REVERSE ? length - 1 - k : k) * inner;
        OUT_TYPE next = (OUT_TYPE)X_LOAD(at), joined = k == 0 ? next : amdc_combine(total, next);
#if INDICES
        bool kept = k == 0 || next != next || (total == total && joined == next);
        place = kept ? k : place;
        joined = kept ? next : total;
        amdc_store_u64(amdc_make(places, places_bytes), 8u * at, place);
#endif
        OUT_STORE(at, EXCLUSIVE ? total : joined);
        total = joined;
    }
}
