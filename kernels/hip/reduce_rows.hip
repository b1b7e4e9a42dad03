// reduce_rows: out[r] = OP over x[r, 0 .. length-1], rows contiguous, with a fused prologue and epilogue.
//
//   OP        OP_SUM OP_MEAN OP_MAX OP_MIN OP_PROD OP_VAR (`correction` as in torch.var)
//   OUT       what out holds; INPUT, TYPE, ROW_LANES, VECTOR, HELD, LOOP: see rows.h
//   SPLIT     1: a few long rows are cut in at most 256 spans; work-group y reduces elements y * span .. of a row into `partials`, and the
//             one that comes last reduces these (last_part.h). `counters`: one a row
// Work-group AMDC_BLOCK; DPP within a wave, one value a wave of LDS between waves. The order of additions is fixed: the result is the
// same in every run. The row is read once: the variance merges means and squares of chunks (Chan, Golub and LeVeque 1979).
// Predicted on an RX 580 (simulated), without the launch: a sum of 1 MB 6.9 us by 64 spans, 6.8 by 128 or 256, 18.1 by one work-group; DRAM's
//           time is 4.8. The clocks of 0.75 ns: 800 to the first load, 6,280 of stream, 350 of its last latency, 410 to add up a wave and a
//           work-group, 510 to store (190) and count (210), 300 to read the others' results, 220 to add them, 250 to store: 9,270. Without
//           LDS and with all arguments at hand it would be 8,700, or 6.5 us: 85 % of DRAM's time is out of reach. Of 16 MB 78.5 us by 256 spans,
//           79.4 by 512, 80.6 by 128 (DRAM's time 76.3). A second launch in the place of the last work-group's end took 77.6 and 26 more.
//           A work-group a row | spans: one row of 64 KB 2.7 | 2.8 us, of 128 KB 3.9 | 3.0, of 256 KB 6.0 | 3.5; three of 512 KB 10.2 | 9.3,
//           four of 1 MB 21.4 | 21.0, eight of 512 KB 20.7 | 21.0.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_wide.h"
#include "amdc_math.h"
#define OP_SUM 0
#define OP_MEAN 1
#define OP_MAX 2
#define OP_MIN 3
#define OP_PROD 4
#define OP_VAR 5
#ifndef OP
#define OP OP_MEAN
#define ROW_LANES 64
#define VECTOR 4
#define HELD 4
#define LOOP 1
#define SPLIT 0
#define INPUT float
#define TYPE float
#define OUT float
#endif
#include "rows.h"
#include "moments.h"
#if SPLIT
#include "last_part.h"
#endif
#if OP == OP_MAX
typedef amdc_max Combine;
#elif OP == OP_MIN
typedef amdc_min Combine;
#elif OP == OP_PROD
typedef amdc_product Combine;
#else
typedef amdc_sum Combine;
#endif

#if SPLIT
#define SPANS_OF_LANE 4 // of the last wave
#define SPAN_VALUES (OP == OP_VAR ? 2 : 1)
#define MEMBER __attribute__((device, always_inline))
// What the spans of a row came to: their values lie from element `first` on, then their means, for OP_VAR.
struct Spans {
    amdc_buffer results;
    unsigned first, number, span, length;

    MEMBER void store(unsigned which, Real value, Real mean) const {
        if (amdc_lane() != 0) return;
        amdc_write<Real>(results, first + which, value);
        if (OP == OP_VAR) amdc_write<Real>(results, first + number + which, mean);
    }
    // A lane's share of them; what is behind the last span has no elements.
    MEMBER void load(Real (&values)[SPANS_OF_LANE], Real (&counts)[SPANS_OF_LANE], unsigned value) const {
#pragma unroll
        for (unsigned j = 0; j < SPANS_OF_LANE; ++j) {
            unsigned s = 64 * j + amdc_lane();
            values[j] = amdc_load<Real>(results, s < number ? (first + value * number + s) * amdc_size<Real> : AMDC_OUTSIDE);
            counts[j] = s >= number ? (Real)0 : (Real)(int)(s + 1 < number ? span : length - s * span);
        }
    }
    MEMBER Real finished() const {
        Real values[SPANS_OF_LANE], counts[SPANS_OF_LANE], result = Combine::identity;
        load(values, counts, 0);
#if OP == OP_VAR
        Real means[SPANS_OF_LANE], sum = 0;
        load(means, counts, 1);
#pragma unroll
        for (unsigned j = 0; j < SPANS_OF_LANE; ++j) sum += means[j] * counts[j];
        Real mean = amdc_wave_reduce<amdc_sum>(sum) / (Real)(int)length;
#pragma unroll
        for (unsigned j = 0; j < SPANS_OF_LANE; ++j) values[j] += (means[j] - mean) * (means[j] - mean) * counts[j];
#endif
#pragma unroll
        for (unsigned j = 0; j < SPANS_OF_LANE; ++j) result = Combine::of(result, counts[j] > 0 ? values[j] : (Real)Combine::identity);
        return amdc_wave_reduce<Combine>(result);
    }
};
#endif

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned rows, unsigned length, unsigned correction,
    unsigned channels, unsigned multiplier_c, unsigned shift_c
#if SPLIT
    , unsigned span, unsigned spans, void *partials, unsigned partials_bytes, unsigned *counters, unsigned
#endif
    AMDC_ROW_PARAMS AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static Real scratch[ROW_SCRATCH];
    unsigned row = amdc_row(), base = row * length;
    if (row >= rows) return;
#if SPLIT
    unsigned start = amdc_group_y() * span, end = start + span < length ? start + span : length;
#else
    unsigned start = 0, end = length;
#endif
    amdc_buffer source = amdc_make(x, x_bytes);
    Real value = Combine::identity;
    Moments moments;
    for (unsigned first = start; first < end; first += ROW_CHUNK) {
        amdc_wide<INPUT, VECTOR> raw[HELD];
        Real held[HELD][VECTOR];
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            unsigned k = amdc_row_element(first, j);
            raw[j].load(source, k < end ? (base + k) * amdc_size<INPUT> : AMDC_OUTSIDE);
        }
        __builtin_amdgcn_sched_barrier(0); // all loads are issued before the first is waited for
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j)
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) {
                unsigned k = amdc_row_element(first, j) + i;
                Real element = AMDC_ROW(raw[j].get(i), k, base + k);
                held[j][i] = k < end ? element : (Real)Combine::identity;
            }
#if OP == OP_VAR
        moments.add(held, first, end);
#else
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j)
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) value = Combine::of(value, held[j][i]);
#endif
        if (!LOOP) break;
    }
    Real mean = 0;
#if OP == OP_VAR
    value = moments.squares_of_row(mean, end - start, scratch);
#else
    value = amdc_row_reduce<Combine>(value, scratch);
#endif
#if SPLIT
    static_assert(ROW_LANES >= 64, "whole waves count themselves");
    if (amdc_row_lane() >= 64) return;
    Spans of_row = {amdc_make(partials, partials_bytes), row * spans * SPAN_VALUES, spans, span, length};
    of_row.store(amdc_group_y(), value, mean);
    if (!last_part(counters + row, spans)) return;
    value = of_row.finished();
#endif
#if OP == OP_VAR
    value /= (Real)((int)length - (int)correction);
#elif OP == OP_MEAN
    value /= (Real)length;
#endif
    unsigned channel = row - amdc_divide(row, multiplier_c, shift_c) * channels;
    if (amdc_row_lane() == 0) amdc_write<OUT>(amdc_make(out, out_bytes), row, AMDC_EPILOGUE(value, channel, row));
}
