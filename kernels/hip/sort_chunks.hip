// sort_chunks: each row of x in chunks of CHUNK elements, each chunk sorted stably, and its first `keep` elements written.
//
// x is [outer, length, inner], a row runs along `length`; row r = outer index * inner + inner index.
//   CHUNK 64 to 2048, a power of two    DESCENDING 0, 1
//   FINAL 1: the row is one chunk; writes values and int64 places, both [outer, keep, inner]
//   FINAL 0: writes keys and places [rows, kept] as runs for merge_runs.hip; kept = (chunks - 1) * keep + what the last one keeps
//   X_TYPE, X_LOAD, VALUES_STORE   generated for the dtype (codegen/typed.py)
// Work-group CHUNK / 2 lanes, 64 to 256, one chunk; grid rows * chunks. LDS: key and place of each element, 16 KiB
// (8-byte keys: 24) for 2048, so four work-groups a CU (two). Static: clang 19, 14 VGPRs, no spills.
// A bitonic network (Batcher 1968): log2(CHUNK) (log2(CHUNK) + 1) / 2 steps with a barrier each. A radix sort would take fewer passes over
// 2048 elements, but its counting needs LDS atomics in order to be stable; rows that models sort are short.
#include "amdc.h"
#ifndef CHUNK
#define CHUNK 256
#define FINAL 1
#endif
#include "sort.h"

AMDC_SHARED static Key keys_[CHUNK];
AMDC_SHARED static unsigned places_[CHUNK];

AMDC_DEVICE void amdc_order(unsigned low, unsigned high, bool ascending) {
    Key a = keys_[low], b = keys_[high];
    unsigned at = places_[low], bt = places_[high];
    bool greater = a > b || (a == b && at > bt);
    if (greater == ascending) {
        keys_[low] = b, keys_[high] = a;
        places_[low] = bt, places_[high] = at;
    }
}

AMDC_KERNEL void AMDC_SYMBOL(
    void *values, unsigned values_bytes, void *places, unsigned places_bytes, const void *x, unsigned x_bytes, unsigned length, unsigned keep,
    unsigned kept, unsigned chunks, unsigned multiplier_c, unsigned shift_c, unsigned inner, unsigned multiplier_i, unsigned shift_i) {
    unsigned row = amdc_divide(amdc_group_x(), multiplier_c, shift_c), chunk = amdc_group_x() - row * chunks;
    unsigned outer = amdc_divide(row, multiplier_i, shift_i), column = row - outer * inner;
    unsigned start = outer * length * inner + column;
    for (unsigned i = amdc_thread(); i < CHUNK; i += AMDC_BLOCK) {
        unsigned k = chunk * CHUNK + i;
        keys_[i] = k < length ? amdc_sort_key(X_LOAD(start + k * inner)) : ~(Key)0; // behind all others: its place is the largest
        places_[i] = k;
    }
    amdc_barrier();
    for (unsigned size = 2; size <= CHUNK; size *= 2)
        for (unsigned stride = size / 2; stride; stride /= 2) {
            for (unsigned pair = amdc_thread(); pair < CHUNK / 2; pair += AMDC_BLOCK) {
                unsigned low = 2 * pair - (pair & (stride - 1));
                amdc_order(low, low + stride, (low & size) == 0);
            }
            amdc_barrier();
        }
    for (unsigned i = amdc_thread(); i < keep && chunk * CHUNK + i < length && i < CHUNK; i += AMDC_BLOCK) {
#if FINAL
        unsigned to = outer * keep * inner + i * inner + column;
        VALUES_STORE(to, X_LOAD(start + places_[i] * inner));
        amdc_store_u64(amdc_make(places, places_bytes), 8u * to, places_[i]);
#else
        unsigned to = row * kept + chunk * keep + i;
        amdc_store_key(amdc_make(values, values_bytes), to, keys_[i]);
        amdc_store_u32(amdc_make(places, places_bytes), 4u * to, places_[i]);
#endif
    }
}
