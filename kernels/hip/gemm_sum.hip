// gemm_sum.hip: adds the pieces of a matrix product that gemm.hip with SPLIT made, and applies bias and fused epilogue.
//
// Shapes   pieces [P][batch][M][N], fp32, dense; C[m][n] of batch z lies at outer * c_outer + inner * c_inner + m * c_row + n, as in gemm.hip.
// Fused    AMDC_EPILOGUE(value, n, element of the dense C). BIAS 1: alpha * sum + beta * bias[m * row + n * column].
// Types    TYPE_C, TYPE_BIAS: any; the pieces are added in their order, so that results repeat bit by bit (no atomics: gfx803 has no
//          float atomics in memory, and their order would change from run to run).
// Launch   256 lanes along a matrix's elements; grid (ceil(M * N / 256), 1, batch).
// Limits   P * batch * M * N below 2^28.
// Versions Four columns a lane would need N a multiple of 4 and gain nothing: a dword a lane streams at DRAM speed, and what is added
//          here is small wherever splitting pays.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef BIAS
#define BIAS 0
#define TYPE_C float
#define TYPE_BIAS float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif

AMDC_KERNEL void AMDC_SYMBOL(const void *pieces, unsigned pieces_bytes, void *c, unsigned c_bytes, unsigned M, unsigned N, unsigned N_multiplier,
                             unsigned N_shift, unsigned count, unsigned batch, unsigned inner, unsigned inner_multiplier, unsigned inner_shift,
                             unsigned c_row, unsigned c_outer, unsigned c_inner
#if BIAS
                             , const void *bias, unsigned bias_bytes, unsigned bias_row, unsigned bias_column, float alpha, float beta
#endif
                             AMDC_EPILOGUE_PARAMS) {
    unsigned at = amdc_group_x() * 256 + amdc_thread(), z = amdc_group_z();
    if (at >= M * N) return;
    unsigned m = amdc_divide(at, N_multiplier, N_shift), n = at - m * N, element = z * M * N + at;
    amdc_buffer from = amdc_make(pieces, pieces_bytes);
    float value = 0;
#pragma unroll 4
    for (unsigned p = 0; p < count; ++p) value += amdc_load_f32(from, 4 * (element + p * batch * M * N));
#if BIAS
    value = alpha * value + beta * amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), m * bias_row + n * bias_column);
#endif
    unsigned outer = __builtin_amdgcn_readfirstlane(amdc_divide(z, inner_multiplier, inner_shift)), in = z - outer * inner;
    unsigned place = outer * c_outer + in * c_inner + m * c_row + n;
    amdc_write<TYPE_C>(amdc_make(c, c_bytes), place, AMDC_EPILOGUE(value, n, element));
}
