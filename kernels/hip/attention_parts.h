// attention_parts.h: what the attention kernels share: rows, masks, the online softmax, the product with the values.
#define MEMBER __attribute__((device, always_inline))
#define BEHIND 0x80000000u // an offset in bytes behind every buffer
#define SIZE amdc_size<TYPE>
#define E_LANE ((V_WIDTH + 15) / 16) // columns of the result that each of 16 lanes keeps
#define LOG2E 1.44269504f

#ifndef MASK_TYPE
#define MASK_TYPE float
#endif
#if MASK
#define MASK_PARAMS                                                                                                                          \
    , const void *mask, unsigned mask_bytes, unsigned mask_batch, unsigned mask_head, unsigned mask_row, unsigned mask_column
#if MASK == 1 // the same for all rows of a work-group: one load for all
#define MASK_AT(at) (g * heads * mask_head)
#else
#define MASK_AT(at) ((at).head * mask_head + (at).m * mask_row)
#endif
#define MASK_PASSED(b, at, column) , amdc_make(mask, mask_bytes), (b) * mask_batch + MASK_AT(at) + (column) * mask_column
#else
#define MASK_PARAMS
#define MASK_PASSED(b, at, column)
#endif

AMDC_DEVICE float masked(float score) { return score; }
AMDC_DEVICE float masked(float score, amdc_buffer mask, unsigned index) {
    float added = (float)amdc_read<MASK_TYPE>(mask, index);
    return __is_same(MASK_TYPE, bool) ? (added != 0.0f ? score : -__builtin_inff()) : score + added;
}

// Row r of the heads that share keys is row m of a head.
struct Place {
    unsigned m, head;
    bool inside;
    MEMBER static Place of(unsigned r, unsigned M, unsigned heads, unsigned g, unsigned multiplier, unsigned shift) {
        unsigned head = amdc_divide(r, multiplier, shift);
        return {r - head * M, g * heads + head, r < heads * M};
    }
};

// Elements d .. d + 3 of a row that starts at `row` bytes; 0 behind its width.
AMDC_DEVICE amdc_f4 load_four(amdc_buffer from, unsigned row, unsigned d, unsigned width) {
#if VECTORS
    return amdc_load_f32x4(from, d < width ? row + 4 * d : BEHIND);
#else
    amdc_f4 four;
    for (unsigned i = 0; i < 4; ++i) four[i] = amdc_load<TYPE>(from, d + i < width && row < BEHIND ? row + SIZE * (d + i) : BEHIND);
    return four;
#endif
}

// --- over the 16 lanes of a DPP row; the result is in every lane ---
template <int BY> AMDC_DEVICE float turned(float x) {
    return __builtin_bit_cast(float, __builtin_amdgcn_update_dpp(0, __builtin_bit_cast(int, x), 0x120 + BY, 0xf, 0xf, true));
}
AMDC_DEVICE float row_maximum(float x) {
    x = __builtin_fmaxf(x, turned<8>(x));
    x = __builtin_fmaxf(x, turned<4>(x));
    x = __builtin_fmaxf(x, turned<2>(x));
    return __builtin_fmaxf(x, turned<1>(x));
}
AMDC_DEVICE float row_sum(float x) {
    x += turned<8>(x);
    x += turned<4>(x);
    x += turned<2>(x);
    return x + turned<1>(x);
}

// --- the online softmax: weights are relative to the largest score so far. exp2 of the difference errs by |x| e^x u < 0.4 u. ---
AMDC_DEVICE float weight(float score, float maximum) {
    return amdc_exp2_raw((score - (maximum == -__builtin_inff() ? 0.0f : maximum)) * LOG2E);
}
// Takes a new score into the maximum; returns, and applies to the total, what earlier weights shrink by.
AMDC_DEVICE float advance(float &maximum, float &total, float highest) {
    float next = __builtin_fmaxf(maximum, highest), factor = weight(maximum, next);
    maximum = next;
    total *= factor;
    return factor;
}

