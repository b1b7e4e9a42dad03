// gemm.hip: C = A x B for each of a batch of matrices, with a bias and a fused prologue (on A) and epilogue.
//
// Shapes   A is M x K, B is K x N, C is M x N. Batch z is z / inner of an outer and z % inner of an inner dimension, each with a stride of
//          its own, so that the heads of a [B, S, H, D] tensor are read and written where they lie; a broadcast one has stride 0.
//          A[m][k] lies at m * a_column + k * a_k elements, B[k][n] at n * b_column + k * b_k, C[m][n] at m * c_row + n; the batch adds
//          outer * x_outer + inner * x_inner. What is contiguous picks the layout:
//          LAYOUT_A, LAYOUT_B: 0 columns (m, n) contiguous, in multiples of 4 with 16-byte alignment; 1 columns contiguous; 2 any strides;
//          3 k contiguous, K and all strides multiples of 4, 16-byte alignment.
//          bytes_a, bytes_b: from the matrix's first element to the end of its last, in each batch.
//          SPLIT 1, 2: grid z counts pieces of k times batches; piece p takes `chunk` values of k (a multiple of TILE_K) from p * chunk on. 1: its
//          products go to C[p * batch + z], dense, as they are: gemm_sum.hip adds the pieces and applies bias and epilogue. 2: of the `parts`
//          work-groups of a tile the last to arrive does so, wave by wave (split_finish.h): one launch.
//          NORM 1, 2: A's rows are normalised first (gemm_norm.h); ROW_PARTS 1: C's rows will be (gemm_row_parts.h), by NORM 2 of a later launch.
//          SPREAD 1, 2, 3: the work-groups of different columns, rows, or both start at different slices of k, which they take as a ring.
// Fused    AMDC_PROLOGUE(value, k) on A, AMDC_EPILOGUE(value, n, element of C). BIAS 1: alpha * product + beta * bias[m * row + n * column].
// Types    TYPE_A, TYPE_B, TYPE_BIAS: float or narrower (amdc_types.h), TYPE_C: any; arithmetic in fp32; the sum over k is sequential, with v_mac (multiply and add round each).
// Launch   AMDC_BLOCK = TILE_M * TILE_N / (THREAD_M * THREAD_N) * LOCAL_SPLIT lanes; grid (ceil(N / TILE_N), ceil(M / TILE_M), batch).
// Limits   each tensor below 1 GiB; M, N, K, batch at least 1.
// Static   clang 19, layouts 3 and 0 (both matrices row-major), BIAS 1. Waves a SIMD as VGPRs and LDS allow; s4: LOCAL_SPLIT 4:
//            tile (lane)        lanes  VGPRs  LDS bytes  waves  v_mac of the loop's instructions, of its VALU instructions
//            128x128x16 (8x8)     256    124      32768      2  0.880  0.990   LDS bytes a multiply-add: 1.0
//            128x128x8 (8x8)      256    115      16384      2  0.862  0.987   1.0
//            128x96x16 (8x6)      256    105      32768      2  0.842  0.981   1.2
//            128x64x16 (8x4)      256     79      24576      2  0.830  0.981   1.5
//            64x64x32s2 (8x4)     256     86      32768      2  0.826  0.981   1.5
//            64x64x16 (4x4)       256     52      16384      4  0.751  0.966   2.0
//            64x32x16 (4x4)       128     56      12288      3  0.742  0.962   2.0
//          Layouts 0 and 0: 128x128x16 0.887 and 0.997 (121 VGPRs). Layout 1 loads dwords: 128x128x16 has 134 VGPRs then, one wave a SIMD.
//          No spills, no v_fma, no flat access. tests/kernels/test_gemm_assembly.py holds these.
// Predicted by the timing layer: 4096 cubed on an RX 580 94.2 % of the fp32 peak, 1024 cubed 78.5 % (128x128x16, layouts 3 and 0).
// Versions Predicted for 2048x2048 on an R9 Nano, 128x128x16, layouts 3 and 0, once k is under way, as share of the multiply-adds' peak:
//          offsets of every load advanced by the vector ALU, fragments of a stage read at its start: 0.923 (0.981 of the VALU's
//          instructions are v_mac); the first fragments read behind the barrier, the last k multiplied meanwhile: 0.927; and with k in the
//          resource's base, tail tested by a scalar difference: 0.931 (0.990 are v_mac).
//          128x128x8 needs half of LDS, but fetches half lines where k is contiguous: 551 us for 1024 cubed on an RX 580, against 468.
//          Static: transposed panels padded instead of exchanged (gemm_panels.h) take 33,024 bytes of LDS: one work-group a CU and not two.
//          A branch around the last, partial pass of a 96-wide panel: 200 bytes a lane of spills. Without sched_barrier in multiply
//          (gemm_tile.h) each fragment is loaded right before its use. With the last stage peeled off the loop: 194 VGPRs. With the
//          resource's base from a 64-bit product, or its size from a saturating subtraction: a loop over its "different" values.
//          Predicted for 128x768x3072 on an RX 580, 64x64x32s2 with k in 3 pieces: A's rows, 12 KiB apart, start in one memory channel,
//          and all work-groups read the same k: 171 us; with SPREAD 129. Adding the pieces in a second launch: 26 us and 8 to 15 more.
//          Predicted on an R9 Nano, launch included: 8457x35x4096, whose rows of A all begin in one channel, 3190 us (64x64x32s2 in 8
//          pieces); with the rows' work-groups spread, which share a B that L2 holds, 911 us. 16x6144x2560: rows of B 24 KiB apart, 256
//          bytes of each in a tile of 64: all of a work-group's lines lie in one DRAM channel, for which an L2 channel waits while
//          its other one is idle, DRAM busy 0.55: 288 us; tiles of 256, four channels: 208 to 241 us, as the buffers lie.
//          Slices of k of each wave's own, in LDS of its own, without barriers (64x44x16, 4x11 a lane): 128x3072x768 on an RX 580 126.5 us
//          (behind a norm 158.0; 64x176x32s2 129.2 and 140.4), 128x768x3072 135.9 (64x64x32s2 in 3 pieces 134.6), 1x1 1024->256 on 14x14 33.3
//          (36.2 as it was): small tiles without a partner read twice as much from L2 (0.75 busy). A stage's loads spread over its first k
//          instead of issued at once: 129 us become 146, because the younger wave of a SIMD issues them late.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef TILE_M
#define TILE_M 128
#define TILE_N 128
#define TILE_K 8
#define THREAD_M 8
#define THREAD_N 8
#define LAYOUT_A 0
#define LAYOUT_B 0
#define VECTOR_C 1
#define BIAS 0
#define SPLIT 0
#define TYPE_A float
#define TYPE_B float
#define TYPE_C float
#define TYPE_BIAS float
#endif
#ifndef NORM
#define NORM 0
#define MOMENTS 0
#define ROW_PARTS 0
#define SPREAD 0
#endif
#include "arguments.h"
#include "gemm_panels.h"
#include "gemm_tile.h"
#if NORM
#include "gemm_norm.h"
#endif
#if ROW_PARTS
#include "gemm_row_parts.h"
#endif
#if SPLIT == 2
#include "split_finish.h"
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#ifndef AMDC_EPILOGUE_OF_ROW
#define AMDC_EPILOGUE_OF_ROW(value, channel, offset, row) AMDC_EPILOGUE(value, channel, offset)
#endif
#ifdef AMDC_PROLOGUE
#define HAS_PROLOGUE 1
#else
#define HAS_PROLOGUE 0
#define AMDC_PROLOGUE_PARAMS
#define AMDC_PROLOGUE(value, channel) (value)
#endif

