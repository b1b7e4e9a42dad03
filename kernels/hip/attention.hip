// attention.hip: O = softmax(scale * Q K^T + mask) V for each batch and head, without ever storing the scores.
//
// Shapes   q [B,H,M,D], k [B,G,N,D], v [B,G,N,E], o [B,H,M,E], H = G * heads. Each has its own strides by batch, head and row; its last
//          dimension is contiguous. So the parts of a merged Q, K, V product and transposed heads are read where they lie. The rows of
//          all heads that share keys are one list: row r is m = r % M of head g * heads + r / M.
// Types    TYPE is how q, k, v, o are stored; scores, softmax and sums are fp32. MASK_TYPE: bool (true keeps) or a float (added).
// Method   Online softmax (Milakov and Gimelshein 2018) over tiles of 64 keys, as in FlashAttention (Dao et al. 2022). A work-group holds
//          GROUP_ROWS rows; a lane 4 rows x 4 keys of the scores and 4 rows x E / 16 columns of the result. 16 lanes share rows, which
//          is a DPP row: maxima need no LDS. Both products walk slices of 16 values through LDS, which are loaded a slice ahead.
// Options  WIDTH D and V_WIDTH E: up to 256. CAUSAL 1: row m sees columns up to m + N - M; tiles behind that are skipped. MASK 0 none, 1 the same for all
//          rows, 2 by row. SOFTCAP 1: cap * tanh(scale * q k) before the mask (so `scale` is the model's over cap). VECTORS 1: dwordx4 loads and stores, for fp32 with D, E, all
//          strides and addresses in multiples of 4 elements. A row that sees nothing gives 0.
// Launch   GROUP_ROWS * 4 lanes; grid (ceil(heads * M / GROUP_ROWS), G, B).
// Limits   tensors below 1 GiB.
// Static   clang 19, fp32, causal, 64 rows: 91 VGPRs at width 64, 126 at 128, so two waves a SIMD, one at 256; LDS 26 KiB, so two work-groups
//          a CU. The loops of both products at width 64: 256 v_mac_f32 of 327 and 320 instructions, of 263 of the vector ALU. No spills.
// Versions Whole Q in LDS: 43 KiB at D = 64, one work-group a CU instead of two. Two stages in LDS at 16 values: 35 KiB, the same.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef TYPE
#define TYPE float
#define MASK_TYPE float
#define GROUP_ROWS 64
#define WIDTH 64
#define V_WIDTH 64
#define CAUSAL 0
#define MASK 0
#define SOFTCAP 0
#define VECTORS 1
#endif
#if AMDC_BLOCK != 4 * GROUP_ROWS
#undef AMDC_BLOCK
#define AMDC_BLOCK (4 * GROUP_ROWS)
#endif
#include "attention_parts.h"
#define KEYS 64                       // of a tile
#define SLICE 16                      // values of d, or keys, of a stage
#define V_SLICE (V_WIDTH * 64 > 128 * GROUP_ROWS ? 8 : SLICE) // less where a lane would fetch many values
#define Q_STRIDE (GROUP_ROWS + 4)     // 4 floats of padding: what 16 lanes write then falls on different banks
#define K_STRIDE (KEYS + 4)
#define STAGE_QK (SLICE * (Q_STRIDE + K_STRIDE))
#define STAGE_V (V_SLICE * E_LANE * 16)
#define STAGE (STAGE_QK > STAGE_V ? STAGE_QK : STAGE_V)

// A slice of 16 values of d of ROWS_ rows, transposed on the way into LDS: [d][row]. A lane fetches 4 neighbours of a row.
template <int COUNT, int STRIDE> struct Transposed {
    static constexpr unsigned passes = COUNT * 4 / AMDC_BLOCK;
    static_assert(passes * AMDC_BLOCK == COUNT * 4, "a pass fills whole rows");
    amdc_f4 data[passes];
    unsigned row[passes]; // in bytes; BEHIND outside

    MEMBER void load(amdc_buffer from, unsigned d) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) data[p] = load_four(from, row[p], d + amdc_thread() % 4 * 4, WIDTH);
    }
    MEMBER void store(float *lds) const {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p)
