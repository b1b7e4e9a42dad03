// normalize_rows: out[r, k] = (x[r, k] - mean(x[r, :])) / sqrt(var(x[r, :]) + epsilon) * gamma[j] + beta[j]; rows contiguous.
//
// Layer norm: a row is what is normalised, j = k. Group and instance norm: a row is one group of one image, `per_channel` elements
// a channel, j = (row mod groups) * channels a group + k / per_channel. RMS norm: no mean, and the mean square for the variance.
//   WEIGHT, OUT, STATISTIC  floats of any width: what gamma and beta, out, the statistics hold; INPUT, TYPE, ROW_LANES, VECTOR, HELD,
//   LOOP: see rows.h
//   AFFINE 0 neither gamma nor beta, 1 gamma, 2 gamma and beta; PER_CHANNEL 0 layer norm, 1 group norm; CENTRED 0 RMS norm
//   STATISTICS 1: also writes the row's mean and reciprocal deviation
//   RESIDUAL 1: x + `added`, both of TYPE, is normalised and also written to `sums`
// Work-group AMDC_BLOCK; DPP within a wave, LDS between waves. A row that fits is kept in registers: one read, one write; its variance
// is taken around its mean. A longer one is read twice (moments.h).
// Predicted on an RX 580 (simulated), without the launch: 128 rows of 768 4.1 us (DRAM's time 3.6), 4.4 without amdc_fetch_arguments; group
//           norm of one image of 320x64x64, 32 rows kept by 1,024 lanes each, 50.9 us (DRAM's time 47.6), 71.0 read twice.
#include "amdc.h"
#include "amdc_types.h"
#include "arguments.h"
#include "amdc_wide.h"
#include "amdc_math.h"
#ifndef ROW_LANES
#define ROW_LANES 64
#define VECTOR 4
#define HELD 3
#define LOOP 0
#define AFFINE 2
#define PER_CHANNEL 0
#define CENTRED 1
#define STATISTICS 0
#define RESIDUAL 0
#define INPUT float
#define TYPE float
#define WEIGHT float
#define OUT float
#define STATISTIC float
#endif
#include "rows.h"
#include "moments.h"
#define EARLY (!LOOP && HELD * VECTOR * (1 + RESIDUAL) <= 16) // gamma and beta are loaded with the row, where there are registers for them

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, const void *gamma, unsigned gamma_bytes, const void *beta,
    unsigned beta_bytes, void *means, unsigned means_bytes, void *scales, unsigned scales_bytes, unsigned rows, unsigned length,
    float epsilon, unsigned groups, unsigned multiplier_g, unsigned shift_g, unsigned channels, unsigned multiplier_p, unsigned shift_p
#if RESIDUAL
    , const void *added, unsigned added_bytes, void *sums, unsigned sums_bytes
#endif
    AMDC_ROW_PARAMS AMDC_EPILOGUE_PARAMS) {
    amdc_fetch_arguments<decltype(AMDC_SYMBOL)>();
    AMDC_SHARED static Real scratch[ROW_SCRATCH];
    unsigned row = amdc_row(), base = row * length;
    if (row >= rows) return;
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    unsigned group = PER_CHANNEL ? (row - amdc_divide(row, multiplier_g, shift_g) * groups) * channels : 0;
    auto channel_of = [&](unsigned k) AMDC_INLINE { return PER_CHANNEL ? group + amdc_divide(k, multiplier_p, shift_p) : k; };
    Real held[HELD][VECTOR];
    amdc_wide<WEIGHT, VECTOR> gain[HELD], bias[HELD];
    auto load_affine = [&](unsigned first, unsigned j) AMDC_INLINE {
        unsigned k = amdc_row_element(first, j), at = k < length ? k * amdc_size<WEIGHT> : AMDC_OUTSIDE;
        if (AFFINE > 0 && !PER_CHANNEL) gain[j].load(amdc_make(gamma, gamma_bytes), at);
        if (AFFINE > 1 && !PER_CHANNEL) bias[j].load(amdc_make(beta, beta_bytes), at);
    };
    // Whether vector j of a chunk, whose first element is k, lies in the row: of a row that is kept whole, only the last may not.
    auto within = [&](unsigned j, unsigned k) AMDC_INLINE { return (!LOOP && j + 1 < HELD) || k < length; };
    auto load = [&](unsigned first) AMDC_INLINE {
        amdc_wide<INPUT, VECTOR> raw[HELD];
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            unsigned k = amdc_row_element(first, j);
            unsigned offset = ROW_KEPT ? amdc_row_element(0, 0) : base + k;
            amdc_buffer part = ROW_KEPT ? amdc_row_part(x, x_bytes, amdc_size<INPUT>, base, j) : source;
            raw[j].load(part, within(j, k) ? offset * amdc_size<INPUT> : AMDC_OUTSIDE);
        }
#if RESIDUAL
        amdc_wide<TYPE, VECTOR> other[HELD];
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            unsigned k = amdc_row_element(first, j);
            other[j].load(amdc_make(added, added_bytes), k < length ? (base + k) * amdc_size<TYPE> : AMDC_OUTSIDE);
        }
