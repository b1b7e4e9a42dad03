#include "amdc.h"
#include "amdc_types.h"
#ifndef POSITIONS
#define POSITIONS 11
#define SETS 1
#define CHANNELS 1
#define KH 3
#define KW 3
#define VECTOR 0
#define BIAS 0
#define TYPE_Y float
#define TYPE_BIAS float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#define MEMBER __attribute__((device, always_inline))
#define INLINE AMDC_INLINE
#define WAVES 8
#define FILTERS 64         // of a work-group: four for each four lanes
#define LANES (4 / SETS)   // of four, along the positions
#define PER_LOAD (4 / SETS) // filters of which four lanes hold the weights in a register
#define TILE (LANES * POSITIONS)
#define TAPS (KH * KW)
#define ROWS (CHANNELS * TAPS)               // of a stage: a channel's tap, of each set
#define QUADS (POSITIONS / 4)
#define REST (POSITIONS % 4)
#define ROW (16 * ((POSITIONS + 3) / 4))     // floats of LDS for the inputs of a row: fours of a lane's, and of four lanes beside each other
#define LOADS ((ROWS * ROW + 63) / 64)       // of a wave, for the inputs of a stage
#define STAGE (64 * LOADS)
#define FRAGMENTS (ROWS % 2 == 0 ? 2 : 3)
#define SUMS (4 * POSITIONS)
#define AREA (64 * SUMS)                     // floats of a wave's sums
#define NO_LDS 0x007f                        // of s_waitcnt: until no access to LDS is under way
#define OUTSIDE 0x80000000u                  // an offset in bytes behind every buffer, also with a channel's offset added
#define NOWHERE 0x10000000u                  // an element behind every tensor, also twice and thrice
static_assert(ROWS % FRAGMENTS == 0, "a row's place among the fragments is the same in each stage");
static_assert(2 * STAGE <= AREA, "a wave leaves its sums where its inputs lay");

// The inputs of a row at this lane's positions.
struct Fragment {
    float x[POSITIONS];

    MEMBER void read(const char *lds, unsigned at, int row) {
        const amdc_f4 *from = (const amdc_f4 *)(lds + at + 4 * row * ROW);
#pragma unroll
        for (int j = 0; j < QUADS; ++j) {
            amdc_f4 four = from[4 * j];
#pragma unroll
            for (int i = 0; i < 4; ++i) x[4 * j + i] = four[i];
        }
        const float *rest = (const float *)__builtin_assume_aligned(from + 4 * QUADS, 16);
        for (int i = 0; i < REST; ++i) x[4 * QUADS + i] = rest[i]; // not four: clang would make the fourth a place for what is read next
    }
};

// sum += weight * x with the weight of another of four lanes: the one that is FILTER among those of this lane's set.
template <int FILTER> AMDC_DEVICE void multiply(float &sum, float weight, float x) {
#define LANE_OF(lane) ((lane) / LANES * LANES + FILTER)
    if constexpr (SETS == 4) sum += weight * x;
    else
        __asm__("v_mac_f32_dpp %0, %1, %2 quad_perm:[%3,%4,%5,%6] row_mask:0xf bank_mask:0xf"
                : "+v"(sum)
                : "v"(weight), "v"(x), "n"(LANE_OF(0)), "n"(LANE_OF(1)), "n"(LANE_OF(2)), "n"(LANE_OF(3)));
}

struct Sums {
    float of[4][POSITIONS] = {};

