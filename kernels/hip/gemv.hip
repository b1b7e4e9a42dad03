// gemv.hip: y = W x for up to 16 vectors x and each of a batch, with a bias and a fused prologue (on x) and epilogue. For products
// with few rows (decoding), which the reading of W bounds: each of its elements is read once for all rows.
//
// Shapes   W[o][k] lies at o * w_out + k * w_k elements, x[r][k] at r * x_row + k * x_k, y[r][o] at r * y_row + o * y_out, for r < rows.
//          Batch z is z / inner of an outer and z % inner of an inner dimension; each adds its own stride.
//          LAYOUT 0: w_out = 1 (packed): a lane an output, the waves of a work-group take turns at 64 values of k and add up in LDS.
//          LAYOUT 1: w_k = 1: a wave an output, 4 waves; its lanes take turns at k and add up by DPP.
//          `w_stride` is the other one of w_out, w_k; matrix_w, matrix_x: bytes of one W and one x, to the end of the last element.
// Fused    AMDC_PROLOGUE(value, k) on x, AMDC_EPILOGUE(value, o * channel_step, element of the dense [z][r][o]). BIAS 1: alpha * product
//          + beta * bias[r * bias_row + o * bias_step].
// Types    TYPE_W, TYPE_X, TYPE_BIAS: float or narrower (amdc_types.h), TYPE_Y: any; arithmetic in fp32 with v_mac; the sum over k is cut in as many parts
//          as there are waves (LAYOUT 0) or in 64.
// Launch   256 lanes, in LAYOUT 0 up to 1,024 where there are few outputs (at most 64 waves times rows, for LDS); grid (ceil(outs / 64), 1, batch) or (ceil(outs / 4), 1, batch).
// Limits   rows <= X_ROWS; tensors below 1 GiB.
// Static   clang 19, 1 row: LAYOUT 0 9 waves a SIMD, 1 KiB of LDS; LAYOUT 1 6 waves. 16 loads of W under way in a wave. Per element of W
//          and row LAYOUT 0 takes a v_readlane and a v_mac, so 16 rows are issued at the rate of 380 GB/s of W on 36 CUs: still bound by DRAM.
//          768 outputs of 768: 13.2 us predicted (RX 580) with 4 waves a work-group, 12.8 with 12, 12.5 with arguments fetched at once and W's
//          first loads under way before x is waited for (DRAM's time 10.8); 768 of 3,072: 47.4, 44.1 with 16.
//          LAYOUT 1 reads x again for each output, so it is for 4 rows at most.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#include "arguments.h"
#ifndef LAYOUT
#define LAYOUT 0
#define BIAS 0
#define X_ROWS 1
#define TYPE_W float
#define TYPE_X float
#define TYPE_Y float
#define TYPE_BIAS float
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
#define WAVES (AMDC_BLOCK / 64)
#define UNROLL (X_ROWS > 4 ? 8 : 16) // loads of W under way in a wave

AMDC_KERNEL void AMDC_SYMBOL(const void *w, unsigned w_bytes, const void *x, unsigned x_bytes, void *y, unsigned y_bytes, unsigned outs,
                             unsigned rows, unsigned K, unsigned inner, unsigned inner_multiplier, unsigned inner_shift, unsigned w_stride,
                             unsigned w_outer, unsigned w_inner, unsigned x_row, unsigned x_k, unsigned x_outer, unsigned x_inner,
                             unsigned y_row, unsigned y_out, unsigned y_outer, unsigned y_inner, unsigned matrix_w, unsigned matrix_x,
                             unsigned channel_step
#if BIAS
                             , const void *bias, unsigned bias_bytes, unsigned bias_row, unsigned bias_step, float alpha, float beta
#endif
                             AMDC_PROLOGUE_PARAMS AMDC_EPILOGUE_PARAMS) {
    amdc_fetch_arguments<decltype(AMDC_SYMBOL)>();
    unsigned z = amdc_group_z(), lane = amdc_lane(), wave = amdc_wave();
    unsigned outer = __builtin_amdgcn_readfirstlane(amdc_divide(z, inner_multiplier, inner_shift)), in = z - outer * inner;
    amdc_buffer from_w = amdc_make((const char *)w + amdc_size<TYPE_W> * (outer * w_outer + in * w_inner), matrix_w);
    amdc_buffer from_x = amdc_make((const char *)x + amdc_size<TYPE_X> * (outer * x_outer + in * x_inner), matrix_x);
    float sum[X_ROWS] = {};
    auto finish = [&](float value, unsigned r, unsigned o) __attribute__((always_inline)) {
#if BIAS
        value = alpha * value + beta * amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), r * bias_row + o * bias_step);
