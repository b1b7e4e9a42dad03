// winograd_lds.hip: 3x3 convolution with stride 1 by Winograd's F(2x2, 3x3), as winograd.hip, with inputs and filters both in LDS.
#include "amdc.h"
#include "amdc_types.h"
#include "split_finish.h"
#ifndef TILES
#define TILES 8
#define FILTERS 8
#define PARTS 0
#define BIAS 0
#define EDGES 0
#define TYPE_X float
#define TYPE_Y float
#define TYPE_BIAS float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#ifdef AMDC_PROLOGUE
#define HAS_PROLOGUE 1
#else
#define HAS_PROLOGUE 0
#define AMDC_PROLOGUE_PARAMS
#define AMDC_PROLOGUE(value, channel) (value)
#endif
#define MEMBER __attribute__((device, always_inline))
#define INLINE AMDC_INLINE
#define OUTSIDE 0x80000000u   // an offset in bytes behind every buffer, also with a channel's offset added
#define NO_ROW 0x10000000u    // an element behind every tensor, also with ...
#define NO_COLUMN 0x10000000u // ... this and
#define NO_FILTER 0x10000000u // ... this added: 4 * (all) stays below 2^32
#define POINTS 16
#define STEP 4                          // channels of a stage, one for each wave
#define SLOTS 32                        // places for tiles in LDS; with 7 tiles a lane, every fourth of the second half is empty
#define ROW (4 * FILTERS)               // filters of a work-group
#define INPUTS (STEP * POINTS * SLOTS)  // floats of a stage of transformed inputs,
#define WEIGHTS (STEP * POINTS * ROW)   // and filters
#define STAGE (INPUTS + WEIGHTS)
#define QUADS (WEIGHTS / 1024)          // fours of filters that a lane brings to LDS a stage
#define SKEW 64                         // floats between the filters of two work-groups, see winograd_filters.py
#define ROUNDS (FILTERS / 2)            // in which sums go through LDS to the lanes that finish them
#define SUMS (POINTS * 8 * SLOTS)       // floats of a round: 8 filters

// A lane's half of a 4x4 window of one channel: three of its rows give it two of the four rows of B^T d B.
//   half 0: rows 0 1 2 of d give rows 0 1; half 1: rows 3 2 1 give rows 3 (negated, as the filters' row is) and 2.
struct Patch {
    typedef typename amdc_type<TYPE_X>::bits bits;
    bits data[3][4];
    unsigned row[3]; // bytes from the first channel's plane; OUTSIDE: a row of padding
    bool there[3], inside[4]; // rows, columns
    float sign;

    MEMBER void start(unsigned half, bool live, unsigned image, int y, int x, unsigned H, unsigned W) {
#pragma unroll
        for (int i = 0; i < 3; ++i) {
            int at = y + (half ? 3 - i : i);
            there[i] = live && (unsigned)at < H;
            row[i] = there[i] ? amdc_size<TYPE_X> * (image + at * (int)W + x) : OUTSIDE;
        }
#pragma unroll
        for (int j = 0; j < 4; ++j) inside[j] = (unsigned)(x + j) < W;
        sign = half ? -1.0f : 1.0f;
    }
    // Of the first channel: the window may begin in front of the tensor. `next`: bytes from there to the next one that is loaded.
    MEMBER void load_first(amdc_buffer from, unsigned channel, unsigned next) {
#pragma unroll
        for (int i = 0; i < 3; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) data[i][j] = load_one(from, inside[j] && there[i] ? row[i] + j * amdc_size<TYPE_X> : OUTSIDE, channel);
#pragma unroll
        for (int i = 0; i < 3; ++i) row[i] += next;
    }
    MEMBER void load(amdc_buffer from, unsigned channel) {
#pragma unroll
        for (int i = 0; i < 3; ++i) {
            if constexpr (sizeof(bits) == 4) {
                amdc_u4 four = amdc_load_u32x4(from, row[i], channel);
#pragma unroll
                for (int j = 0; j < 4; ++j) data[i][j] = four[j];
            } else {
#pragma unroll
                for (int j = 0; j < 4; ++j) data[i][j] = load_one(from, row[i] + j * amdc_size<TYPE_X>, channel);
            }
        }
    }
    MEMBER static bits load_one(amdc_buffer from, unsigned offset, unsigned channel) {
        if constexpr (sizeof(bits) == 4) return amdc_load_u32(from, offset, channel);
        else return __builtin_amdgcn_raw_buffer_load_b16(from, (int)offset, (int)channel, 0);
    }
    // `to`: this lane's place of the first of its 8 points.
    template <class Prologue> MEMBER void transform(float *to, Prologue prologue) const {
        float d[3][4], t[2][4];
#pragma unroll
        for (int i = 0; i < 3; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                d[i][j] = amdc_type<TYPE_X>::decode(data[i][j]);
                if (HAS_PROLOGUE) d[i][j] = there[i] ? prologue(d[i][j]) : 0.0f;
            }
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            t[0][j] = d[0][j] - d[2][j];
            t[1][j] = d[1][j] + sign * d[2][j];
            if (EDGES >> j & 1) t[0][j] = inside[j] ? t[0][j] : 0.0f, t[1][j] = inside[j] ? t[1][j] : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            float *at = to + i * 4 * SLOTS;
            at[0] = t[i][0] - t[i][2], at[SLOTS] = t[i][1] + t[i][2], at[2 * SLOTS] = t[i][2] - t[i][1], at[3 * SLOTS] = t[i][1] - t[i][3];
        }
    }
};