    template <int F> MEMBER void row(const Fragment &f, const float (&weights)[SETS]) {
#pragma unroll
        for (int p = 0; p < POSITIONS; ++p) multiply<F % PER_LOAD>(of[F][p], weights[F / PER_LOAD], f.x[p]);
    }
    MEMBER void multiply_row(const Fragment &f, const float (&weights)[SETS]) {
        row<0>(f, weights), row<1>(f, weights), row<2>(f, weights), row<3>(f, weights);
    }
};

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *w, unsigned w_bytes, void *y, unsigned y_bytes, unsigned groups, unsigned N,
                             unsigned M, unsigned channels, unsigned stages, unsigned older, unsigned w_group, unsigned w_k, unsigned H, unsigned W,
                             unsigned OW, unsigned plane_out, unsigned stride_h, unsigned stride_w, unsigned dilation_h, unsigned dilation_w,
                             unsigned pad_h, unsigned pad_w, unsigned OW_multiplier, unsigned OW_shift, unsigned plane_multiplier, unsigned plane_shift
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static __attribute__((aligned(16))) float lds[WAVES / 2 * (AREA + 2 * STAGE) + STAGE];
    const unsigned wave = amdc_wave(), lane = amdc_lane(), group = amdc_group_z();
    const unsigned four = lane / 4, set = lane % 4 / LANES, along = lane % LANES;
    const unsigned first_m = amdc_group_y() * FILTERS, first_n = amdc_group_x() * TILE, plane = H * W;
    const bool old = wave < WAVES / 2;
    // A stage is CHANNELS channels of each set. Stages go by turns to the older waves, and then to the younger ones.
    constexpr unsigned step = WAVES / 2, taken = SETS * CHANNELS;
    const unsigned first_stage = old ? wave : step * older + wave - step;
    unsigned left = old ? older : (stages - first_stage + step - 1) / step;

    // Which output of the tile is number `i` of lane `q`'s four of number `j`.
    auto place = [&](unsigned j, unsigned q, unsigned i) INLINE {
        return j < QUADS ? (j * LANES + q) * 4 + i : QUADS * LANES * 4 + q * REST + i;
    };
    // Inputs: a lane brings every 64th float of a stage's place in LDS, from places that are the same for all waves: each finds some of them.
    unsigned *const places = (unsigned *)lds + WAVES / 2 * (AREA + 2 * STAGE);
    for (unsigned l = wave; l < LOADS; l += WAVES) {
        const unsigned slot = 64 * l + lane, r = slot / ROW, j = slot % ROW / 16, q = slot / 4 % 4, i = slot % 4, c = r / TAPS, tap = r % TAPS;
        const unsigned n = first_n + place(j, q % LANES, i), image = amdc_divide(n, plane_multiplier, plane_shift), rest = n - image * plane_out;
        const unsigned oy = amdc_divide(rest, OW_multiplier, OW_shift), ox = rest - oy * OW;
        const unsigned iy = oy * stride_h + tap / KW * dilation_h - pad_h, ix = ox * stride_w + tap % KW * dilation_w - pad_w;
        const unsigned element = ((image * groups + group) * channels + q / LANES * CHANNELS + c) * plane + iy * W + ix;
        const bool there = (j < QUADS || i < REST) & (r < ROWS) & (n < N) & (iy < H) & (ix < W);
        places[slot] = there ? 4 * element : OUTSIDE;
    }
    amdc_barrier();
    unsigned offset[LOADS];
#pragma unroll
    for (unsigned l = 0; l < LOADS; ++l) offset[l] = places[64 * l + lane];
    amdc_buffer from = amdc_make(x, x_bytes);
    unsigned x_at = first_stage * taken * 4 * plane;
    const unsigned x_step = step * taken * 4 * plane;
    float fetched[LOADS];
    auto fetch = [&]() INLINE {
#pragma unroll
        for (int l = 0; l < LOADS; ++l) fetched[l] = amdc_load_f32(from, offset[l], x_at);
        x_at += x_step;
    };
    const char *base = (const char *)lds;
    const unsigned own = 4 * (old ? wave * AREA : WAVES / 2 * AREA + (wave - WAVES / 2) * 2 * STAGE);
    unsigned to = own + 4 * lane, read_at = own + 16 * (lane % 4);
    auto keep = [&]() INLINE {
#pragma unroll
        for (int l = 0; l < LOADS; ++l) *(float *)((char *)lds + to + 256 * l) = fetched[l];
        __builtin_amdgcn_wave_barrier();
    };
    // Weights: a row of a filter's is in one of four lanes.
    amdc_buffer filters = amdc_make((const char *)w + 4 * group * w_group, 4 * w_group);
    unsigned w_at = 4 * ((first_stage * taken + set * CHANNELS) * TAPS * w_k + first_m + four * 4 + along);
    const unsigned w_row = 4 * w_k, w_step = step * taken * TAPS * w_row;
    float weights[ROWS][SETS];
    auto weigh = [&](int row) INLINE {
#pragma unroll
        for (int h = 0; h < SETS; ++h) weights[row][h] = amdc_load_f32(filters, w_at + 4 * PER_LOAD * h, row * w_row);
    };

    Sums sums;
    Fragment f[FRAGMENTS];
    if (left) {
        fetch();
#pragma unroll
        for (int r = 0; r < ROWS - 1; ++r) weigh(r);
        keep();
        fetch();
        f[0].read(base, read_at, 0);
        unsigned turn = 4 * STAGE;
        do {
#pragma unroll
            for (int r = 0; r < ROWS; ++r) {
                if (r == ROWS - 2) {
                    to += turn;
                    keep();
                    fetch();
                }
                if (r == ROWS - 1) read_at += turn, turn = -turn;
                __builtin_amdgcn_s_waitcnt(NO_LDS); // one wait, and not one for each read
                f[(r + 1) % FRAGMENTS].read(base, read_at, (r + 1) % ROWS);
                weigh((r + ROWS - 1) % ROWS);
                if (r == 0) w_at += w_step;
                __builtin_amdgcn_sched_barrier(0);
                sums.multiply_row(f[r % FRAGMENTS], weights[r]);
                __builtin_amdgcn_sched_barrier(0);
            }
        } while (--left);
    }

    // Waves w and w + 4 join their sums; then each of the younger ones finishes one of four filters.
    const unsigned v = wave % (WAVES / 2);
    const unsigned filter = first_m + 4 * four + v;