#pragma unroll
            for (unsigned i = 0; i < 4; ++i)
                lds[(amdc_thread() % 4 * 4 + i) * STRIDE + p * (AMDC_BLOCK / 4) + amdc_thread() / 4] = data[p][i];
    }
};

// A slice of V_SLICE keys of V, as it lies in memory: [key][e].
struct Straight {
    static constexpr unsigned quads = STAGE_V / 4, lanes = E_LANE * 4, passes = (quads + AMDC_BLOCK - 1) / AMDC_BLOCK;
    amdc_f4 data[passes];

    MEMBER void load(amdc_buffer from, unsigned base, unsigned key, unsigned keys, unsigned row) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            unsigned quad = p * AMDC_BLOCK + amdc_thread(), n = key + quad / lanes;
            data[p] = load_four(from, n < keys && quad < quads ? base + n * row : BEHIND, quad % lanes * 4, V_WIDTH);
        }
    }
    MEMBER void store(float *lds) const {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p)
            if ((p + 1) * AMDC_BLOCK <= quads || p * AMDC_BLOCK + amdc_thread() < quads)
                *(amdc_f4 *)(lds + 4 * (p * AMDC_BLOCK + amdc_thread())) = data[p];
    }
};

AMDC_KERNEL void AMDC_SYMBOL(const void *q, unsigned q_bytes, const void *k, unsigned k_bytes, const void *v, unsigned v_bytes, void *o,
                             unsigned o_bytes, unsigned M, unsigned N, unsigned heads, unsigned m_multiplier, unsigned m_shift,
                             unsigned q_batch, unsigned q_head, unsigned q_row, unsigned k_batch, unsigned k_head, unsigned k_row,
                             unsigned v_batch, unsigned v_head, unsigned v_row, unsigned o_batch, unsigned o_head, unsigned o_row,
                             float scale, float cap MASK_PARAMS) {
    AMDC_SHARED static __attribute__((aligned(16))) float stage[STAGE], weights[KEYS * Q_STRIDE];
    const unsigned first = amdc_group_x() * GROUP_ROWS, g = amdc_group_y(), b = amdc_group_z(), rows = heads * M;
    const unsigned lane_row = amdc_thread() / 16 * 4, lane_column = amdc_thread() % 16;
    amdc_buffer from_q = amdc_make(q, q_bytes), from_k = amdc_make(k, k_bytes), from_v = amdc_make(v, v_bytes);
    const unsigned k_base = SIZE * (b * k_batch + g * k_head), v_base = SIZE * (b * v_batch + g * v_head);
    Place place[4];
    unsigned last = 0; // columns that some row of this lane's work-group sees
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) place[i] = Place::of(first + lane_row + i, M, heads, g, m_multiplier, m_shift);
    {
        Place low = Place::of(first, M, heads, g, m_multiplier, m_shift);
        Place high = Place::of(first + GROUP_ROWS < rows ? first + GROUP_ROWS - 1 : rows - 1, M, heads, g, m_multiplier, m_shift);
        int end = CAUSAL ? (int)(low.head == high.head ? high.m : M - 1) + (int)(N - M) + 1 : (int)N;
        last = __builtin_amdgcn_readfirstlane(end < 0 ? 0 : end);
    }
    Transposed<GROUP_ROWS, Q_STRIDE> part_q;
    Transposed<KEYS, K_STRIDE> part_k;
    Straight part_v;
    {
        Place mine = Place::of(first + amdc_thread() / 4, M, heads, g, m_multiplier, m_shift);
        part_q.row[0] = mine.inside ? SIZE * (b * q_batch + mine.head * q_head + mine.m * q_row) : BEHIND;
    }
    auto score_of = [&](float value, const Place &at, unsigned column) AMDC_INLINE {
        return masked(SOFTCAP ? cap * amdc_tanh(value * scale) : value * scale MASK_PASSED(b, at, column));
    };
    float result[4][E_LANE] = {}, maximum[4], total[4] = {};
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) maximum[i] = -__builtin_inff();

    for (unsigned key = 0; key < last; key += KEYS) {
#pragma unroll
        for (unsigned p = 0; p < part_k.passes; ++p) {
            unsigned n = key + p * (AMDC_BLOCK / 4) + amdc_thread() / 4;
            part_k.row[p] = n < N ? k_base + SIZE * n * k_row : BEHIND;
        }
        float score[4][4] = {};
        part_q.load(from_q, 0);
        part_k.load(from_k, 0);
#pragma unroll 1
        for (unsigned d = 0; d < WIDTH; d += SLICE) {
            amdc_barrier(); // all have read the slice before
            part_q.store(stage);
            part_k.store(stage + SLICE * Q_STRIDE);
            amdc_barrier();
            part_q.load(from_q, d + SLICE); // behind the width: nothing
            part_k.load(from_k, d + SLICE);
            multiply_scores<SLICE, Q_STRIDE, K_STRIDE>(score, stage + lane_row, stage + SLICE * Q_STRIDE + lane_column * 4);
        }
        part_v.load(from_v, v_base, key, N, SIZE * v_row);
        unsigned n = key + lane_column * 4;
#pragma unroll
        for (unsigned j = 0; j < 4; ++j)
#pragma unroll
            for (unsigned i = 0; i < 4; ++i) {
                bool seen = n + j < N && (!CAUSAL || (int)(n + j) <= (int)(place[i].m + N - M));
                score[i][j] = seen ? score_of(score[i][j], place[i], n + j) : -__builtin_inff();
            }
#pragma unroll
        for (unsigned i = 0; i < 4; ++i) {
            float highest = __builtin_fmaxf(__builtin_fmaxf(score[i][0], score[i][1]), __builtin_fmaxf(score[i][2], score[i][3]));
            float factor = advance(maximum[i], total[i], row_maximum(highest));
#pragma unroll
            for (unsigned j = 0; j < 4; ++j) {
                score[i][j] = weight(score[i][j], maximum[i]);
                total[i] += score[i][j];
            }
#pragma unroll
            for (unsigned e = 0; e < E_LANE; ++e) result[i][e] *= factor;
        }
#pragma unroll
        for (unsigned j = 0; j < 4; ++j) {
            amdc_f4 column = {score[0][j], score[1][j], score[2][j], score[3][j]};
            *(amdc_f4 *)(weights + (lane_column * 4 + j) * Q_STRIDE + lane_row) = column;
        }
#pragma unroll 1
        for (unsigned slice = 0; slice < KEYS; slice += V_SLICE) {
            amdc_barrier();
            part_v.store(stage);
            amdc_barrier();
            part_v.load(from_v, v_base, key + slice + V_SLICE, N, SIZE * v_row);
            multiply_values<V_SLICE, Q_STRIDE>(result, weights + slice * Q_STRIDE + lane_row, stage, lane_column);
        }
    }
    amdc_buffer to = amdc_make(o, o_bytes);
    unsigned stored_row = first + lane_row;
    __asm__("" : "+v"(stored_row)); // else the rows' places are kept in registers all along
#pragma unroll
    for (unsigned i = 0; i < 4; ++i) {
        Place stored = Place::of(stored_row + i, M, heads, g, m_multiplier, m_shift);
        float sum = row_sum(total[i]), inverse = sum == 0.0f ? 0.0f : __builtin_amdgcn_rcpf(sum);
#pragma unroll
        for (unsigned e = 0; e < E_LANE; ++e) result[i][e] *= inverse;
        unsigned at = SIZE * (b * o_batch + stored.head * o_head + stored.m * o_row);
        Columns::store(to, stored.inside ? at : BEHIND, result[i], lane_column);
    }
}
