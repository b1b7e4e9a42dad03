// arg_rows: out[r] = the first place of the largest (smallest) of x[r, 0 .. length-1], rows contiguous; a NaN is more extreme than any
// number, as in torch.argmax.
//
//   MINIMUM 0 largest, 1 smallest; TYPE, OUT any (amdc_types.h)
// Launch   AMDC_BLOCK lanes (256 or 1,024), a work-group a row; grid (rows, 1, 1).
// Method   A lane walks the row in steps of AMDC_BLOCK with UNROLL loads under way; a tree in LDS joins the lanes' values and places.
// Limits   rows below 2^31 elements in all.
// Versions reduce_columns.hip, a lane a row: 6,780 us predicted (RX 580) for one row of 50,257 fp32, one load at a time. This: 16 us.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef TYPE
#define MINIMUM 0
#define TYPE float
#define OUT long
#endif
#define UNROLL 8
typedef amdc_value<TYPE> Value;

// Whether `next` at `at` replaces `best` at `place` as the extreme value that comes first.
AMDC_DEVICE bool amdc_wins(Value next, unsigned at, Value best, unsigned place) {
    bool nan = next != next, held = best != best;
    if (nan || held) return nan && (!held || at < place);
    return (MINIMUM ? next < best : next > best) || (next == best && at < place);
}

AMDC_KERNEL void AMDC_SYMBOL(void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned length) {
    AMDC_SHARED static Value values[AMDC_BLOCK];
    AMDC_SHARED static unsigned places[AMDC_BLOCK];
    unsigned row = amdc_group_x(), base = row * length, lane = amdc_thread(), place = lane < length ? lane : 0;
    amdc_buffer source = amdc_make(x, x_bytes);
    Value best = amdc_read<TYPE>(source, base + place);
    for (unsigned first = AMDC_BLOCK; first < length; first += UNROLL * AMDC_BLOCK) {
        Value next[UNROLL];
#pragma unroll
        for (unsigned i = 0; i < UNROLL; ++i) {
            unsigned k = first + i * AMDC_BLOCK + lane;
            next[i] = amdc_read<TYPE>(source, base + (k < length ? k : place));
        }
#pragma unroll
        for (unsigned i = 0; i < UNROLL; ++i) {
            unsigned k = first + i * AMDC_BLOCK + lane, at = k < length ? k : place;
            bool wins = amdc_wins(next[i], at, best, place);
            best = wins ? next[i] : best;
            place = wins ? at : place;
        }
    }
    values[lane] = best;
    places[lane] = place;
    amdc_barrier();
    for (unsigned half = AMDC_BLOCK / 2; half; half /= 2) {
        if (lane < half && amdc_wins(values[lane + half], places[lane + half], values[lane], places[lane])) {
            values[lane] = values[lane + half];
            places[lane] = places[lane + half];
        }
        amdc_barrier();
    }
    if (lane == 0) amdc_write<OUT>(amdc_make(out, out_bytes), row, (amdc_value<OUT>)places[0]);
}
