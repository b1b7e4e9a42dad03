// attention.hip: O = softmax(scale * Q K^T + mask) V for each batch and head, without ever storing the scores.
//
// Shapes   q [B,H,M,D], k [B,G,N,D], v [B,G,N,E], o [B,H,M,E], H = G * heads. Each has its own strides by batch, head and row; its last
//          dimension is contiguous. So the parts of a merged Q, K, V product and transposed heads are read where they lie. The rows of
//          all heads that share keys are one list: row r is m = r % M of head g * heads + r / M.
// Types    TYPE is how q, k, v, o are stored; scores, softmax and sums are fp32. MASK_TYPE: bool (true keeps) or a float (added).
// Method   Online softmax (Milakov and Gimelshein 2018) over tiles of 64 keys, as in FlashAttention (Dao et al. 2022). A wave has 4 rows, a
//          lane one key of the tile. K and V pass through LDS in chunks of 64 values (32 for narrow heads); queries and weights never do:
//          16 lanes hold them in turns, and v_mac_f32's DPP operand brings each lane the next one's. So a multiply-add needs a quarter of
//          an LDS read's four bytes, and LDS is half as busy as the vector ALU. In the second product a lane keeps 4 columns of e, and each
//          team of 16 lanes sums over its own 16 keys, with a maximum of its own; the four teams' results are added at the end.
// Options  WIDTH D and V_WIDTH E: up to 256. CAUSAL 1: row m sees columns up to m + N - M; tiles behind that are skipped. MASK 0 none,
//          1 the same for all rows, 2 by row. SOFTCAP 1: cap * tanh(scale * q k) before the mask (so `scale` is the model's over cap).
//          VECTORS 1: dwordx4 loads and stores, for fp32 with D, E, all strides and addresses in multiples of 4 elements. A row that
//          sees nothing gives 0.
// Launch   256 lanes, 16 rows; grid (ceil(heads * M / 16), G, B).
// Limits   tensors below 1 GiB.
// Static   clang 19, fp32, causal: 71 VGPRs at width 64 (three waves a SIMD), 114 at 128, 182 at 256; LDS 17 KiB, 9 at width 32. No spills.
// Versions Predicted on an RX 580, 12 heads of 128 rows and keys, width 64 / 32: 19.5 / 13.6 us. 4 x 4 scores a lane from LDS, which is then
//          as busy as the vector ALU, 64 rows a work-group: 29.5 / 21.8. The next chunk's loads under way while this one is multiplied: 95
//          VGPRs, two waves a SIMD: 21.5. Two keys a lane at width 32: 15.7. Eight rows a wave: 216 against 201 us at 512 rows and keys.
//          With a mask of floats by key 21.5 / 14.1; 22.6 / 13.8 where it is read only when it is added.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef TYPE
#define TYPE float
#define MASK_TYPE float
#define WIDTH 64
#define V_WIDTH 64
#define CAUSAL 0
#define MASK 0
#define SOFTCAP 0
#define VECTORS 1
#endif
#define SCORE_UNIT (MASK && !__is_same(MASK_TYPE, bool) ? 1.0f : LOG2E) // the least float, a mask, has no multiple
#include "attention_parts.h"
#define ROWS 4 // of a wave
#define GROUP_ROWS (ROWS * AMDC_BLOCK / 64)
#define TURNS (WIDTH > 32 ? 16 : 8)     // quads (4 values) of a chunk of d
#define V_TURNS (V_WIDTH > 32 ? 16 : 8) // of e
#define CHUNKS ((WIDTH + 4 * TURNS - 1) / (4 * TURNS))
#define V_CHUNKS ((V_WIDTH + 4 * V_TURNS - 1) / (4 * V_TURNS))
#define KEYS 64 // of a tile: one a lane
#define TEAM (17 * (TURNS > V_TURNS ? TURNS : V_TURNS)) // quads of 16 keys in LDS; 17: see key_place
#define STAGE (4 * TEAM)
#define HELD_QUADS (ROWS * (CHUNKS + V_CHUNKS)) // of queries and results, a lane
#define WAVES (HELD_QUADS <= 8 ? 3 : HELD_QUADS <= 16 ? 2 : 1) // a SIMD, that registers must leave room for
#define PASSES(TURNS_) (KEYS * TURNS_ / AMDC_BLOCK)
#define MOST_PASSES PASSES((TURNS > V_TURNS ? TURNS : V_TURNS))

