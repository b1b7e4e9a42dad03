// merge_runs: pairs of neighbouring sorted runs of each row become one run each, of which at most `longest` elements are kept.
//
// Keys and places [rows, count] hold runs of `run` elements, the last one perhaps shorter (sort_chunks.hip writes the first ones). A lane
// takes one element: its place in the merged run is its place in its own run plus the number of smaller elements in the other, by
// binary search. No two (key, place) pairs are equal, so every place is taken once and the sort stays stable.
//   FINAL 0: writes keys and places [rows, merged]; 1: the row is one run then: writes values and int64 places [outer, longest, inner]
//   X_TYPE, X_LOAD, VALUES_STORE, DESCENDING   as in sort_chunks.hip; x is read for FINAL 1 alone
// Static: clang 19, 11 VGPRs, 10 waves a SIMD.
// Work-group 256, one element a lane, no LDS: the searches of neighbouring lanes run through the same cache lines.
#include "amdc.h"
#ifndef FINAL
#define FINAL 0
#endif
#include "sort.h"

AMDC_KERNEL void AMDC_SYMBOL(
    void *values, unsigned values_bytes, void *places, unsigned places_bytes, const void *x, unsigned x_bytes, const void *keys,
    unsigned keys_bytes, const void *from, unsigned from_bytes, unsigned elements, unsigned count, unsigned multiplier, unsigned shift, unsigned run,
    unsigned multiplier_r, unsigned shift_r, unsigned longest, unsigned merged, unsigned length, unsigned inner, unsigned multiplier_i,
    unsigned shift_i) {
    unsigned element = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (element >= elements) return;
    amdc_buffer key_buffer = amdc_make(keys, keys_bytes), place_buffer = amdc_make(from, from_bytes);
    unsigned row = amdc_divide(element, multiplier, shift), at = element - row * count;
    unsigned own = amdc_divide(at, multiplier_r, shift_r), other = (own ^ 1) * run, first = row * count;
    Key key = amdc_load_key(key_buffer, element, (Key *)0);
    unsigned place = amdc_load_u32(place_buffer, 4u * element);
    unsigned low = 0, high = other >= count ? 0 : other + run > count ? count - other : run;
    while (low < high) {
        unsigned middle = (low + high) / 2, index = first + other + middle;
        Key met = amdc_load_key(key_buffer, index, (Key *)0);
        bool smaller = met < key || (met == key && amdc_load_u32(place_buffer, 4u * index) < place);
        low = smaller ? middle + 1 : low;
        high = smaller ? high : middle;
    }
    unsigned to = at - own * run + low;
    if (to >= longest) return;
#if FINAL
    unsigned outer = amdc_divide(row, multiplier_i, shift_i), column = row - outer * inner;
    unsigned target = outer * longest * inner + to * inner + column;
    VALUES_STORE(target, X_LOAD(outer * length * inner + place * inner + column));
    amdc_store_u64(amdc_make(places, places_bytes), 8u * target, place);
#else
    unsigned target = row * merged + own / 2 * longest + to;
    amdc_store_key(amdc_make(values, values_bytes), target, key);
    amdc_store_u32(amdc_make(places, places_bytes), 4u * target, place);
#endif
}