template <class Prologue> struct Walk {
    unsigned k, size;
    Prologue prologue;
#if SPREAD
    unsigned first, end; // of the slices, which are a ring
#endif

    template <class A, class B> MEMBER void load(A &a, B &b) {
        a.load(k);
        b.load(k);
        if constexpr (Prologue::by_pass) prologue.load(k + a.row);
    }
    template <class A, class B> MEMBER void store(A &a, B &b, float *to_a, float *to_b) {
        a.store(to_a, k, size, prologue);
        b.store(to_b, k, size, Unchanged());
    }
    MEMBER void advance() {
        k += TILE_K;
#if SPREAD
        k = k < end ? k : first;
#endif
    }
    // Start at a slice of the work-group's own: `id` times the golden ratio, of `stages`.
    MEMBER void spread(unsigned id, unsigned stages) {
#if SPREAD
        first = k, end = k + stages * TILE_K;
        k += ((id * 40503 & 0xffff) * stages >> 16) * TILE_K;
#endif
    }
};

template <class Function> struct Changed : Function {
    static constexpr bool identity = !HAS_PROLOGUE, by_pass = false;
    MEMBER Changed(const Function &f) : Function(f) {}
};

AMDC_KERNEL void AMDC_SYMBOL(const void *a, unsigned a_bytes, const void *b, unsigned b_bytes, void *c, unsigned c_bytes, unsigned M,
                             unsigned N, unsigned K, unsigned inner, unsigned inner_multiplier, unsigned inner_shift, unsigned a_column,
                             unsigned a_k, unsigned a_outer, unsigned a_inner, unsigned b_column, unsigned b_k, unsigned b_outer,
                             unsigned b_inner, unsigned c_row, unsigned c_outer, unsigned c_inner, unsigned matrix_a, unsigned matrix_b
#if SPLIT
                             , unsigned batch_multiplier, unsigned batch_shift, unsigned batch, unsigned chunk
#endif
#if SPLIT == 2
                             , void *partials, unsigned partials_bytes, unsigned *counters, unsigned counters_bytes, unsigned parts
#endif
#if BIAS
                             , const void *bias, unsigned bias_bytes, unsigned bias_row, unsigned bias_column, float alpha, float beta
#endif
#if NORM
                             , const void *gain, unsigned gain_bytes, const void *shift, unsigned shift_bytes, float epsilon
#endif
#if NORM == 2
                             , const void *parts_of_a, unsigned parts_of_a_bytes, unsigned parts_count, unsigned parts_columns
#endif
#if MOMENTS
                             , void *means, unsigned means_bytes, void *scales, unsigned scales_bytes
#endif
#if ROW_PARTS
                             , void *row_parts, unsigned row_parts_bytes
#endif
                             AMDC_PROLOGUE_PARAMS AMDC_EPILOGUE_PARAMS) {
    amdc_fetch_arguments<decltype(AMDC_SYMBOL)>();
    unsigned z = amdc_group_z(), first_m = amdc_group_y() * TILE_M, first_n = amdc_group_x() * TILE_N;
    unsigned matrix = z, first_k = 0, values = K;
#if SPLIT
    unsigned part = __builtin_amdgcn_readfirstlane(amdc_divide(z, batch_multiplier, batch_shift));
    matrix = z - part * batch, first_k = part * chunk;
    values = K - first_k < chunk ? K - first_k : chunk;
#endif
    unsigned outer = __builtin_amdgcn_readfirstlane(amdc_divide(matrix, inner_multiplier, inner_shift)), in = matrix - outer * inner;
    Matrix matrix_of_a((const char *)a + amdc_size<TYPE_A> * (outer * a_outer + in * a_inner), matrix_a);
    Matrix matrix_of_b((const char *)b + amdc_size<TYPE_B> * (outer * b_outer + in * b_inner), matrix_b);
    Panel<TILE_M, LAYOUT_A, TYPE_A> panel_a(matrix_of_a);
    Panel<TILE_N, LAYOUT_B, TYPE_B> panel_b(matrix_of_b);
    panel_a.start(first_m, a_k, a_column, K);
    panel_b.start(first_n, b_k, b_column, K);
#if NORM
    typedef decltype(panel_a) PanelA;
    float *lds = tile_lds<PanelA, decltype(panel_b)>();
#if MOMENTS
    Moments moments = {amdc_make(means, means_bytes), amdc_make(scales, scales_bytes), amdc_group_x() == 0 && first_k == 0};
#else
    Moments moments = {};
#endif
#if NORM == 2
    norm_moments_of_parts(amdc_make(parts_of_a, parts_of_a_bytes), parts_count, parts_columns, first_m, M, epsilon, lds, moments);
#else
    norm_moments<TYPE_A>(matrix_of_a, first_m, M, amdc_size<TYPE_A> * a_column, epsilon, lds, moments);
#endif
    Walk<RowNorm<PanelA>> walk = {first_k, K, {.gains = amdc_make(gain, gain_bytes), .shifts = amdc_make(shift, shift_bytes)}};
    walk.prologue.start(lds);
#else
    auto prologue = [&](float value, unsigned k) INLINE { return AMDC_PROLOGUE(value, k); };
    Walk<Changed<decltype(prologue)>> walk = {first_k, K, prologue};
#endif
    Tile tile;
    unsigned stages = (values + TILE_K - 1) / TILE_K;
    unsigned column_start = SPREAD & 1 ? amdc_group_x() : 0, row_start = SPREAD & 2 ? amdc_group_y() : 0;
    walk.spread(column_start + row_start + z * ((N + TILE_N - 1) / TILE_N), stages);
    multiply_all(tile, panel_a, panel_b, walk, stages);
#if SPLIT == 2
    static_assert(LANES % 64 == 0, "whole waves hold the sums");
    if (Tile::part() != 0) return;
    unsigned columns_of_tiles = (N + TILE_N - 1) / TILE_N, rows_of_tiles = (M + TILE_M - 1) / TILE_M;
    Split split = {amdc_make(partials, partials_bytes), counters, parts, part,
                   (matrix * rows_of_tiles + amdc_group_y()) * columns_of_tiles + amdc_group_x()};
    auto sum = [&](unsigned i) INLINE -> float & { return tile.c[i / THREAD_N][i % THREAD_N]; };
    if (!split_finish<THREAD_M * THREAD_N, LANES / 64>(split, amdc_wave(), sum)) return;
    z = matrix;
#endif

    unsigned columns[THREAD_N];
    for (int j = 0; j < THREAD_N; ++j) columns[j] = first_n + Tile::column(j) < N ? first_n + Tile::column(j) : NO_COLUMN;
    auto row_element = [&](int i) INLINE {
        unsigned m = first_m + Tile::row(i);
        return m < M ? (z * M + m) * N : NO_ROW;
    };
    unsigned first_c = SPLIT == 1 ? z * M * N : outer * c_outer + in * c_inner;
    auto row_place = [&](int i) INLINE {
        unsigned m = first_m + Tile::row(i);
        return m < M ? first_c + m * c_row : NO_ROW;
    };
    auto finish = [&](float value, int i, int j, unsigned element) INLINE {
#if BIAS
        unsigned at = (first_m + Tile::row(i)) * bias_row + (first_n + Tile::column(j)) * bias_column;
        value = alpha * value + beta * amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), at);
#endif
        value = AMDC_EPILOGUE_OF_ROW(value, first_n + Tile::column(j), element, z * M + first_m + Tile::row(i));
#if ROW_PARTS
        tile.c[i][j] = value;
#endif
        return value;
    };
    tile.store<TYPE_C, VECTOR_C>(amdc_make(c, c_bytes), columns, row_element, row_place, finish);
#if ROW_PARTS
    if (Tile::part() == 0) leave_row_parts(tile, amdc_make(row_parts, row_parts_bytes), M, N, first_m, first_n);
#endif
}
