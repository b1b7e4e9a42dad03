// winograd_lds.hip: 3x3 convolution with stride 1 by Winograd's F(2x2, 3x3), in one launch, with inputs and filters both in LDS.
//
// What it computes, its shapes, types and fused expressions are those of winograd.hip; the products are spread otherwise. There a lane keeps
// all 16 points of a tile and four filters, and each filter is a wait for the scalar unit. Here each point is a matrix product of its own, of
// filters and tiles: 16 lanes to a point, TILES x 8 sums to a lane, so that 4 reads of LDS feed 4 * TILES * 8 clocks of products.
// Shapes   input [batch][groups * channels][H][W], output [batch][groups * M][OH][OW]. A work-group has 4 * TILES tiles (of any images) and 32
//          filters. u: the transformed filters as stages lie in LDS, see `arrange_stages` in codegen/lowerings/winograd_filters.py.
//          A stage is 4 channels, one a wave: half a wave transforms the upper rows of each window, half the lower, each from three of its
//          rows; that, and the filters, go to the other half of LDS while the stage before is multiplied. SETS 2: two sets of four waves
//          halve the channels, in LDS of their own, and meet when they finish. In the end the points of a tile meet in LDS, 8 filters at a time.
// Fused    AMDC_PROLOGUE(value, input channel) before the zero padding; AMDC_EPILOGUE(value, output channel, element). BIAS 1: bias[channel].
// Types    TYPE_X, TYPE_BIAS: float or 16 bits, TYPE_Y: any; arithmetic, transforms and u in fp32. The error bound: tests/kernels/winograd_bound.py.
// Launch   256 * SETS lanes; grid (ceil(M / 32), ceil(tiles / (4 * TILES)), groups * parts). Each of `parts` has `stages` stages of its own;
//          PARTS 1: there is more than one, and the last work-group of a tile adds them (split_finish.h).
//          POOL 1: y holds the largest of each 2x2 outputs, which are a tile's (OH and OW are even); bias and epilogue follow that.
//          EDGES: bit j is 1 where column j of some window lies in the padding. It is read with its row, and cleared behind the first transform.
// Limits   tensors below 2^28 elements; padding on the left of at most H * W elements (a window of the second channel begins in the first one).
// Static   clang 19, BIAS 1, PARTS 1: 125 VGPRs with 8 tiles, 118 with 7, 111 with 6, so that 2 waves share a SIMD; LDS 32 KiB a set; no
//          spills. In the loop 256 v_mac of 280 vector instructions with 8 tiles, 192 of 216 with 6; 16 ds_read_b128, 6 writes to LDS, 5 loads,
//          one barrier. No bank conflicts: lanes of a point read what lies together, and transformed inputs are written a tile a lane.
// Predicted on an RX 580 (simulated), share of the fp32 peak of the convolution's own multiply-adds, without the launch, ResNet-50's 3x3
//          layers: batch 1 115 % at 56x56, 114 % at 28x28, 94 % at 14x14 (winograd.hip: 91, 81, 69 %); batch 8 150 % at 56x56 and 28x28,
//          154 % at 14x14, 120 % at 7x7 (118, 127, 92, 91 %): 66 % of Winograd's own peak, with the VALU busy for 83 % of the time.
//          At batch 1 start, end, and writing back take 12,000 to 16,000 of 43,000 to 54,000 clocks, and at 14x14 49 tiles fill 56 places on
//          32 of 36 CUs. At 7x7 and batch 1 the transformed filters alone, 16.8 MB, take 76 us of DRAM: conv_scalar.hip's 55 us stand.
// Versions (predicted; 32x28: filters x tiles.) 16 filters a lane are 112 to 128 sums, one wave a SIMD, whose every other instruction takes
//          time from the products: 48 us for 42 (14x14, 4 parts), 41 for 35 (56x56).
//          Loads at the start of a stage for the next one came late: all at once they kept the address unit busy; now they follow the last
//          channel's tiles, two stages ahead (14x14, 2 parts: 55 us to 50). In front of a barrier that it knows, clang waits for vmcnt(0):
//          meet() hides it (50 to 43; in front of the loop 40.5 to 39.7, with two sets). The barrier stands behind the third tile's products
//          of a stage's last channel: by then what was written to LDS is there, and what is read behind it comes in time (28x28: 36.9 us
//          behind the second, 35.7 behind the third, 36.6 behind the fifth, 47.7 behind the seventh).
//          6, 7 or 8 tiles a lane: the fewer, the more LDS a product takes (65 % of the time for 45), but 24, 28 and 32 tiles a work-group
//          divide differently: 196 tiles of 28x28 and 4 blocks of filters are 36 work-groups of 24 tiles, one a CU: 32.8 us for 36.5 with 28.
//          133 VGPRs let one wave on a SIMD: 248 us for 201 (56x56, batch 8). Places in LDS are moved from stage to stage where they
//          stand, and lane and tile are found anew behind the loop.
//          Two sets in one work-group leave half of the partial sums of two work-groups to DRAM: 38 us for 41 (28x28). Where work-groups
//          are many, two of one set overlap better: their barriers are their own (199 us for 231 at 28x28, batch 8).
//          Windows by single dwords are 12 loads for 3; only channel 0, where a window may begin in front of the tensor, takes them.
#include "amdc.h"
#include "amdc_types.h"
#include "split_finish.h"
#ifndef TILES
#define TILES 8
#define SETS 1
#define PARTS 0
#define BIAS 0
#define EDGES 0
#define POOL 0
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
#define SLOTS 32                        // places for tiles in LDS: a lane has four in the first half, the others in the second, where some are empty
#define ROW (4 * FILTERS)               // filters of a work-group
#define INPUTS (STEP * POINTS * SLOTS)  // floats of a stage of transformed inputs,
#define WEIGHTS (STEP * POINTS * ROW)   // and filters
#define STAGE (INPUTS + WEIGHTS)
#define QUADS (WEIGHTS / 1024)          // fours of filters that a lane brings to LDS a stage
#define LOADS (3 + QUADS)               // pieces in which a lane loads its part of a stage,
#define STORES (4 + QUADS)              // and brings it to LDS
#define SKEW 64                         // floats between the filters of two work-groups, see winograd_filters.py
#define ROUNDS (FILTERS / 2)            // of 8 filters, in which sums go through LDS to the lanes that finish them
#define MEET 2                          // the tile of a stage's last channel behind whose products the waves meet
#define SUMS (POINTS * 8 * SLOTS)       // floats of a round: 8 filters