#endif
        if (EARLY) {
#pragma unroll
            for (unsigned j = 0; j < HELD; ++j) load_affine(first, j);
        }
        __builtin_amdgcn_sched_barrier(0); // all loads are issued before the first is waited for
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j)
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) {
                unsigned k = amdc_row_element(first, j) + i;
                held[j][i] = AMDC_ROW(raw[j].get(i), channel_of(k), base + k);
#if RESIDUAL
                held[j][i] = amdc_rounded<TYPE>(held[j][i] + other[j].get(i));
#endif
            }
    };
    // The sum of what `of` makes of each held element.
    auto sum_held = [&](unsigned first, auto of) AMDC_INLINE {
        Real sum = 0;
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j)
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) sum += within(j, amdc_row_element(first, j)) ? of(held[j][i]) : (Real)0;
        return sum;
    };
    auto store = [&](unsigned first, Real mean, Real scale) AMDC_INLINE {
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            unsigned k = amdc_row_element(first, j);
            bool inside = within(j, k);
            if (!EARLY) load_affine(first, j);
            amdc_value<OUT> values[VECTOR];
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) {
                unsigned channel = channel_of(k + i);
                Real value = (held[j][i] - mean) * scale;
                if (AFFINE > 0) value *= PER_CHANNEL ? amdc_read<WEIGHT>(amdc_make(gamma, gamma_bytes), channel) : gain[j].get(i);
                if (AFFINE > 1) value += PER_CHANNEL ? amdc_read<WEIGHT>(amdc_make(beta, beta_bytes), channel) : bias[j].get(i);
                values[i] = AMDC_EPILOGUE(value, channel, base + k + i);
            }
            unsigned offset = ROW_KEPT ? amdc_row_element(0, 0) : base + k;
            amdc_buffer part = ROW_KEPT ? amdc_row_part(out, out_bytes, amdc_size<OUT>, base, j) : target;
            amdc_wide<OUT, VECTOR>::store(part, inside ? offset * amdc_size<OUT> : AMDC_OUTSIDE, values);
#if RESIDUAL
            unsigned at = inside ? (base + k) * amdc_size<TYPE> : AMDC_OUTSIDE;
            amdc_wide<TYPE, VECTOR>::store(amdc_make(sums, sums_bytes), at, held[j]);
#endif
        }
    };
    Real mean = 0, squares = 0;
    auto scale_of = [&](Real sum) AMDC_INLINE { return amdc_rsqrt(sum / (Real)length + (Real)epsilon); };
#if LOOP
    Moments moments;
#pragma unroll 1
    for (unsigned first = 0; first < length; first += ROW_CHUNK) {
        load(first);
        if (CENTRED) moments.add(held, first, length);
        else squares += sum_held(first, [](Real value) AMDC_INLINE { return value * value; });
    }
    squares = CENTRED ? moments.squares_of_row(mean, length, scratch) : amdc_row_reduce<amdc_sum>(squares, scratch);
    Real scale = scale_of(squares);
#pragma unroll 1
    for (unsigned first = 0; first < length; first += ROW_CHUNK) {
        load(first);
        store(first, mean, scale);
    }
#else
    load(0);
    if (CENTRED) mean = amdc_row_reduce<amdc_sum>(sum_held(0, [](Real value) AMDC_INLINE { return value; }), scratch) / (Real)length;
    squares = sum_held(0, [&](Real value) AMDC_INLINE { return (value - mean) * (value - mean); });
    Real scale = scale_of(amdc_row_reduce<amdc_sum>(squares, scratch));
    store(0, mean, scale);
#endif
#if STATISTICS
    if (amdc_row_lane() == 0) {
        amdc_write<STATISTIC>(amdc_make(means, means_bytes), row, mean);
        amdc_write<STATISTIC>(amdc_make(scales, scales_bytes), row, scale);
    }
#endif
}
