// attention_parts.h: what the attention kernels share: rows, masks, the online softmax, exchanges among lanes.
#define MEMBER __attribute__((device, always_inline))
#define BEHIND 0x80000000u // an offset in bytes behind every buffer
#define SIZE amdc_size<TYPE>
#define LOG2E 1.44269504f
#define LOWEST -3.40282347e38f // what a maximum starts from: finite, so that the weight of -inf is 0 also where nothing else was seen
#ifndef SCORE_UNIT
#define SCORE_UNIT 1.0f // scores are in multiples of it
#endif

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
AMDC_DEVICE float masked(float score, float added) {
    return __is_same(MASK_TYPE, bool) ? (added != 0.0f ? score : -__builtin_inff()) : score + added;
}
AMDC_DEVICE float masked(float score, amdc_buffer mask, unsigned index) { return masked(score, (float)amdc_read<MASK_TYPE>(mask, index)); }

// Row r of the heads that share keys is row m of a head.
struct Place {
    unsigned m, head;
    bool inside;
    MEMBER static Place of(unsigned r, unsigned M, unsigned heads, unsigned g, unsigned multiplier, unsigned shift) {
        unsigned head = amdc_divide(r, multiplier, shift);
        return {r - head * M, g * heads + head, r < heads * M};
    }
    // The same, where it is the same for all lanes of a wave: kept in scalar registers.
    MEMBER Place uniform() const {
        return {(unsigned)__builtin_amdgcn_readfirstlane(m), (unsigned)__builtin_amdgcn_readfirstlane(head), inside};
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
AMDC_DEVICE float row_sum(float x) {
    x += turned<8>(x);
    x += turned<4>(x);
    x += turned<2>(x);
    return x + turned<1>(x);
}
AMDC_DEVICE float row_highest(float x) { // of numbers
    x = __builtin_fmaxf(x, turned<8>(x));
    x = __builtin_fmaxf(x, turned<4>(x));
    x = __builtin_fmaxf(x, turned<2>(x));
    return __builtin_fmaxf(x, turned<1>(x));
}

// --- the online softmax: weights are relative to the largest score so far. exp2 of the difference errs by |x| e^x u < 0.4 u. ---
AMDC_DEVICE float weight(float score, float maximum) {
    return amdc_exp2_raw((score - maximum) * (LOG2E / SCORE_UNIT));
}
// fmax of two numbers neither of which is a signalling NaN: without the instructions that would quiet them.
AMDC_DEVICE float larger(float x, float y) { return __builtin_amdgcn_fmed3f(x, y, __builtin_inff()); }
// Takes a new score into the maximum; returns, and applies to the total, what earlier weights shrink by.
AMDC_DEVICE float advance(float &maximum, float &total, float highest) {
    float next = larger(maximum, highest), factor = weight(maximum, next);
    maximum = next;
    total *= factor;
    return factor;
}

// Stores elements e .. e + 3 of a row that starts at `row` bytes, or is BEHIND; those behind its width are dropped.
AMDC_DEVICE void store_four(amdc_buffer to, unsigned row, unsigned e, unsigned width, amdc_f4 four) {
#if VECTORS
    amdc_store_f32x4(to, e < width ? row + 4 * e : BEHIND, four);
#else
    for (unsigned i = 0; i < 4; ++i) amdc_store<TYPE>(to, e + i < width && row < BEHIND ? row + SIZE * (e + i) : BEHIND, four[i]);
#endif
}
