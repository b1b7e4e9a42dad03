// reduce_rows: out[r] = OP over x[r, 0 .. length-1], rows contiguous, with a fused prologue and epilogue.
//
//   OP        OP_SUM OP_MEAN OP_MAX OP_MIN OP_PROD OP_VAR (`correction` as in torch.var)
//   OUT       what out holds; INPUT, TYPE, ROW_LANES, VECTOR, HELD, LOOP: see rows.h
// Group y reduces elements y * span .. of a row into out[r * groups of y + y]: a few long rows are cut in spans, whose results a second
// launch reduces. OP_MEAN divides by `divisor`.
// Work-group AMDC_BLOCK; DPP within a wave, one value a wave of LDS between waves. The order of additions is fixed: the result is the
// same in every run. The row is read once: the variance merges means and squares of chunks (Chan, Golub and LeVeque 1979).
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
#define INPUT float
#define TYPE float
#define OUT float
#endif
#include "rows.h"
#include "moments.h"
#if OP == OP_MAX
typedef amdc_max Combine;
#elif OP == OP_MIN
typedef amdc_min Combine;
#elif OP == OP_PROD
typedef amdc_product Combine;
#else
typedef amdc_sum Combine;
#endif

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned rows, unsigned length, unsigned span, unsigned spans,
    float divisor, unsigned correction, unsigned channels, unsigned multiplier_c, unsigned shift_c AMDC_ROW_PARAMS AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static Real scratch[ROW_SCRATCH];
    unsigned row = amdc_row(), base = row * length;
    if (row >= rows) return;
    unsigned start = amdc_group_y() * span, end = start + span < length ? start + span : length;
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
#if OP == OP_VAR
    Real mean;
    value = moments.squares_of_row(mean, length, scratch) / (Real)((int)length - (int)correction);
#else
    value = amdc_row_reduce<Combine>(value, scratch);
#if OP == OP_MEAN
    value /= (Real)divisor;
#endif
#endif
    unsigned channel = row - amdc_divide(row, multiplier_c, shift_c) * channels;
    unsigned at = row * spans + amdc_group_y();
    if (amdc_row_lane() == 0) amdc_write<OUT>(amdc_make(out, out_bytes), at, AMDC_EPILOGUE(value, channel, at));
}