#include "winograd_lds.h"

// amdc_lane(), computed where it stands: kept over the loop it would cost a register.
AMDC_DEVICE unsigned lane_anew() {
    unsigned zero = 0;
    __asm__ volatile("" : "+s"(zero));
    return __builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, zero)) % 64;
}

// Where the tile of a slot lies: the image, and its first output there.
struct Tile {
    bool live;
    unsigned image, y, x;

    MEMBER Tile(unsigned slot, unsigned tiles, unsigned of_image, unsigned along_x, unsigned image_multiplier, unsigned image_shift,
                unsigned x_multiplier, unsigned x_shift) {
        const bool second = slot >= 16, gap = second && slot % 4 >= TILES - 4;
        const unsigned tile = amdc_group_y() * 4 * TILES + slot - (second ? (slot / 4 - 4) * (8 - TILES) : 0);
        image = amdc_divide(tile, image_multiplier, image_shift);
        const unsigned at = tile - image * of_image, row = amdc_divide(at, x_multiplier, x_shift);
        live = tile < tiles && !gap, y = 2 * row, x = 2 * (at - row * along_x);
    }
};

// The 2x2 outputs of a tile and filter, row by row: A^T m A with A^T = [1 1 1 0; 0 1 -1 -1]. The rows of m lie in the order 0 1 3 2.
AMDC_DEVICE amdc_f4 outputs(const float *m) {
    float t[2][4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        auto all = [&](int point) INLINE { return SETS > 1 ? m[point * 8 * SLOTS] + m[point * 8 * SLOTS + 2 * SUMS] : m[point * 8 * SLOTS]; };
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

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *u, unsigned u_bytes, void *y, unsigned y_bytes, unsigned groups,
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
    unsigned lane = lane_anew(), wave = amdc_wave() % 4, thread = wave * 64 + lane, set = SETS > 1 ? amdc_wave() / 4 : 0;
    unsigned z = amdc_group_z(), block = amdc_group_x();
    unsigned group = __builtin_amdgcn_readfirstlane(amdc_divide(z, parts_multiplier, parts_shift)), part = z - group * parts;
    auto locate = [&](unsigned slot) INLINE {
        return Tile(slot, tiles, tiles_image, tiles_x, image_multiplier, image_shift, x_multiplier, x_shift);
    };
    const Tile tile = locate(thread % SLOTS);
    unsigned plane = H * W, first = part * stages * SETS * STEP, last = first + stages * SETS * STEP;
    unsigned weight = 4 * ((group * blocks + block) * parts + part) * (stages * SETS * WEIGHTS + SKEW) + 4 * set * WEIGHTS + wave * QUADS * 1024;
    last = last < channels ? last : channels;
    Source from = {x, u, x_bytes, u_bytes, amdc_size<TYPE_X> * plane, first + set * STEP + wave, last, weight};
    const unsigned base = set * 8 * STAGE; // in bytes, as all places in LDS
    Feed feed;
    feed.patch.start(lane / SLOTS, tile.live, (tile.image * groups + group) * channels * plane, (int)(tile.y - pad_h), (int)(tile.x - pad_w), H, W);
    feed.own = lane * 16, feed.to_weights = base + 4 * INPUTS + wave * QUADS * 1024 + lane * 16;
    feed.to_inputs = base + 4 * (wave * POINTS * SLOTS + lane / SLOTS * 8 * SLOTS + lane % SLOTS);
    float sums[TILES][FILTERS] = {};
    const unsigned inputs = base + 4 * (thread / 16 * SLOTS + thread % 4 * 4), weights = base + 4 * (INPUTS + thread / 16 * ROW + thread / 4 % 4 * 4);
    multiply_all(sums, feed, from, lds, inputs, weights, stages, [&]() INLINE {
        feed.patch.transform(feed.transformed, [&](float value) INLINE { return AMDC_PROLOGUE(value, group * channels + from.channel); });
    });
    amdc_f4 out[ROUNDS / SETS];
    thread = wave * 64 + lane_anew();
    gather(sums, out, lds, thread, set);
#if PARTS
    unsigned at_tile = (group * ((tiles + 4 * TILES - 1) / (4 * TILES)) + amdc_group_y()) * blocks + block;
    Split parted = {amdc_make(partials, partials_bytes), counters, parts, part, at_tile};
    if (!split_finish<4 * ROUNDS / SETS, 4 * SETS>(parted, set * 4 + wave, [&](unsigned i) INLINE -> float & { return ((float *)out)[i]; })) return;
#endif
    const Tile done = locate(thread % SLOTS); // kept over the loop, it would cost three registers
    amdc_buffer to = amdc_make(y, y_bytes);
#if POOL
    const unsigned pooled = (done.image * groups + group) * M * (plane_out / 4) + done.y / 2 * (OW / 2) + done.x / 2;
#pragma unroll
    for (int i = 0; i < ROUNDS / SETS; ++i) {
        unsigned r = i * SETS + set, m = block * ROW + thread / 32 % 4 * 4 + r / 2 * 16 + r % 2 * 2 + wave / 2, filter = group * M + m;
        unsigned element = done.live && m < M ? pooled + m * (plane_out / 4) : NO_ROW;
        float most = amdc_max::of(amdc_max::of((float)out[i][0], (float)out[i][1]), amdc_max::of((float)out[i][2], (float)out[i][3]));
#if BIAS
        most += amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), filter);
#endif
        amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE(most, filter, element));
    }
#else
    unsigned place = done.live ? (done.image * groups + group) * M * plane_out + done.y * OW + done.x : NO_ROW;
    unsigned next_row = done.y + 1 < OH ? OW : NO_ROW, next_column = done.x + 1 < OW ? 1 : NO_COLUMN;
    if (!done.live) next_row = next_column = 0;
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
#endif
}
