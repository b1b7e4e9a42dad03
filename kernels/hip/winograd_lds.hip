// winograd_lds.hip: 3x3 convolution with stride 1 by Winograd's F(2x2, 3x3), as winograd.hip, with inputs and filters both in LDS.
#include "amdc.h"
#include "amdc_types.h"
#include "split_finish.h"
#ifndef TILES
#define TILES 8
#define SETS 1
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
#define FILTERS 8                       // of a lane
#define STEP 4                          // channels that a set of lanes takes in a stage, one for each of its waves
#define SLOTS 32                        // places for tiles in LDS; with 7 tiles a lane, every fourth of the second half is empty
#define ROW (4 * FILTERS)               // filters of a work-group
#define INPUTS (STEP * POINTS * SLOTS)  // floats of a stage of transformed inputs,
#define WEIGHTS (STEP * POINTS * ROW)   // and filters
#define STAGE (INPUTS + WEIGHTS)
#define QUADS (WEIGHTS / 1024)          // fours of filters that a lane brings to LDS a stage
#define SKEW 64                         // floats between the filters of two work-groups, see winograd_filters.py
#define ROUNDS (FILTERS / 2)            // of 8 filters, in which sums go through LDS to the lanes that finish them
#define MEET 2                          // the tile of a stage's last channel behind whose products the waves meet
#define SUMS (POINTS * 8 * SLOTS)       // floats of a round: 8 filters

// As amdc_barrier(), for LDS alone: in front of a barrier that it knows clang 19 waits for the loads of the next stage, too.
AMDC_DEVICE void meet() { __asm__ volatile("s_waitcnt lgkmcnt(0)\n\ts_barrier" ::: "memory"); }

// amdc_lane(), computed where it stands: kept over the loop it would cost a register.
AMDC_DEVICE unsigned lane_anew() {
    unsigned zero = 0;
    __asm__ volatile("" : "+s"(zero));
    return __builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, zero)) % 64;
}

// A lane's half of a 4x4 window of one channel: three of its rows give it two of the four rows of B^T d B.
//   half 0: rows 0 1 2 of d give rows 0 1; half 1: rows 3 2 1 give rows 3 (negated, as the filters' row is) and 2.
struct Patch {
    typedef typename amdc_type<TYPE_X>::bits bits;
    bits data[3][4];
    unsigned row[3]; // bytes from the first channel's plane, of the second channel: never negative; OUTSIDE: a row of padding
    bool there[3], inside[4]; // rows, columns
    float sign;

    MEMBER void start(unsigned half, bool live, unsigned image, int y, int x, unsigned H, unsigned W) {
#pragma unroll
        for (int i = 0; i < 3; ++i) {
            int at = y + (half ? 3 - i : i);
            there[i] = live && (unsigned)at < H;
            row[i] = there[i] ? amdc_size<TYPE_X> * (image + (at + H) * W + x) : OUTSIDE;
        }
#pragma unroll
        for (int j = 0; j < 4; ++j) inside[j] = (unsigned)(x + j) < W;
        sign = half ? -1.0f : 1.0f;
    }
    // Of channel 0, where a window may begin in front of the tensor. `plane`: its bytes; the other channels are counted from the next one.
    MEMBER void load_first(amdc_buffer from, unsigned plane) {
#pragma unroll
        for (int i = 0; i < 3; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) data[i][j] = load_one(from, inside[j] && there[i] ? row[i] - plane + j * amdc_size<TYPE_X> : OUTSIDE, 0);
    }
    MEMBER void load(amdc_buffer from, unsigned channel, int i) {
        if constexpr (sizeof(bits) == 4) {
            amdc_u4 four = amdc_load_u32x4(from, row[i], channel);
#pragma unroll
            for (int j = 0; j < 4; ++j) data[i][j] = four[j];
        } else {
#pragma unroll
            for (int j = 0; j < 4; ++j) data[i][j] = load_one(from, row[i] + j * amdc_size<TYPE_X>, channel);
        }
    }
    MEMBER static bits load_one(amdc_buffer from, unsigned offset, unsigned channel) {
        if constexpr (sizeof(bits) == 4) return amdc_load_u32(from, offset, channel);
        else return __builtin_amdgcn_raw_buffer_load_b16(from, (int)offset, (int)channel, 0);
    }
    template <class Prologue> MEMBER void transform(float (&to)[8], Prologue prologue) const {
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
        for (int i = 0; i < 2; ++i)
            to[4 * i] = t[i][0] - t[i][2], to[4 * i + 1] = t[i][1] + t[i][2], to[4 * i + 2] = t[i][2] - t[i][1], to[4 * i + 3] = t[i][1] - t[i][3];
    }
};

