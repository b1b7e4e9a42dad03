// normalize_rows: out[r, k] = (x[r, k] - mean(x[r, :])) / sqrt(var(x[r, :]) + epsilon) * gamma[j] + beta[j]; rows contiguous.
//
// Layer norm: a row is what is normalised, j = k. Group and instance norm: a row is one group of one image, `per_channel` elements
// a channel, j = (row mod groups) * channels a group + k / per_channel.
//   TYPE, WEIGHT, OUT, STATISTIC  floats of any width (amdc_types.h): what x, gamma and beta, out, the statistics hold; narrow ones are
//   computed in fp32, double in double
//   ROW_LANES 64: a wave a row, four rows a work-group; 256: a work-group a row
//   AFFINE 0 neither gamma nor beta, 1 gamma, 2 gamma and beta; PER_CHANNEL 0 layer norm, 1 group norm
//   STATISTICS 1: also writes the row's mean and reciprocal deviation
// Work-group 256; DPP within a wave, LDS between waves. Mean, then variance around it (a second pass), then the result: no
// cancellation as with sums of squares.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef ROW_LANES
#define ROW_LANES 64
#define AFFINE 2
#define PER_CHANNEL 0
#define STATISTICS 0
#define TYPE float
#define WEIGHT float
#define OUT float
#define STATISTIC float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
typedef amdc_value<TYPE> Real;
AMDC_DEVICE Real amdc_row_sum(Real x, Real *scratch) {
    return ROW_LANES == 64 ? amdc_wave_reduce<amdc_sum>(x) : amdc_block_reduce<amdc_sum>(x, scratch);
}

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, const void *gamma, unsigned gamma_bytes, const void *beta,
    unsigned beta_bytes, void *means, unsigned means_bytes, void *scales, unsigned scales_bytes, unsigned rows, unsigned length,
    float epsilon, unsigned groups, unsigned multiplier_g, unsigned shift_g, unsigned channels, unsigned multiplier_p,
    unsigned shift_p AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED Real scratch[AMDC_BLOCK / 64];
    unsigned row = ROW_LANES == 64 ? amdc_group_x() * (AMDC_BLOCK / 64) + amdc_wave() : amdc_group_x();
    if (row >= rows) return; // a whole wave, or a whole work-group
    unsigned lane = ROW_LANES == 64 ? amdc_lane() : amdc_thread();
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    unsigned base = row * length;
    Real sum = 0, squares = 0;
    for (unsigned k = lane; k < length; k += ROW_LANES) sum += amdc_read<TYPE>(source, base + k);
    Real mean = amdc_row_sum(sum, scratch) / (Real)length;
    for (unsigned k = lane; k < length; k += ROW_LANES) {
        Real distance = amdc_read<TYPE>(source, base + k) - mean;
        squares += distance * distance;
    }
    Real scale = amdc_rsqrt(amdc_row_sum(squares, scratch) / (Real)length + (Real)epsilon);
    unsigned first = PER_CHANNEL ? (row - amdc_divide(row, multiplier_g, shift_g) * groups) * channels : 0;
    for (unsigned k = lane; k < length; k += ROW_LANES) {
        Real value = (amdc_read<TYPE>(source, base + k) - mean) * scale;
        unsigned channel = PER_CHANNEL ? first + amdc_divide(k, multiplier_p, shift_p) : k;
        if (AFFINE > 0) value *= amdc_read<WEIGHT>(amdc_make(gamma, gamma_bytes), channel);
        if (AFFINE > 1) value += amdc_read<WEIGHT>(amdc_make(beta, beta_bytes), channel);
        amdc_write<OUT>(target, base + k, AMDC_EPILOGUE(value, channel, base + k));
    }
#if STATISTICS
    if (lane == 0) {
        amdc_write<STATISTIC>(amdc_make(means, means_bytes), row, mean);
        amdc_write<STATISTIC>(amdc_make(scales, scales_bytes), row, scale);
    }
#endif
}
