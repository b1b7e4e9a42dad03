// reduce_rows: out[r] = OP over x[r, 0 .. length-1], rows contiguous, with a fused prologue and epilogue.
//
//   OP        OP_SUM OP_MEAN OP_MAX OP_MIN OP_PROD OP_VAR (`correction` as in torch.var)
//   OUT       what out holds; INPUT, TYPE, ROW_LANES, VECTOR, HELD, LOOP: see rows.h
//   SPLIT     1: a few long rows are cut in at most 256 spans; wave y, a work-group, reduces elements y * span .. of a row into `partials`, and the
//             one that comes last reduces these (last_part.h). `counters`: one a row
// Work-group AMDC_BLOCK; DPP within a wave, one value a wave of LDS between waves. The order of additions is fixed: the result is the
// same in every run. The row is read once: the variance merges means and squares of chunks (Chan, Golub and LeVeque 1979).
// Predicted on an RX 580 (simulated), without the launch: a sum of 1 MB 6.2 us by 64 spans (DRAM's time 4.8), 6.5 by 128, 17.9 by one
//           work-group. The clocks of 0.75 ns: 670 to the first load (wave 200, arguments 350), 6,290 of stream, 350 of its last latency, 160
//           to add up a wave, 210 to store, 210 to count, 220 to read the others' results, 30 and 205 to add them and store: 8,350. Without
//           the steps that join the spans it would be 7,680 or 5.7 us: 85 % of DRAM's time (5.6) is out of reach.
//           Work-groups of 256 lanes took 6.9, by arguments loaded where they are used, sums of waves in LDS, addresses of the others' results
//           and 16 vectors added up behind the last one. Of 16 MB 77.4 us by 256 spans (DRAM's time 76.2); a second launch in the place of
//           the last wave's end 77.6 and 26 more.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_wide.h"
#include "arguments.h"
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
    unsigned place[SPANS_OF_LANE] = {}; // of a lane's share, in bytes; found before the stream, so that it does not take time behind it

    MEMBER Spans(amdc_buffer results, unsigned first, unsigned number, unsigned span, unsigned length)
        : results(results), first(first), number(number), span(span), length(length) {
#pragma unroll
        for (unsigned j = 0; j < SPANS_OF_LANE; ++j) {
            unsigned s = 64 * j + amdc_lane();
            place[j] = s < number ? (first + s) * amdc_size<Real> : AMDC_OUTSIDE;
            asm volatile("" : "+v"(place[j]));
        }
    }
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
            values[j] = amdc_load<Real>(results, place[j] + value * number * amdc_size<Real>);
            counts[j] = s >= number ? (Real)0 : (Real)(int)(s + 1 < number ? span : length - s * span);
        }
    }
    MEMBER Real finished() const {
        Real values[SPANS_OF_LANE], counts[SPANS_OF_LANE], result = Combine::identity;
        load(values, counts, 0);
        __builtin_amdgcn_sched_barrier(0); // all of them before the first is waited for
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
    amdc_fetch_arguments<decltype(AMDC_SYMBOL)>();
#if SPLIT
    asm volatile("" ::"s"(x), "s"(x_bytes), "s"(length), "s"(span), "s"(spans), "s"(partials), "s"(partials_bytes), "s"(counters), "s"(out),
                 "s"(out_bytes)); // all at once, also what is needed at the end
#endif
    AMDC_SHARED static Real scratch[ROW_SCRATCH];
    unsigned row = amdc_row(), base = row * length;
    if (row >= rows) return;
#if SPLIT
    unsigned start = amdc_group_y() * span, end = start + span < length ? start + span : length;
#else
    unsigned start = 0, end = length;
#endif
#if SPLIT
    const Spans of_row(amdc_make(partials, partials_bytes), row * spans * SPAN_VALUES, spans, span, length);
#endif
    // Behind the row, or its span, reads give 0 by themselves where all lanes of a wave have the same row.
    const unsigned behind = (base + end) * amdc_size<INPUT>;
    amdc_buffer source = amdc_make(x, ROW_LANES >= 64 && behind < x_bytes ? behind : x_bytes);
    Real value = Combine::identity;
    Moments moments;
    for (unsigned first = start; first < end; first += ROW_CHUNK) {
        amdc_wide<INPUT, VECTOR> raw[HELD];
        Real held[HELD][VECTOR];
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            unsigned k = amdc_row_element(first, j);
            raw[j].load(source, ROW_LANES >= 64 || k < end ? (base + k) * amdc_size<INPUT> : AMDC_OUTSIDE);
        }
        __builtin_amdgcn_sched_barrier(0); // all loads are issued before the first is waited for
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) {
                unsigned k = amdc_row_element(first, j) + i;
                Real element = AMDC_ROW(raw[j].get(i), k, base + k);
                held[j][i] = k < end ? element : (Real)Combine::identity;
                if (OP != OP_VAR) value = Combine::of(value, held[j][i]);
            }
            __builtin_amdgcn_sched_barrier(0); // a vector is added up while the next one is on its way
        }
#if OP == OP_VAR
        moments.add(held, first, end);
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
    static_assert(ROW_LANES == 64, "a wave counts itself");
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