// --- columns of the result: lane c of 16 keeps groups of 4, then of 2, then of 1, each next to its neighbours' ---
struct Columns {
    static constexpr unsigned fours = E_LANE / 4, twos = E_LANE % 4 / 2, ones = E_LANE % 2;
    MEMBER static unsigned of(unsigned i, unsigned c) {
        if (i < 4 * fours) return i / 4 * 64 + c * 4 + i % 4;
        if (i < 4 * fours + 2 * twos) return fours * 64 + c * 2 + i % 4;
        return fours * 64 + twos * 32 + c;
    }
    MEMBER static void read(float (&to)[E_LANE], const float *row, unsigned c) {
        typedef float two __attribute__((ext_vector_type(2)));
#pragma unroll
        for (unsigned i = 0; i < 4 * fours; i += 4) {
            amdc_f4 value = *(const amdc_f4 *)(row + of(i, c));
            for (unsigned j = 0; j < 4; ++j) to[i + j] = value[j];
        }
        if constexpr (twos != 0) {
            two value = *(const two *)(row + of(4 * fours, c));
            to[4 * fours] = value[0];
            to[4 * fours + 1] = value[1];
        }
        if constexpr (ones != 0) to[E_LANE - 1] = row[of(E_LANE - 1, c)];
    }
    // Stores this lane's columns of a row that starts at `row` bytes, or is BEHIND.
    MEMBER static void store(amdc_buffer to, unsigned row, const float (&from)[E_LANE], unsigned c) {
constexpr unsigned wide = VECTORS ? 4 * fours : 0;
#pragma unroll
        for (unsigned i = 0; i < wide; i += 4) {
            amdc_f4 four = {from[i], from[i + 1], from[i + 2], from[i + 3]};
            amdc_store_f32x4(to, of(i, c) < V_WIDTH ? row + 4 * of(i, c) : BEHIND, four);
        }
#pragma unroll
        for (unsigned i = wide; i < E_LANE; ++i)
            amdc_store<TYPE>(to, of(i, c) < V_WIDTH && row < BEHIND ? row + SIZE * of(i, c) : BEHIND, from[i]);
    }
};

// --- products of two slices in LDS; what the next value needs is read while this one is multiplied (see gemm_tile.h) ---
template <int SLICE_, int A_STRIDE, int B_STRIDE> AMDC_DEVICE void multiply_scores(float (&sum)[4][4], const float *a, const float *b) {
    amdc_f4 x[2] = {*(const amdc_f4 *)a}, y[2] = {*(const amdc_f4 *)b};
#pragma unroll
    for (int k = 0; k < SLICE_; ++k) {
        if (k + 1 < SLICE_) {
            x[(k + 1) & 1] = *(const amdc_f4 *)(a + (k + 1) * A_STRIDE);
            y[(k + 1) & 1] = *(const amdc_f4 *)(b + (k + 1) * B_STRIDE);
        }
        __builtin_amdgcn_sched_barrier(0);
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) sum[i][j] += x[k & 1][i] * y[k & 1][j];
        __builtin_amdgcn_sched_barrier(0);
    }
}
template <int SLICE_, int A_STRIDE> AMDC_DEVICE void multiply_values(float (&sum)[4][E_LANE], const float *a, const float *b, unsigned c) {
    constexpr int AHEAD_ = E_LANE > 4 ? 0 : 1; // wide results leave no registers for it
    amdc_f4 x[2] = {*(const amdc_f4 *)a};
    float y[2][E_LANE];
    Columns::read(y[0], b, c);
#pragma unroll
    for (int k = 0; k < SLICE_; ++k) {
        if (k + AHEAD_ < SLICE_ && k + AHEAD_ > 0) {
            x[(k + AHEAD_) & 1] = *(const amdc_f4 *)(a + (k + AHEAD_) * A_STRIDE);
            Columns::read(y[(k + AHEAD_) & 1], b + (k + AHEAD_) * E_LANE * 16, c);
        }
        __builtin_amdgcn_sched_barrier(0);
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
            for (int e = 0; e < E_LANE; ++e) sum[i][e] += x[k & 1][i] * y[k & 1][e];
        __builtin_amdgcn_sched_barrier(0);
    }
}