// Where the tile of a slot lies: the image, and its first output there.
struct Tile {
    bool live;
    unsigned image, y, x;

    MEMBER Tile(unsigned slot, unsigned tiles, unsigned of_image, unsigned along_x, unsigned image_multiplier, unsigned image_shift,
                unsigned x_multiplier, unsigned x_shift) {
        const bool second = slot >= 16, gap = TILES == 7 && second && slot % 4 == 3;
        const unsigned tile = amdc_group_y() * 4 * TILES + slot - (TILES == 7 && second ? slot / 4 - 4 : 0);
        image = amdc_divide(tile, image_multiplier, image_shift);
        const unsigned at = tile - image * of_image, row = amdc_divide(at, x_multiplier, x_shift);
        live = tile < tiles && !gap, y = 2 * row, x = 2 * (at - row * along_x);
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
    // `beside(t)` is done behind the products of tile t.
    template <class Beside> MEMBER void multiply(float (&sums)[TILES][FILTERS], Beside beside) const {
        __asm__ volatile("" ::"v"(u[FILTERS - 1]), "v"(v[7])); // what was read last: one wait for all of it
#pragma unroll
        for (int t = 0; t < TILES; ++t) {
#pragma unroll
            for (int f = 0; f < FILTERS; ++f) sums[t][f] += v[t] * u[f];
            __builtin_amdgcn_sched_barrier(0);
            beside(t);
            __builtin_amdgcn_sched_barrier(0);
        }
        if (TILES == 7) __asm__ volatile("" ::"v"(v[7])); // else clang gives its register to the next load, which then waits for this one
    }
};

// The 2x2 outputs of a tile and filter, row by row: A^T m A with A^T = [1 1 1 0; 0 1 -1 -1]. The rows of m lie in the order 0 1 3 2.
AMDC_DEVICE amdc_f4 outputs(const float *m) {
    float t[2][4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        auto all = [&](int point) INLINE { return m[point * 8 * SLOTS] + (SETS > 1 ? m[point * 8 * SLOTS + 2 * SUMS] : 0.0f); };
        const float m0 = all(j), m1 = all(4 + j), m3 = all(8 + j), m2 = all(12 + j);
        t[0][j] = m0 + m1 + m2;
        t[1][j] = m1 - m2 - m3;
    }
    amdc_f4 out = {t[0][0] + t[0][1] + t[0][2], t[0][1] - t[0][2] - t[0][3], t[1][0] + t[1][1] + t[1][2], t[1][1] - t[1][2] - t[1][3]};
    return out;
}

// What the sets of lanes summed for all points meets in LDS, SETS rounds at a time. out[i] are the outputs of the lane's tile and filter of
// round i * SETS + (the lane's set).
AMDC_DEVICE void gather(const float (&sums)[TILES][FILTERS], amdc_f4 (&out)[ROUNDS / SETS], float *lds, unsigned thread, unsigned set) {
    const unsigned point = thread / 16, filter = thread / 4 % 4, swap = filter % 2 * 16;
    float *to = lds + set * 2 * SUMS + point * 8 * SLOTS + filter * SLOTS + thread % 4 * 4;
    const unsigned slot = thread % SLOTS, own = thread / SLOTS;
    const float *from = lds + set * SUMS + own * SLOTS + (slot ^ own % 2 * 16);
#pragma unroll
    for (int i = 0; i < ROUNDS / SETS; ++i) {
        if (i == 0 || SETS > 1) amdc_barrier(); // one set has two places, which it fills by turns
#pragma unroll
        for (int s = 0; s < SETS; ++s)
#pragma unroll
            for (int f = 0; f < 2; ++f)
#pragma unroll
                for (int g = 0; g < 2; ++g) {
                    amdc_f4 four;
#pragma unroll
                    for (int t = 0; t < 4; ++t) four[t] = 4 * g + t < TILES ? sums[(4 * g + t) % TILES][2 * (i * SETS + s) + f] : 0.0f;
                    *(amdc_f4 *)(to + (SETS > 1 ? s : i % 2) * SUMS + f * 4 * SLOTS + (16 * g ^ swap)) = four;
                }
        amdc_barrier();
        out[i] = outputs(from + (SETS > 1 ? 0 : i % 2 * SUMS));
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
    AMDC_SHARED static __attribute__((aligned(16))) float lds[SETS * 2 * STAGE];
    unsigned lane = lane_anew(), wave = amdc_wave() % 4, thread = wave * 64 + lane, set = SETS > 1 ? amdc_wave() / 4 : 0, z = amdc_group_z(), block = amdc_group_x();
    unsigned group = __builtin_amdgcn_readfirstlane(amdc_divide(z, parts_multiplier, parts_shift)), part = z - group * parts;
    auto locate = [&](unsigned thread) INLINE { return Tile(thread % SLOTS, tiles, tiles_image, tiles_x, image_multiplier, image_shift, x_multiplier, x_shift); };
    const Tile tile = locate(thread);
    unsigned plane = H * W, plane_bytes = amdc_size<TYPE_X> * plane;
    Patch patch;
    patch.start(thread / SLOTS % 2, tile.live, (tile.image * groups + group) * channels * plane, (int)(tile.y - pad_h), (int)(tile.x - pad_w), H, W);
    unsigned channel = (part * stages * SETS + set) * STEP + wave;
    // Behind this part's channels nothing is loaded: the last stages would fetch what others, or nobody, need.
    unsigned end = (part + 1) * stages * SETS * STEP;
    end = end < channels ? end : channels;
    auto from_x = [&]() INLINE { return amdc_make(x, channel < end ? x_bytes : 0); };
    auto from_u = [&]() INLINE { return amdc_make(u, channel < end ? u_bytes : 0); };
    unsigned weight = 4 * ((group * blocks + block) * parts + part) * (stages * SETS * WEIGHTS + SKEW) + 4 * set * WEIGHTS + wave * QUADS * 1024, own_weight = lane * 16;
    amdc_f4 brought[QUADS];
    float transformed[8];
    // Where this lane writes to and reads from LDS, in bytes.
    unsigned base = set * 8 * STAGE, to_inputs = base + 4 * (wave * POINTS * SLOTS + lane / SLOTS * 8 * SLOTS + lane % SLOTS);
    unsigned to_weights = base + 4 * INPUTS + wave * QUADS * 1024 + lane * 16;
    unsigned inputs = base + 4 * (thread / 16 * SLOTS + thread % 4 * 4), weights = base + 4 * (INPUTS + thread / 16 * ROW + thread / 4 % 4 * 4);
    auto at = [&](unsigned place, unsigned more) INLINE { return (float *)((char *)lds + place) + more; };
    // What comes from memory for a stage, in 3 + QUADS pieces.
    auto load = [&](int piece) INLINE {
        if (piece < 3) patch.load(from_x(), (channel - 1) * plane_bytes, piece);
        else brought[piece - 3] = amdc_load_f32x4(from_u(), own_weight + (piece - 3) * 1024, weight);
    };
    auto transform = [&]() INLINE { patch.transform(transformed, [&](float value) INLINE { return AMDC_PROLOGUE(value, group * channels + channel); }); };
    // It goes to LDS in 4 + QUADS.
    auto store = [&](int piece) INLINE {
        if (piece >= 4) *(amdc_f4 *)at(to_weights, (piece - 4) * 256) = brought[piece - 4];
        else *at(to_inputs, 2 * piece * SLOTS) = transformed[2 * piece], *at(to_inputs, (2 * piece + 1) * SLOTS) = transformed[2 * piece + 1];
    };
    Fragment f[2];
    auto read = [&](Fragment &to, unsigned k) INLINE { to.read(at(inputs, k * POINTS * SLOTS), at(weights, k * POINTS * ROW)); };
    float sums[TILES][FILTERS] = {};
    unsigned other = 4 * STAGE; // bytes from the stage that is multiplied to the one that is filled
    if (channel == 0) patch.load_first(from_x(), plane_bytes);
    else
#pragma unroll
        for (int i = 0; i < 3; ++i) load(i);
#pragma unroll
    for (int i = 3; i < 3 + QUADS; ++i) load(i);
    transform();
#pragma unroll
    for (int i = 0; i < 4 + QUADS; ++i) store(i);
    channel += SETS * STEP, weight += 4 * SETS * WEIGHTS;
#pragma unroll
    for (int i = 0; i < 3 + QUADS; ++i) load(i);
    amdc_barrier();
    read(f[0], 0);
    to_inputs += other, to_weights += other;
    for (unsigned left = stages; left; --left) {
#pragma unroll
        for (int k = 0; k < STEP - 1; ++k) {
            read(f[(k + 1) & 1], k + 1);
            __builtin_amdgcn_sched_barrier(0);
            if (k == STEP - 2) transform();
            f[k & 1].multiply(sums, [&](int t) INLINE {
                if (k != STEP - 2) return;
                if (t < 4 + QUADS) store(t);
                if (t == TILES - 1)
                    for (int i = TILES; i < 4 + QUADS; ++i) store(i);
            });
        }
        to_inputs -= other, to_weights -= other, inputs += other, weights += other, other = -other;
        channel += SETS * STEP, weight += 4 * SETS * WEIGHTS;
        f[(STEP - 1) & 1].multiply(sums, [&](int t) INLINE {
            if (t == MEET) {
                meet();
                read(f[0], 0);
            }
            if (t < 3 + QUADS) load(t);
        });
    }
    amdc_f4 out[ROUNDS / SETS];
    thread = wave * 64 + lane_anew();
    gather(sums, out, lds, thread, set);
#if PARTS
    unsigned at_tile = (group * ((tiles + 4 * TILES - 1) / (4 * TILES)) + amdc_group_y()) * blocks + block;
    Split parted = {amdc_make(partials, partials_bytes), counters, parts, part, at_tile};
    if (!split_finish<4 * ROUNDS / SETS, 4 * SETS>(parted, set * 4 + wave, [&](unsigned i) INLINE -> float & { return ((float *)out)[i]; })) return;
#endif
    const Tile done = locate(thread); // kept over the loop, it would cost three registers
    unsigned place = done.live ? (done.image * groups + group) * M * plane_out + done.y * OW + done.x : NO_ROW;
    unsigned next_row = done.y + 1 < OH ? OW : NO_ROW, next_column = done.x + 1 < OW ? 1 : NO_COLUMN;
    if (!done.live) next_row = next_column = 0;
    amdc_buffer to = amdc_make(y, y_bytes);
#pragma unroll
    for (int i = 0; i < ROUNDS / SETS; ++i) {
        unsigned r = i * SETS + set, m = block * ROW + thread / 32 % 4 * 4 + r / 2 * 16 + r % 2 * 2 + wave / 2, filter = group * M + m;
        unsigned first = m < M ? m * plane_out : NO_FILTER;
#if BIAS
        out[i] += amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), filter);
#endif
#pragma unroll
        for (int o = 0; o < 4; ++o) {
            unsigned element = first + place + (o / 2 ? next_row : 0) + (o % 2 ? next_column : 0);
            amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE((float)out[i][o], filter, element));
        }
    }
}
