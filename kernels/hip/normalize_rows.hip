// normalize_rows: out[r, k] = (x[r, k] - mean(x[r, :])) / sqrt(var(x[r, :]) + epsilon) * gamma[j] + beta[j]; rows contiguous, fp32.
//
// Layer norm: a row is what is normalised, j = k. Group and instance norm: a row is one group of one image, `per_channel` elements
// a channel, j = (row mod groups) * channels a group + k / per_channel.
//   ROW_LANES 64: a wave a row, four rows a work-group; 256: a work-group a row
//   AFFINE 0 neither gamma nor beta, 1 gamma, 2 gamma and beta; PER_CHANNEL 0 layer norm, 1 group norm
//   STATISTICS 1: also writes the row's mean and reciprocal deviation
// Work-group 256; DPP within a wave, LDS between waves. Mean, then variance around it (a second pass), then the result: no
// cancellation as with sums of squares.
#include "amdc.h"
#include "amdc_math.h"
#ifndef ROW_LANES
#define ROW_LANES 64
#define AFFINE 2
#define PER_CHANNEL 0
#define STATISTICS 0
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
AMDC_DEVICE float amdc_row_sum(float x, float *scratch) {
    return ROW_LANES == 64 ? amdc_wave_reduce<amdc_sum>(x) : amdc_block_reduce<amdc_sum>(x, scratch);
}

AMDC_KERNEL void AMDC_SYMBOL(
    float *out, unsigned out_bytes, const float *x, unsigned x_bytes, const float *gamma, unsigned gamma_bytes, const float *beta,
    unsigned beta_bytes, float *means, unsigned means_bytes, float *scales, unsigned scales_bytes, unsigned rows, unsigned length,
    float epsilon, unsigned groups, unsigned multiplier_g, unsigned shift_g, unsigned channels, unsigned multiplier_p,
    unsigned shift_p AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED float scratch[AMDC_BLOCK / 64];
    unsigned row = ROW_LANES == 64 ? amdc_group_x() * (AMDC_BLOCK / 64) + amdc_wave() : amdc_group_x();
    if (row >= rows) return; // a whole wave, or a whole work-group
    unsigned lane = ROW_LANES == 64 ? amdc_lane() : amdc_thread();
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    unsigned base = row * length;
    float sum = 0.0f, squares = 0.0f;
    for (unsigned k = lane; k < length; k += ROW_LANES) sum += amdc_load_f32(source, (base + k) * 4u);
    float mean = amdc_row_sum(sum, scratch) / (float)length;
    for (unsigned k = lane; k < length; k += ROW_LANES) {
        float distance = amdc_load_f32(source, (base + k) * 4u) - mean;
        squares += distance * distance;
    }
    float scale = amdc_rsqrt(amdc_row_sum(squares, scratch) / (float)length + epsilon);
    unsigned first = PER_CHANNEL ? (row - amdc_divide(row, multiplier_g, shift_g) * groups) * channels : 0;
    for (unsigned k = lane; k < length; k += ROW_LANES) {
        float value = (amdc_load_f32(source, (base + k) * 4u) - mean) * scale;
        unsigned channel = PER_CHANNEL ? first + amdc_divide(k, multiplier_p, shift_p) : k;
        if (AFFINE > 0) value *= amdc_load_f32(amdc_make(gamma, gamma_bytes), channel * 4u);
        if (AFFINE > 1) value += amdc_load_f32(amdc_make(beta, beta_bytes), channel * 4u);
        amdc_store_f32(target, (base + k) * 4u, AMDC_EPILOGUE(value, channel, base + k));
    }
#if STATISTICS
    if (lane == 0) {
        amdc_store_f32(amdc_make(means, means_bytes), row * 4u, mean);
        amdc_store_f32(amdc_make(scales, scales_bytes), row * 4u, scale);
    }
#endif
}
