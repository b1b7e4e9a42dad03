// normalize_rows: out[r, k] = (x[r, k] - mean(x[r, :])) / sqrt(var(x[r, :]) + epsilon) * gamma[j] + beta[j]; rows contiguous.
//
// Layer norm: a row is what is normalised, j = k. Group and instance norm: a row is one group of one image, `per_channel` elements
// a channel, j = (row mod groups) * channels a group + k / per_channel. RMS norm: no mean, and the mean square for the variance.
//   WEIGHT, OUT, STATISTIC  floats of any width: what gamma and beta, out, the statistics hold; INPUT, TYPE, ROW_LANES: see rows.h
//   AFFINE 0 neither gamma nor beta, 1 gamma, 2 gamma and beta; PER_CHANNEL 0 layer norm, 1 group norm; CENTRED 0 RMS norm
//   STATISTICS 1: also writes the row's mean and reciprocal deviation
//   RESIDUAL 1: x + `added`, both of TYPE, is normalised and also written to `sums`
// Work-group 256; DPP within a wave, LDS between waves. Mean, then variance around it (a second pass), then the result: no
// cancellation as with sums of squares.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef ROW_LANES
#define ROW_LANES 64
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

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, const void *gamma, unsigned gamma_bytes, const void *beta,
    unsigned beta_bytes, void *means, unsigned means_bytes, void *scales, unsigned scales_bytes, unsigned rows, unsigned length,
    float epsilon, unsigned groups, unsigned multiplier_g, unsigned shift_g, unsigned channels, unsigned multiplier_p, unsigned shift_p
#if RESIDUAL
    , const void *added, unsigned added_bytes, void *sums, unsigned sums_bytes
#endif
    AMDC_ROW_PARAMS AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED Real scratch[AMDC_BLOCK / 64];
    unsigned row = amdc_row(), lane = amdc_row_lane(), base = row * length;
    if (row >= rows) return;
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    unsigned first = PER_CHANNEL ? (row - amdc_divide(row, multiplier_g, shift_g) * groups) * channels : 0;
    auto channel_of = [&](unsigned k) AMDC_INLINE { return PER_CHANNEL ? first + amdc_divide(k, multiplier_p, shift_p) : k; };
    auto element = [&](unsigned k) AMDC_INLINE -> Real {
        Real value = AMDC_ROW(amdc_read<INPUT>(source, base + k), channel_of(k), base + k);
#if RESIDUAL
        value = amdc_rounded<TYPE>(value + amdc_read<TYPE>(amdc_make(added, added_bytes), base + k));
#endif
        return value;
    };
    Real sum = 0, squares = 0, mean = 0;
    if (CENTRED) {
        for (unsigned k = lane; k < length; k += ROW_LANES) sum += element(k);
        mean = amdc_row_reduce<amdc_sum>(sum, scratch) / (Real)length;
    }
    for (unsigned k = lane; k < length; k += ROW_LANES) {
        Real distance = element(k) - mean;
        squares += distance * distance;
    }
    Real scale = amdc_rsqrt(amdc_row_reduce<amdc_sum>(squares, scratch) / (Real)length + (Real)epsilon);
    for (unsigned k = lane; k < length; k += ROW_LANES) {
        Real whole = element(k), value = (whole - mean) * scale;
        unsigned channel = channel_of(k);
        if (AFFINE > 0) value *= amdc_read<WEIGHT>(amdc_make(gamma, gamma_bytes), channel);
        if (AFFINE > 1) value += amdc_read<WEIGHT>(amdc_make(beta, beta_bytes), channel);
        amdc_write<OUT>(target, base + k, AMDC_EPILOGUE(value, channel, base + k));
#if RESIDUAL
        amdc_write<TYPE>(amdc_make(sums, sums_bytes), base + k, whole);
#endif
    }
#if STATISTICS
    if (lane == 0) {
        amdc_write<STATISTIC>(amdc_make(means, means_bytes), row, mean);
        amdc_write<STATISTIC>(amdc_make(scales, scales_bytes), row, scale);
    }
#endif
}
