// scatter_reduce: out[o, r, i] = x[o, r, i] OP every src[o, k, i] with index[o, k, i] = r, in the order of k.
//
// x and out are dense [outer, rows, inner]; index and src are walked by strides in elements, one for each of o, k, i; k = 0 .. length-1.
// An index counts from the end where it is negative; one outside the rows is skipped (codegen pads with such where index is smaller).
//   OP     OP_SUM OP_PROD OP_MAX OP_MIN (NaN wins) OP_MEAN OP_LAST (the last value stays)
//   SELF   1: x takes part; 0: only where nothing is written to a place (OP_MEAN: counts as one of the values with SELF 1)
//   WALK 0: a lane an output element, which looks at all k: every lane reads, none waits for a store; work outer * rows * inner * length
//   WALK 1: a lane a column (o, i) walks over k and updates `out`, which holds x already (SELF 1, not OP_MEAN): work outer * inner * length
// Work-group 256, no LDS. Static: clang 19, 8 VGPRs, no spills.
// Deterministic, and in PyTorch's order: why not atomics, which gfx803 has for integers and, as a loop of compare-and-swap, for floats: float
// sums would differ from run to run, and many duplicates would queue up on one address.
#include "amdc.h"
#include "amdc_math.h"
#define OP_SUM 0
#define OP_PROD 1
#define OP_MAX 2
#define OP_MIN 3
#define OP_MEAN 4
#define OP_LAST 5
#ifndef OP
#define OP OP_SUM
#define SELF 1
#define WALK 0
#define X_LOAD(index) amdc_load_f32(amdc_make(x, x_bytes), 4u * (index))
#define SRC_LOAD(index) amdc_load_f32(amdc_make(src, src_bytes), 4u * (index))
#define PLACES_TYPE long
#define PLACES_LOAD(index) (long)amdc_load_u64(amdc_make(places, places_bytes), 8u * (index))
#define OUT_TYPE float
#define OUT_LOAD(index) amdc_load_f32(amdc_make(out, out_bytes), 4u * (index))
#define OUT_STORE(index, value) amdc_store_f32(amdc_make(out, out_bytes), 4u * (index), value)
#endif

AMDC_DEVICE OUT_TYPE amdc_join(OUT_TYPE a, OUT_TYPE b) {
#if OP == OP_SUM || OP == OP_MEAN
    return (OUT_TYPE)(a + b);
#elif OP == OP_PROD
    return (OUT_TYPE)(a * b);
#elif OP == OP_MAX
    return amdc_maximum<OUT_TYPE>(b, a);
#elif OP == OP_MIN
    return amdc_minimum<OUT_TYPE>(b, a);
#else
    return b;
#endif
}
#if OP == OP_MEAN // PyTorch rounds the mean of integers towards minus infinity
AMDC_DEVICE float amdc_share(float sum, unsigned count) { return sum / (float)count; }
AMDC_DEVICE double amdc_share(double sum, unsigned count) { return sum / (double)count; }
template <class T> AMDC_DEVICE T amdc_share(T sum, unsigned count) { return (T)amdc_div_floor<long>((long)sum, (long)count); }
#endif

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, const void *places, unsigned places_bytes, const void *src, unsigned src_bytes,
    unsigned lanes, unsigned rows, unsigned multiplier_r, unsigned shift_r, unsigned length, unsigned inner, unsigned multiplier_i,
    unsigned shift_i, unsigned index_o, unsigned index_k, unsigned index_i, unsigned src_o, unsigned src_k, unsigned src_i) {
    unsigned lane = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (lane >= lanes) return;
    unsigned line = amdc_divide(lane, multiplier_i, shift_i), i = lane - line * inner;
#if WALK
    unsigned at = line * index_o + i * index_i, from = line * src_o + i * src_i, first = line * rows * inner + i;
    for (unsigned k = 0; k < length; ++k) {
        unsigned row = amdc_wrap((PLACES_TYPE)PLACES_LOAD(at + k * index_k), rows), place = first + row * inner;
        if (row >= rows) continue;
        OUT_STORE(place, amdc_join((OUT_TYPE)OUT_LOAD(place), (OUT_TYPE)SRC_LOAD(from + k * src_k)));
    }
#else
    unsigned outer = amdc_divide(line, multiplier_r, shift_r), row = line - outer * rows, hits = SELF;
    unsigned at = outer * index_o + i * index_i, from = outer * src_o + i * src_i;
    OUT_TYPE value = (OUT_TYPE)X_LOAD(lane);
    for (unsigned k = 0; k < length; ++k) {
        if (amdc_wrap((PLACES_TYPE)PLACES_LOAD(at + k * index_k), rows) != row) continue;
        OUT_TYPE next = (OUT_TYPE)SRC_LOAD(from + k * src_k);
        value = hits ? amdc_join(value, next) : next;
        ++hits;
    }
#if OP == OP_MEAN
    value = hits ? amdc_share(value, hits) : value;
#endif
    OUT_STORE(lane, value);
#endif
}