#endif
        unsigned at = outer * y_outer + in * y_inner + r * y_row + o * y_out;
        amdc_write<TYPE_Y>(amdc_make(y, y_bytes), at, AMDC_EPILOGUE(value, o * channel_step, (z * rows + r) * outs + o));
    };
#if LAYOUT == 0
    AMDC_SHARED static float partial[WAVES][X_ROWS][64];
    unsigned out = amdc_group_x() * 64 + lane;
    const unsigned row = amdc_size<TYPE_W> * w_stride; // bytes between W[o][k] and W[o][k + 1]
    float column[UNROLL], mine[X_ROWS];
    auto load = [&](unsigned k) AMDC_INLINE {
        const unsigned at = amdc_size<TYPE_W> * out + k * row;
#pragma unroll
        for (unsigned i = 0; i < UNROLL; ++i) column[i] = amdc_load<TYPE_W>(from_w, at + i * row);
    };
    auto add = [&](unsigned k) AMDC_INLINE {
#pragma unroll
        for (unsigned i = 0; i < UNROLL; ++i)
#pragma unroll
            for (unsigned r = 0; r < X_ROWS; ++r) sum[r] += column[i] * amdc_of_lane(mine[r], k + i);
    };
    for (unsigned chunk = wave * 64; chunk < K; chunk += AMDC_BLOCK) {
        const unsigned last = K - chunk < 64 ? K - chunk : 64;
#pragma unroll
        for (unsigned r = 0; r < X_ROWS; ++r) {
            bool inside = chunk + lane < K && r < rows;
            mine[r] = amdc_load<TYPE_X>(from_x, inside ? amdc_size<TYPE_X> * (r * x_row + (chunk + lane) * x_k) : OUTSIDE);
        }
        load(chunk);
        __builtin_amdgcn_sched_barrier(0); // x is not waited for before the first loads of W are under way
#pragma unroll
        for (unsigned r = 0; r < X_ROWS; ++r) mine[r] = chunk + lane < K && r < rows ? AMDC_PROLOGUE(mine[r], chunk + lane) : 0.0f;
        add(0);
        for (unsigned k = UNROLL; k < last; k += UNROLL) {
            load(chunk + k);
            add(k);
        }
    }
    for (unsigned r = 0; r < X_ROWS; ++r) partial[wave][r][lane] = sum[r];
    amdc_barrier();
    for (unsigned r = wave; r < rows; r += WAVES) {
        float total = partial[0][r][lane];
        for (unsigned part = 1; part < WAVES; ++part) total += partial[part][r][lane];
        if (out < outs) finish(total, r, out);
    }
#else
    unsigned out = amdc_group_x() * 4 + wave;
    for (unsigned first = 0; first < K; first += 64 * UNROLL) {
        float row[UNROLL];
        for (unsigned i = 0; i < UNROLL; ++i) {
            unsigned k = first + i * 64 + lane;
            row[i] = amdc_load<TYPE_W>(from_w, k < K && out < outs ? amdc_size<TYPE_W> * (out * w_stride + k) : OUTSIDE);
        }
        for (unsigned r = 0; r < X_ROWS; ++r) {
            float value[UNROLL];
            for (unsigned i = 0; i < UNROLL; ++i) {
                unsigned k = first + i * 64 + lane;
                bool inside = k < K && r < rows;
                float loaded = amdc_load<TYPE_X>(from_x, inside ? amdc_size<TYPE_X> * (r * x_row + k * x_k) : OUTSIDE);
                value[i] = inside ? AMDC_PROLOGUE(loaded, k) : 0.0f;
            }
            for (unsigned i = 0; i < UNROLL; ++i) sum[r] += row[i] * value[i];
        }
    }
    for (unsigned r = 0; r < X_ROWS; ++r) {
        float total = amdc_wave_reduce<amdc_sum>(sum[r]);
        if (r < rows && out < outs && lane == 0) finish(total, r, out);
    }
#endif
}