// Row `first` of a matrix, and what follows, as a buffer that ends with its last row; rows `row` bytes apart.
struct Rows {
    const char *start;
    unsigned row, bytes;
    MEMBER static Rows of(const void *matrix, unsigned base, unsigned row, unsigned count, unsigned width) {
        return {(const char *)matrix + base, row, (count - 1) * row + SIZE * width};
    }
    MEMBER amdc_buffer from(unsigned first) const {
        int left = (int)(bytes - first * row); // signed: clang 19 makes a saturating difference, and a vector instruction, of it else
        return amdc_make(start + first * row, left < 0 ? 0 : left);
    }
};
// A lane fetches a quad of some keys, one a pass.
template <int TURNS_> struct Fetch {
    static constexpr unsigned apart = AMDC_BLOCK / TURNS_; // keys
    MEMBER static unsigned quad() { return amdc_thread() % TURNS_; }
    MEMBER static unsigned key() { return amdc_thread() / TURNS_; }
    MEMBER static void load(amdc_f4 (&to)[MOST_PASSES], const Rows &rows, unsigned first, unsigned d, unsigned width) {
#pragma unroll
        for (unsigned p = 0; p < PASSES(TURNS_); ++p)
            to[p] = load_four(rows.from(first + p * apart), key() * rows.row, d + 4 * quad(), width);
    }
    MEMBER static void store(const amdc_f4 (&from)[MOST_PASSES], amdc_f4 *place) {
#pragma unroll
        for (unsigned p = 0; p < PASSES(TURNS_); ++p) place[p * (apart / 16) * TEAM] = from[p];
    }
};
// Lane c of 16 multiplies, at turn s, quad (c - s) % TURNS of its key: that is in row s, column c of its team's part of LDS. A row
// is 17 quads long, so that the quads of a key, which lie in as many rows, fall on different banks when they are written.
AMDC_DEVICE unsigned key_place() {
    unsigned key = Fetch<TURNS>::key(), c = key % 16;
    return key / 16 * TEAM + (c - Fetch<TURNS>::quad()) % TURNS * 17 + c;
}
// At turn s it multiplies its quad of e (c % V_TURNS) of key (c - s) % 16.
AMDC_DEVICE unsigned value_place() {
    unsigned key = Fetch<V_TURNS>::key(), e = Fetch<V_TURNS>::quad(), turn = (e - key) % 16;
    return key / 16 * TEAM + turn % V_TURNS * 16 + e + (turn - turn % V_TURNS);
}

// sum += x * y, x of the lane BY lanes below in its row of 16. clang 19 makes a v_mov_b32_dpp and a v_mac_f32 of it: hence assembly.
// DPP reads a register two wait states after a vector instruction wrote it: turn 0, which needs no DPP, stands between.
template <int BY> AMDC_DEVICE void multiply_add(float &sum, float x, float y) {
    if constexpr (BY == 0) sum += x * y;
    else __asm__("v_mac_f32_dpp %0, %1, %2 row_ror:%3 row_mask:0xf bank_mask:0xf" : "+v"(sum) : "v"(x), "v"(y), "n"(BY));
}
// The scores of a chunk of d: 4 multiply-adds for a row and a key at each turn.
template <int TURN> AMDC_DEVICE void multiply_scores(float (&score)[ROWS], const amdc_f4 (&q)[ROWS], amdc_f4 k, const amdc_f4 *lds) {
    amdc_f4 next = {};
    if constexpr (TURN + 1 < TURNS) next = lds[(TURN + 1) * 17];
    __builtin_amdgcn_sched_barrier(0);
#pragma unroll
    for (int j = 0; j < 4; ++j)
#pragma unroll
        for (int i = 0; i < ROWS; ++i) multiply_add<TURN>(score[i], q[i][j], k[j]);
    __builtin_amdgcn_sched_barrier(0);
    if constexpr (TURN + 1 < TURNS) multiply_scores<TURN + 1>(score, q, next, lds);
}
// A chunk of e of the result: 4 multiply-adds for a row and a key.
template <int TURN> AMDC_DEVICE void multiply_values(float (&sum)[ROWS][4], const float (&weights)[ROWS], amdc_f4 v,
                                                     const amdc_f4 *lds) {
    amdc_f4 next = {};
    if constexpr (TURN + 1 < V_TURNS) next = lds[(TURN + 1) * 16];
    __builtin_amdgcn_sched_barrier(0);
#pragma unroll
    for (int i = 0; i < ROWS; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) multiply_add<TURN>(sum[i][j], weights[i], v[j]);
    __builtin_amdgcn_sched_barrier(0);
    if constexpr (TURN + 1 < V_TURNS) multiply_values<TURN + 1>(sum, weights, next, lds);
}

