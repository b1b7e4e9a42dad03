// gemv.hip: y = W x for each of a batch, fp32, with a bias and a fused prologue (on x) and epilogue. Bound by the reading of W.
//
// Shapes   W[o][k] lies at o * w_out + k * w_k elements, x[k] at k, y[o] at o; z adds z * batch_w, z * batch_x and z * outs elements.
//          LAYOUT 0: w_out = 1 (packed): a lane an output, the 4 waves of a work-group take turns at 64 values of k and add up in LDS.
//          LAYOUT 1: w_k = 1: a wave an output, its lanes take turns at k and add up by DPP.
//          bytes_w, bytes_x: of one W and one x, to the end of the last element.
// Fused    AMDC_PROLOGUE(value, k) on x, AMDC_EPILOGUE(value, o * channel_step, element). BIAS 1: alpha * product + beta * bias[o * bias_step].
// Types    fp32 storage and arithmetic with v_mac; the sum over k is cut in 4 (LAYOUT 0) or 64 parts.
// Launch   256 lanes; grid (ceil(outs / 64), 1, batch) or (ceil(outs / 4), 1, batch).
// Limits   tensors below 1 GiB.
// Static   clang 19: LAYOUT 0 27 VGPRs, 9 waves a SIMD, 1 KiB of LDS; LAYOUT 1 37 VGPRs, 6 waves. 16 loads of W under way in a wave.
#include "amdc.h"
#include "amdc_math.h"
#ifndef LAYOUT
#define LAYOUT 0
#define BIAS 0
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#ifndef AMDC_PROLOGUE
#define AMDC_PROLOGUE_PARAMS
#define AMDC_PROLOGUE(value, channel) (value)
#endif
#define OUTSIDE 0x80000000u
#define UNROLL 16 // loads under way in a wave

AMDC_KERNEL void AMDC_SYMBOL(const float *w, unsigned w_bytes, const float *x, unsigned x_bytes, float *y, unsigned y_bytes, unsigned outs,
                             unsigned K, unsigned w_stride, unsigned batch_w, unsigned batch_x, unsigned matrix_w, unsigned channel_step
#if BIAS
                             , const float *bias, unsigned bias_bytes, unsigned bias_step, float alpha, float beta
#endif
                             AMDC_PROLOGUE_PARAMS AMDC_EPILOGUE_PARAMS) {
    unsigned z = amdc_group_z(), lane = amdc_lane(), wave = amdc_wave();
    amdc_buffer from_w = amdc_make((const char *)w + 4 * z * batch_w, matrix_w), from_x = amdc_make((const char *)x + 4 * z * batch_x, 4 * K);
    float sum = 0.0f;
#if LAYOUT == 0
    AMDC_SHARED static float partial[4][64];
    unsigned out = amdc_group_x() * 64 + lane;
    for (unsigned chunk = wave * 64; chunk < K; chunk += 256) {
        float mine = chunk + lane < K ? AMDC_PROLOGUE(amdc_load_f32(from_x, 4 * (chunk + lane)), chunk + lane) : 0.0f;
        unsigned at = 4 * (chunk * w_stride + out), last = K - chunk < 64 ? K - chunk : 64;
        for (unsigned k = 0; k < last; k += UNROLL) {
            float row[UNROLL];
            for (unsigned i = 0; i < UNROLL; ++i) row[i] = amdc_load_f32(from_w, at + 4 * (k + i) * w_stride);
            for (unsigned i = 0; i < UNROLL; ++i)
                sum += row[i] * __builtin_bit_cast(float, __builtin_amdgcn_readlane(__builtin_bit_cast(int, mine), k + i));
        }
    }
    partial[wave][lane] = sum;
    amdc_barrier();
    if (wave != 0) return;
    sum = partial[0][lane] + partial[1][lane] + (partial[2][lane] + partial[3][lane]);
    bool writes = out < outs;
#else
    unsigned out = amdc_group_x() * 4 + wave;
    bool writes = out < outs && lane == 0;
    for (unsigned first = 0; first < K; first += 64 * UNROLL) {
        float row[UNROLL], value[UNROLL];
        for (unsigned i = 0; i < UNROLL; ++i) {
            unsigned k = first + i * 64 + lane;
            row[i] = amdc_load_f32(from_w, k < K ? 4 * (out * w_stride + k) : OUTSIDE);
            value[i] = k < K ? AMDC_PROLOGUE(amdc_load_f32(from_x, 4 * k), k) : 0.0f;
        }
        for (unsigned i = 0; i < UNROLL; ++i) sum += row[i] * value[i];
    }
    sum = amdc_wave_reduce<amdc_sum>(sum);
#endif
    if (!writes) return;
#if BIAS
    sum = alpha * sum + beta * amdc_load_f32(amdc_make(bias, bias_bytes), 4 * out * bias_step);
#endif
    amdc_store_f32(amdc_make(y, y_bytes), 4 * (z * outs + out), AMDC_EPILOGUE(sum, out * channel_step, z * outs + out));
}