// One channel at a lane's point: its tiles and its filters.
struct Fragment {
    float v[8], u[FILTERS];

    MEMBER void read(const float *inputs, const float *weights) {
#pragma unroll
        for (int g = 0; g < 2; ++g) {
            amdc_f4 four = *(const amdc_f4 *)(inputs + 16 * g);
#pragma unroll
            for (int i = 0; i < 4; ++i) v[4 * g + i] = four[i];
        }
#pragma unroll
        for (int g = 0; g < FILTERS / 4; ++g) {
            amdc_f4 four = *(const amdc_f4 *)(weights + 16 * g);
#pragma unroll
            for (int i = 0; i < 4; ++i) u[4 * g + i] = four[i];
        }
    }
    MEMBER void multiply(float (&sums)[TILES][FILTERS]) const {
#pragma unroll
        for (int t = 0; t < TILES; ++t)
#pragma unroll
            for (int f = 0; f < FILTERS; ++f) sums[t][f] += v[t] * u[f];
    }
};

// The 2x2 outputs of a tile and filter, row by row: A^T m A with A^T = [1 1 1 0; 0 1 -1 -1]. The rows of m lie in the order 0 1 3 2.
AMDC_DEVICE amdc_f4 outputs(const float *m) {
    float t[2][4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        float m0 = m[j * 8 * SLOTS], m1 = m[(4 + j) * 8 * SLOTS], m3 = m[(8 + j) * 8 * SLOTS], m2 = m[(12 + j) * 8 * SLOTS];
        t[0][j] = m0 + m1 + m2;
        t[1][j] = m1 - m2 - m3;
    }
    amdc_f4 out = {t[0][0] + t[0][1] + t[0][2], t[0][1] - t[0][2] - t[0][3], t[1][0] + t[1][1] + t[1][2], t[1][1] - t[1][2] - t[1][3]};
    return out;
}

// The sums of all points meet in LDS, 8 filters at a time, in two places by turns: out[r] are the outputs of the lane's tile and filter of
// round r.
AMDC_DEVICE void gather(const float (&sums)[TILES][FILTERS], amdc_f4 (&out)[ROUNDS], float *lds) {
    const unsigned thread = amdc_thread(), point = thread / 16, filter = thread / 4 % 4, swap = filter % 2 * 16;
    float *to = lds + point * 8 * SLOTS + filter * SLOTS + thread % 4 * 4;
    const unsigned slot = thread % SLOTS, own = thread / SLOTS;
    const float *from = lds + own * SLOTS + (slot ^ own % 2 * 16);
    amdc_barrier();
#pragma unroll
    for (int r = 0; r < ROUNDS; ++r) {
#pragma unroll
        for (int f = 0; f < 2; ++f)
#pragma unroll
            for (int g = 0; g < 2; ++g) {
                amdc_f4 four;
#pragma unroll
                for (int i = 0; i < 4; ++i) four[i] = 4 * g + i < TILES ? sums[(4 * g + i) % TILES][2 * r + f] : 0.0f;
                *(amdc_f4 *)(to + r % 2 * SUMS + f * 4 * SLOTS + (16 * g ^ swap)) = four;
            }
        amdc_barrier();
        out[r] = outputs(from + r % 2 * SUMS);
    }
}

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *u, unsigned u_bytes, void *y, unsigned y_bytes, unsigned images, unsigned groups,
                             unsigned blocks, unsigned tiles, unsigned H, unsigned W, unsigned OH, unsigned OW, unsigned pad_h,
                             unsigned pad_w, unsigned tiles_x, unsigned tiles_image, unsigned x_multiplier, unsigned x_shift,
                             unsigned image_multiplier, unsigned image_shift, unsigned parts, unsigned parts_multiplier,
                             unsigned parts_shift, unsigned stages, unsigned channels, unsigned M, unsigned plane_out
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
#if PARTS
                             , void *partials, unsigned partials_bytes, unsigned *counters, unsigned