// The largest of 16 lanes' values, in each of them, for four rows at once: so three instructions stand between a write and its DPP read.
AMDC_DEVICE void row_maxima(float (&x)[4]) {
#define MAXIMUM(REGISTER, BY) "v_max_f32_dpp %" REGISTER ", %" REGISTER ", %" REGISTER " row_ror:" BY " row_mask:0xf bank_mask:0xf\n"
#define STEP(BY) MAXIMUM("0", BY) MAXIMUM("1", BY) MAXIMUM("2", BY) MAXIMUM("3", BY)
    __asm__("s_nop 1\n" STEP("8") STEP("4") STEP("2") STEP("1") : "+v"(x[0]), "+v"(x[1]), "+v"(x[2]), "+v"(x[3]));
}
AMDC_DEVICE float across(float x, unsigned lanes) { // of the lane whose number differs in bit `lanes`
    return __builtin_bit_cast(float, __builtin_amdgcn_ds_bpermute((int)(4 * (amdc_lane() ^ lanes)), __builtin_bit_cast(int, x)));
}

// Of two values, lanes with bit `lanes` clear keep the first; what is kept is added to what the other lane gives.
AMDC_DEVICE float exchanged(float first, float second, unsigned lanes) {
    bool low = (amdc_lane() & lanes) == 0;
    return (low ? first : second) + across(low ? second : first, lanes);
}