#if BIAS
    float added = amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), filter < M ? group * M + filter : 0);
#endif
    float *area = lds + v * AREA + 4 * lane;
    if (old) {
#pragma unroll
        for (int s = 0; s < POSITIONS; ++s) {
            amdc_f4 value = {sums.of[0][s], sums.of[1][s], sums.of[2][s], sums.of[3][s]};
            *(amdc_f4 *)(area + 256 * s) = value;
        }
    }
    amdc_barrier();
    if (!old) {
#pragma unroll
        for (int s = 0; s < POSITIONS; ++s) {
            amdc_f4 value = *(const amdc_f4 *)(area + 256 * s);
#pragma unroll
            for (int m = 0; m < 4; ++m) sums.of[m][s] += value[m];
        }
#pragma unroll
        for (int m = 0; m < 4; ++m)
#pragma unroll
            for (int s = 0; s < POSITIONS; ++s) lds[v * AREA + 64 * (m * POSITIONS + s) + lane] = sums.of[m][s];
    }
    amdc_barrier();
    if (old) return;
    float totals[POSITIONS];
#pragma unroll
    for (int s = 0; s < POSITIONS; ++s) {
        totals[s] = 0;
#pragma unroll
        for (int u = 0; u < WAVES / 2; ++u) totals[s] += lds[u * AREA + 64 * (v * POSITIONS + s) + lane];
        if (SETS > 1) totals[s] += amdc_other<0x4e, 0xf>(totals[s], 0.0f); // quad_perm [2,3,0,1]
        if (SETS > 2) totals[s] += amdc_other<0xb1, 0xf>(totals[s], 0.0f); // quad_perm [1,0,3,2]
    }
    amdc_buffer out = amdc_make(y, y_bytes);
    const unsigned row = filter < M && set == 0 ? (group * M + filter) * plane_out : NOWHERE;
#pragma unroll
    for (int j = 0; j < (POSITIONS + 3) / 4; ++j) {
        amdc_value<TYPE_Y> values[4];
        unsigned first = 0;
#pragma unroll
        for (int i = 0; i < 4 && 4 * j + i < POSITIONS; ++i) {
            unsigned n = first_n + place(j, along, i), image = amdc_divide(n, plane_multiplier, plane_shift);
            unsigned element = row + (n < N ? image * groups * M * plane_out + n - image * plane_out : NOWHERE);
            if (i == 0) first = element;
            float value = totals[4 * j + i];
#if BIAS
            value += added;
#endif
            values[i] = AMDC_EPILOGUE(value, group * M + filter, element);
            if (!VECTOR || j == QUADS) amdc_store<TYPE_Y>(out, amdc_size<TYPE_Y> * element, values[i]);
        }
        if (VECTOR && j < QUADS) amdc_four<TYPE_Y>::store(out, amdc_size<TYPE_Y> * first, values);
    }
}