#endif
                             AMDC_PROLOGUE_PARAMS AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static __attribute__((aligned(16))) float lds[2 * STAGE];
    unsigned thread = amdc_thread(), wave = amdc_wave(), z = amdc_group_z(), block = amdc_group_x();
    unsigned group = __builtin_amdgcn_readfirstlane(amdc_divide(z, parts_multiplier, parts_shift)), part = z - group * parts;
    // This lane's tile, when it transforms inputs and when it finishes outputs.
    unsigned slot = thread % SLOTS, second = slot / 16, packed = slot - (TILES == 7 ? second * (slot / 4 - 4) : 0);
    unsigned tile = amdc_group_y() * 4 * TILES + packed, image = amdc_divide(tile, image_multiplier, image_shift);
    bool live = tile < tiles && !(TILES == 7 && second && slot % 4 == 3);
    unsigned at = tile - image * tiles_image, tile_row = amdc_divide(at, x_multiplier, x_shift), oy = 2 * tile_row, ox = 2 * (at - tile_row * tiles_x);
    unsigned place = (image * groups + group) * M * plane_out + oy * OW + ox;
    unsigned next_row = oy + 1 < OH ? OW : NO_ROW, next_column = ox + 1 < OW ? 1 : NO_COLUMN;
    if (!live) place = NO_ROW, next_row = next_column = 0;

    unsigned plane = H * W, plane_bytes = amdc_size<TYPE_X> * plane;
    Patch patch;
    patch.start(thread / SLOTS % 2, live, (image * groups + group) * channels * plane, (int)oy - (int)pad_h, (int)ox - (int)pad_w, H, W);
    unsigned channel = part * stages * STEP + wave;
    auto from_x = [&]() INLINE { return amdc_make(x, channel < channels ? x_bytes : 0); };
    unsigned weight = 4 * ((group * blocks + block) * parts + part) * (stages * WEIGHTS + SKEW), own_weight = wave * QUADS * 1024 + thread % 64 * 16;
    amdc_f4 brought[QUADS];
    auto load_weights = [&]() INLINE {
#pragma unroll
        for (int i = 0; i < QUADS; ++i) brought[i] = amdc_load_f32x4(amdc_make(u, u_bytes), own_weight + i * 1024, weight);
    };
    float *to_inputs = lds + wave * POINTS * SLOTS + thread / SLOTS % 2 * 8 * SLOTS + slot, *to_weights = lds + INPUTS + own_weight / 4;
    auto store = [&](unsigned stage) INLINE {
        patch.transform(to_inputs + stage, [&](float value) INLINE { return AMDC_PROLOGUE(value, group * channels + channel); });
#pragma unroll
        for (int i = 0; i < QUADS; ++i) *(amdc_f4 *)(to_weights + stage + i * 256) = brought[i];
    };
    const float *inputs = lds + thread / 16 * SLOTS + thread % 4 * 4, *weights = lds + INPUTS + thread / 16 * ROW + thread / 4 % 4 * 4;
    Fragment f[2];
    auto read = [&](Fragment &to, unsigned stage, unsigned k) INLINE { to.read(inputs + stage + k * POINTS * SLOTS, weights + stage + k * POINTS * ROW); };
    float sums[TILES][FILTERS] = {};
    unsigned stage = 0;
    load_weights();
    patch.load_first(from_x(), channel < channels ? channel * plane_bytes : 0, STEP * plane_bytes);
    store(0);
    amdc_barrier();
    read(f[0], 0, 0);
    for (unsigned left = stages; left; --left) {
        channel += STEP, weight += 4 * WEIGHTS;
        load_weights();
        patch.load(from_x(), channel < channels ? (channel - STEP) * plane_bytes : 0);
        __builtin_amdgcn_sched_barrier(0);
#pragma unroll
        for (int k = 0; k < STEP; ++k) {
            if (k + 1 == STEP) {
                stage ^= STAGE;
                amdc_barrier();
                read(f[0], stage, 0);
            } else {
                read(f[(k + 1) & 1], stage, k + 1);
            }
            __builtin_amdgcn_sched_barrier(0);
            if (k == STEP - 2) store(stage ^ STAGE);
            f[k & 1].multiply(sums);
            __builtin_amdgcn_sched_barrier(0);
        }
    }
    amdc_f4 out[ROUNDS];
    gather(sums, out, lds);
#if PARTS
    unsigned at_tile = (group * ((tiles + 4 * TILES - 1) / (4 * TILES)) + amdc_group_y()) * blocks + block;
    Split parted = {amdc_make(partials, partials_bytes), counters, parts, part, at_tile};
    if (!split_finish<4 * ROUNDS, 4>(parted, wave, [&](unsigned i) INLINE -> float & { return ((float *)out)[i]; })) return;
#endif
    amdc_buffer to = amdc_make(y, y_bytes);
#pragma unroll
    for (int r = 0; r < ROUNDS; ++r) {
        unsigned m = block * ROW + thread / 32 % 4 * 4 + r / 2 * 16 + r % 2 * 2 + wave / 2, filter = group * M + m;
        unsigned first = m < M ? m * plane_out : NO_FILTER;
#if BIAS
        out[r] += amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), m < M ? filter : 0);
#endif
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            unsigned element = first + place + (i / 2 ? next_row : 0) + (i % 2 ? next_column : 0);
            amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE((float)out[r][i], filter, element));
        }
    }
}