AMDC_KERNEL __attribute__((amdgpu_waves_per_eu(WAVES)))
void AMDC_SYMBOL(const void *q, unsigned q_bytes, const void *k, unsigned k_bytes, const void *v, unsigned v_bytes, void *o, unsigned o_bytes,
                             unsigned M, unsigned N, unsigned heads, unsigned m_multiplier, unsigned m_shift,
                             unsigned q_batch, unsigned q_head, unsigned q_row, unsigned k_batch, unsigned k_head, unsigned k_row,
                             unsigned v_batch, unsigned v_head, unsigned v_row, unsigned o_batch, unsigned o_head, unsigned o_row,
                             float scale, float cap MASK_PARAMS) {
    AMDC_SHARED static __attribute__((aligned(16))) amdc_f4 stage[STAGE];
    const unsigned g = amdc_group_y(), b = amdc_group_z(), rows = heads * M, groups = (rows + GROUP_ROWS - 1) / GROUP_ROWS;
    const unsigned first = (CAUSAL ? groups - 1 - amdc_group_x() : amdc_group_x()) * GROUP_ROWS; // rows that see most start first
    const unsigned own = first + amdc_wave() * ROWS, team = amdc_lane() / 16, c = amdc_lane() % 16;
    const amdc_buffer from_q = amdc_make(q, q_bytes), to = amdc_make(o, o_bytes);
    const Rows from_k = Rows::of(k, SIZE * (b * k_batch + g * k_head), SIZE * k_row, N, WIDTH);
    const Rows from_v = Rows::of(v, SIZE * (b * v_batch + g * v_head), SIZE * v_row, N, V_WIDTH);
    unsigned last = N; // columns that some row of this work-group sees
    if (CAUSAL) {
        Place low = Place::of(first, M, heads, g, m_multiplier, m_shift);
        Place high = Place::of(first + GROUP_ROWS < rows ? first + GROUP_ROWS - 1 : rows - 1, M, heads, g, m_multiplier, m_shift);
        int end = (int)(low.head == high.head ? high.m : M - 1) + (int)(N - M) + 1;
        last = __builtin_amdgcn_readfirstlane(end < 0 ? 0 : end);
    }
    Place place[ROWS];
    amdc_f4 query[CHUNKS][ROWS];
    float result[V_CHUNKS][ROWS][4] = {}, maximum[ROWS], total[ROWS] = {};
#pragma unroll
    for (unsigned i = 0; i < ROWS; ++i) {
        place[i] = Place::of(own + i, M, heads, g, m_multiplier, m_shift).uniform();
        unsigned row = own + i < rows ? SIZE * (b * q_batch + place[i].head * q_head + place[i].m * q_row) : BEHIND;
#pragma unroll
        for (unsigned part = 0; part < CHUNKS; ++part)
            query[part][i] = load_four(from_q, row, 4 * (part * TURNS + c % TURNS), WIDTH) * (scale * (SOFTCAP ? 1.0f : SCORE_UNIT));
        maximum[i] = LOWEST;
    }
    amdc_f4 *const keys_to = stage + key_place(), *const values_to = stage + value_place();
    const amdc_f4 *const quads = stage + team * TEAM + c;

    for (unsigned key = 0; key < last; key += KEYS) {
        const unsigned n = key + amdc_lane();
#if MASK
        float added[MASK == 1 ? 1 : ROWS]; // read long before it is added
#pragma unroll
        for (unsigned i = 0; i < (MASK == 1 ? 1 : ROWS); ++i)
            added[i] = (float)amdc_read<MASK_TYPE>(amdc_make(mask, mask_bytes), b * mask_batch + MASK_AT(place[i]) + n * mask_column);
#define MASK_ADDED(i) , added[MASK == 1 ? 0 : i]
#else
#define MASK_ADDED(i)
#endif
        float score[ROWS] = {};
#pragma unroll
        for (unsigned part = 0; part < CHUNKS; ++part) {
            amdc_f4 fetched[MOST_PASSES];
            Fetch<TURNS>::load(fetched, from_k, key, 4 * TURNS * part, WIDTH);
            amdc_barrier(); // all have read the stage before
            Fetch<TURNS>::store(fetched, keys_to);
            amdc_barrier();
            multiply_scores<0>(score, query[part], quads[0], quads);
        }
        float highest[ROWS];
#pragma unroll
        for (unsigned i = 0; i < ROWS; ++i) {
            float value = masked(SOFTCAP ? SCORE_UNIT * cap * amdc_tanh(score[i]) : score[i] MASK_ADDED(i));
            score[i] = n < N && (!CAUSAL || (int)n <= (int)(place[i].m + N - M)) ? value : -__builtin_inff();
            highest[i] = score[i];
        }
        row_maxima(highest);
#pragma unroll
        for (unsigned i = 0; i < ROWS; ++i) {
            float factor = advance(maximum[i], total[i], highest[i]);
            score[i] = weight(score[i], maximum[i]);
            total[i] += score[i];
#pragma unroll
            for (unsigned part = 0; part < V_CHUNKS; ++part)
#pragma unroll
                for (unsigned j = 0; j < 4; ++j) result[part][i][j] *= factor;
        }
        __builtin_amdgcn_sched_barrier(0);
#pragma unroll
        for (unsigned part = 0; part < V_CHUNKS; ++part) {
            amdc_f4 fetched[MOST_PASSES];
            Fetch<V_TURNS>::load(fetched, from_v, key, 4 * V_TURNS * part, V_WIDTH);
            amdc_barrier();
            Fetch<V_TURNS>::store(fetched, values_to);
            amdc_barrier();
            multiply_values<0>(result[part], score, quads[0], quads);
        }
    }
    // The four teams of a wave saw different keys: their results are added, each team ending with a row.
#pragma unroll
    for (unsigned i = 0; i < ROWS; ++i) {
        float highest = larger(maximum[i], across(maximum[i], 16));
        highest = larger(highest, across(highest, 32));
        float factor = weight(maximum[i], highest), sum = row_sum(total[i] * factor);
        sum += across(sum, 16);
        sum += across(sum, 32);
        factor = sum == 0.0f ? 0.0f : factor * __builtin_amdgcn_rcpf(sum);
#pragma unroll
        for (unsigned part = 0; part < V_CHUNKS; ++part)
#pragma unroll
            for (unsigned j = 0; j < 4; ++j) result[part][i][j] *= factor;
    }
    Place stored = Place::of(own + team, M, heads, g, m_multiplier, m_shift);
    unsigned at = stored.inside ? SIZE * (b * o_batch + stored.head * o_head + stored.m * o_row) : BEHIND;
#pragma unroll
    for (unsigned part = 0; part < V_CHUNKS; ++part) {
        amdc_f4 sum;
#pragma unroll
        for (unsigned j = 0; j < 4; ++j) {
            float four[4];
#pragma unroll
            for (unsigned of = 0; of < 4; ++of) {
                four[of] = result[part][of][j];
                if (V_TURNS == 8) four[of] += turned<8>(four[of]);
            }
            float low = exchanged(four[0], four[2], 32), high = exchanged(four[1], four[3], 32);
            sum[j] = exchanged(low, high, 16);
        }
        unsigned e = 4 * (part * V_TURNS + c);
        store_four(to, V_TURNS == 16 || c < 8 ? at : BEHIND, e, V_WIDTH, sum);
    }
}
