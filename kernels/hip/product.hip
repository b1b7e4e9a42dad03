// product.hip: C = A x B for each of a batch of matrices of any dtypes, with a bias and a fused epilogue; one lane an element of C.
//
// For what gemm.hip does not take: double, integers of every width, and quantised matrices with zero points.
// Shapes   as gemm.hip: A[m][k] lies at m * a_row + k * a_k elements, B[k][n] at k * b_k + n * b_column, C[m][n] at m * c_row + n; batch z is
//          z / inner of an outer and z % inner of an inner dimension, each with its strides.
// Fused    AMDC_EPILOGUE(value, n, element of the dense C). BIAS 1: alpha * product + beta * bias[m * bias_row + n * bias_column].
//          ZEROS 1: a_zero[m * a_zero_m] of the batch is subtracted from A, b_zero[n * b_zero_n] from B, before they are multiplied.
// Types    TYPE_A, TYPE_B, TYPE_BIAS, TYPE_C: any (amdc_types.h); arithmetic in SUM, integers modulo 2^32 or 2^64.
// Launch   256 lanes along n; grid (ceil(N / 256), M, batch). Limits: tensors below 1 GiB.
// Versions A tile in LDS would read B once a tile and not once a row of A; models take such products of small matrices only.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef SUM
#define BIAS 0
#define ZEROS 0
#define SUM int
#define TYPE_A amdc_i8
#define TYPE_B amdc_i8
#define TYPE_C int
#define TYPE_BIAS int
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif

AMDC_KERNEL void AMDC_SYMBOL(const void *a, unsigned a_bytes, const void *b, unsigned b_bytes, void *c, unsigned c_bytes, unsigned M,
                             unsigned N, unsigned K, unsigned inner, unsigned inner_multiplier, unsigned inner_shift, unsigned a_row,
                             unsigned a_k, unsigned a_outer, unsigned a_inner, unsigned b_column, unsigned b_k, unsigned b_outer,
                             unsigned b_inner, unsigned c_row, unsigned c_column, unsigned c_outer, unsigned c_inner
#if ZEROS
                             , const void *a_zero, unsigned a_zero_bytes, unsigned a_zero_m, unsigned a_zero_outer, unsigned a_zero_inner,
                             const void *b_zero, unsigned b_zero_bytes, unsigned b_zero_n, unsigned b_zero_outer, unsigned b_zero_inner
#endif
#if BIAS
                             , const void *bias, unsigned bias_bytes, unsigned bias_row, unsigned bias_column, float alpha, float beta
#endif
                             AMDC_EPILOGUE_PARAMS) {
    unsigned n = amdc_group_x() * 256 + amdc_thread(), m = amdc_group_y(), z = amdc_group_z();
    if (n >= N) return;
    unsigned outer = __builtin_amdgcn_readfirstlane(amdc_divide(z, inner_multiplier, inner_shift)), in = z - outer * inner;
    amdc_buffer from_a = amdc_make(a, a_bytes), from_b = amdc_make(b, b_bytes);
    unsigned at_a = outer * a_outer + in * a_inner + m * a_row, at_b = outer * b_outer + in * b_inner + n * b_column;
    SUM sum = 0, zero_a = 0, zero_b = 0;
#if ZEROS
    zero_a = (SUM)amdc_read<TYPE_A>(amdc_make(a_zero, a_zero_bytes), m * a_zero_m + outer * a_zero_outer + in * a_zero_inner);
    zero_b = (SUM)amdc_read<TYPE_B>(amdc_make(b_zero, b_zero_bytes), n * b_zero_n + outer * b_zero_outer + in * b_zero_inner);
#endif
    for (unsigned k = 0; k < K; ++k)
        sum += ((SUM)amdc_read<TYPE_A>(from_a, at_a + k * a_k) - zero_a) * ((SUM)amdc_read<TYPE_B>(from_b, at_b + k * b_k) - zero_b);
#if BIAS
    sum = (SUM)alpha * sum + (SUM)beta * (SUM)amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), m * bias_row + n * bias_column);
#endif
    unsigned at = outer * c_outer + in * c_inner + m * c_row + n * c_column;
    amdc_write<TYPE_C>(amdc_make(c, c_bytes), at, AMDC_EPILOGUE(sum, n, (z * M + m) * N + n));
}
