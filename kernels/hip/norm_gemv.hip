// norm_gemv.hip: y = norm(x) W for up to 4 vectors x: layer norm or RMS norm of each vector, then its product with a packed matrix.
//
// Shapes   x [rows, K] dense, W [K, outs] with rows of `stride` elements, y[r][o] at r * outs + o. A vector's norm is computed by every
//          work-group anew: K values from L2 cost less than a launch that would write the norm to memory.
// Fused    AMDC_EPILOGUE(value, o, element of the dense [rows, outs])
// Options  CENTRED 1 layer norm, 0 RMS norm (no mean). AFFINE 0 nothing, 1 times gain[k], 2 and plus shift[k]. HELD = ceil(K / 256).
// Types    TYPE_X, TYPE_W, TYPE_AFFINE, TYPE_Y: floats of 32 bits or narrower; arithmetic in fp32. Mean, then variance around it: no
//          cancellation. A narrow norm is rounded to TYPE_X, as a kernel that stores it would.
// Launch   256 lanes; grid (ceil(outs / 64)): a lane an output, the 4 waves take turns at 64 values of k and add up in LDS.
// Limits   rows <= X_ROWS <= 4, K <= 4,096, W below 1 GiB.
// Versions Two launches, normalize_rows.hip and gemv.hip: 26 us of launch and 1.7 us more each time (predicted), for 768 values.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef X_ROWS
#define X_ROWS 1
#define HELD 3
#define CENTRED 1
#define AFFINE 2
#define TYPE_X float
#define TYPE_W float
#define TYPE_AFFINE float
#define TYPE_Y float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#define OUTSIDE 0x80000000u
#define UNROLL 16 // loads of W under way in a wave

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *w, unsigned w_bytes, void *y, unsigned y_bytes,
                             const void *gain, unsigned gain_bytes, const void *shift, unsigned shift_bytes, unsigned rows, unsigned K,
                             unsigned outs, unsigned stride, float epsilon AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static float normal[X_ROWS][HELD * 256], partial[4][X_ROWS][64], scratch[4];
    unsigned lane = amdc_lane(), wave = amdc_wave(), thread = amdc_thread(), out = amdc_group_x() * 64 + lane;
    amdc_buffer from_x = amdc_make(x, x_bytes), from_w = amdc_make(w, w_bytes);
    for (unsigned r = 0; r < X_ROWS; ++r) {
        float value[HELD], sum = 0.0f, squares = 0.0f, mean = 0.0f, gains[HELD], shifts[HELD];
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            unsigned k = j * 256 + thread;
            value[j] = amdc_load<TYPE_X>(from_x, k < K && r < rows ? amdc_size<TYPE_X> * (r * K + k) : OUTSIDE);
            gains[j] = AFFINE > 0 ? amdc_load<TYPE_AFFINE>(amdc_make(gain, gain_bytes), amdc_size<TYPE_AFFINE> * k) : 1.0f;
            shifts[j] = AFFINE > 1 ? amdc_load<TYPE_AFFINE>(amdc_make(shift, shift_bytes), amdc_size<TYPE_AFFINE> * k) : 0.0f;
        }
        if (CENTRED) {
#pragma unroll
            for (unsigned j = 0; j < HELD; ++j) sum += value[j];
            mean = amdc_block_reduce<amdc_sum>(sum, scratch) / (float)K;
        }
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            float distance = j * 256 + thread < K ? value[j] - mean : 0.0f;
            squares += distance * distance;
        }
        float scale = amdc_rsqrt(amdc_block_reduce<amdc_sum>(squares, scratch) / (float)K + epsilon);
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            unsigned k = j * 256 + thread;
            normal[r][k] = k < K ? amdc_rounded<TYPE_X>((value[j] - mean) * scale * gains[j] + shifts[j]) : 0.0f;
        }
    }
    amdc_barrier();
    float sum[X_ROWS] = {};
    for (unsigned chunk = wave * 64; chunk < K; chunk += 256) {
        float mine[X_ROWS];
        for (unsigned r = 0; r < X_ROWS; ++r) mine[r] = normal[r][chunk + lane];
        unsigned at = amdc_size<TYPE_W> * (chunk * stride + out), last = K - chunk < 64 ? K - chunk : 64;
        for (unsigned k = 0; k < last; k += UNROLL) {
            float column[UNROLL];
            for (unsigned i = 0; i < UNROLL; ++i) column[i] = amdc_load<TYPE_W>(from_w, at + amdc_size<TYPE_W> * (k + i) * stride);
            for (unsigned i = 0; i < UNROLL; ++i)
                for (unsigned r = 0; r < X_ROWS; ++r)
                    sum[r] += column[i] * __builtin_bit_cast(float, __builtin_amdgcn_readlane(__builtin_bit_cast(int, mine[r]), k + i));
        }
    }
    for (unsigned r = 0; r < X_ROWS; ++r) partial[wave][r][lane] = sum[r];
    amdc_barrier();
    for (unsigned r = wave; r < rows; r += 4)
        if (out < outs) {
            float value = partial[0][r][lane] + partial[1][r][lane] + (partial[2][r][lane] + partial[3][r][lane]);
            amdc_write<TYPE_Y>(amdc_make(y, y_bytes), r * outs + out, AMDC_EPILOGUE(value, out, r * outs + out));
        }
}
