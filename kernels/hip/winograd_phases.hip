// winograd_phases.hip: 3x3 convolution with stride 2 by Winograd's algorithm on the input's phases, in one launch; fused epilogue.
//
// Along one axis two outputs are y0 = x0 w0 + x1 w1 + x2 w2 and y1 = x2 w0 + x3 w1 + x4 w2. Even inputs meet w0 and w2: F(2, 2) spends three
// multiplications, (x0 - x2) w0, x2 (w0 + w2) and (x4 - x2) w2; odd inputs meet w1 alone, in two: 5 for 6. Both axes: 25 for 36 a 2x2 tile
// of outputs, with 4 x 4 different filters w0, w1, w2, w0 + w2 of each axis. What an odd input gives belongs to one output, like the first
// and the last product of F(2, 2): an axis needs three sums, (y0 alone, y1 alone, both), and a tile 3 x 3 for its 25 products.
// Shapes   input [batch][groups * channels][H][W], output [batch][groups * M][OH][OW]. A work-group holds TILES tiles (of any images) times
//          FILTERS filters; each of its waves one of the sums of all of them, 7 tiles times 8 filters a lane: waves 0 and 1 (both rows,
//          yj alone) (2 points each), 2 to 5 the corners (4), 6 and 7 (yi alone, both columns) with the middle point added in both (3).
//          Waves w and w + 4 share a SIMD: 6 points or 7; waves 0 and 1 also bring the inputs of the next stage.
//          u: the filters' points in the order of LDS, see codegen/lowerings/phase_filters.py.
// Fused    AMDC_EPILOGUE(value, output channel, element); no prologue. BIAS 1: bias[channel].
// Types    input and u float; TYPE_BIAS: float or 16 bits, TYPE_Y: any; arithmetic in fp32 with v_mac.
// Launch   512 lanes; grid (ceil(M / FILTERS), ceil(tiles / TILES), groups * parts). Each of `parts` has `stages` stages of 2 channels; PARTS 1:
//          there is more than one, and the last work-group of a tile adds them (split_finish.h). Limits: tensors below 2^28 elements.
// Static   clang 19, PARTS 1, VECTOR 1, BIAS 1: 127 VGPRs with 28 tiles (TILE_LANES 4), 124 with 56; 57 KiB of LDS, so one work-group a CU;
//          no spills. v_mac of the loops' vector instructions: 0.98 (corners, columns), 0.81 (rows, which transform inputs).
// Predicted on an RX 580 (simulated), without the launch, in brackets the share of the fp32 peak of the convolution's own multiply-adds:
//            128 -> 128 56x56/2   batch 1, 5 parts 61 us (61 %); batch 8, 56 tiles 357 us (84 %), conv_scalar.hip 413
//            256 -> 256 28x28/2   batch 1, 9 parts 67 us (56 %), conv_scalar.hip 55 (68 %); batch 8, 56 tiles 351 us (85 %), conv_scalar.hip 405
//            512 -> 512 14x14/2   batch 8, 9 parts 443 us (68 %), conv_scalar.hip 331 (90 %): a quarter of a 7x7 plane's 4x4 tiles is outside
//          A stage of 28 tiles times 128 filters times 2 channels takes 3,700 clocks, 3,180 of them vector instructions of the busier SIMDs.
//          Batch 1 has 448 such stages for 36 CUs, 13 each in 5 parts: 48,000 clocks of 82,000. The rest is counted: 5,000 to start; 5,000 to
//          join waves; what the parts leave each other is 64 KiB a work-group, 2.3 MB written to L2 and read there (9,000) and then to DRAM
//          (14,000). 28 work-groups without parts would take 16 stages' time in 28 of 36 CUs: no less. So batch 1 stays below 80 %.
// Versions The kinds of waves as paths in one loop: clang 19 moves what they have in common out of them, copies sums from register to register
//          and spills 88 to 350 registers. A loop each: none. Four floats of tiles read where three are used: clang takes the fourth's
//          register for the next read, which then waits; three at once (ds_read_b96): 4,190 clocks a stage to 3,750. Corners as the
//          youngest waves waited for nothing and were last; older than the columns' they end together: 3,750 to 3,700.
//          Outputs stored as the lanes lie, one at a time: 67 us to 62 (128 -> 128, batch 1) by fours of a row, through LDS.
#include "amdc.h"
#include "amdc_types.h"
#include "split_finish.h"
#ifndef TILE_LANES
#define TILE_LANES 4
#define PARTS 0
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
#define LANE_TILES 7
#define TILES (LANE_TILES * TILE_LANES)
#define FILTER_LANES (64 / TILE_LANES)
#define FILTERS (8 * FILTER_LANES)
#define CHANNELS 2 // of a stage
#define POINTS 25
#define HELD (8 * TILE_LANES) // floats of LDS for one point of all tiles: the seven of a lane, padded to eight
#define INPUTS (CHANNELS * POINTS * HELD)
#define STAGE (INPUTS + CHANNELS * 16 * FILTERS)
#define LOADS (CHANNELS * 16 * FILTERS / (4 * AMDC_BLOCK)) // of four floats of filters by a lane, for a stage
#define ROW (2 * TILES)                 // outputs of the upper or lower row of all tiles
#define ENDS (FILTERS / 4 * (8 * ROW + 4))
#define OUTSIDE 0x80000000u             // an offset in bytes behind every buffer, also with a channel's offset added
#define NOWHERE 0x10000000u             // an element behind every tensor, also twice and thrice

// What a lane multiplies at once: a point of a channel, of its tiles and its filters.
struct Fragment {
    float tiles[LANE_TILES];
    amdc_f4 filters[2];

    MEMBER void read(const char *lds, unsigned tile, unsigned filter, int point, int channel) {
        const amdc_f4 *a = (const amdc_f4 *)(lds + tile + 4 * (channel * POINTS + point) * HELD);
        const amdc_f4 *b = (const amdc_f4 *)(lds + filter + 4 * channel * 16 * FILTERS);
        const float *rest = (const float *)__builtin_assume_aligned(a + 1, 16);
        for (int t = 0; t < 4; ++t) tiles[t] = a[0][t];
        for (int t = 4; t < LANE_TILES; ++t) tiles[t] = rest[t - 4]; // not the eighth: clang would make it a place for what is read next, and wait
        filters[0] = b[0], filters[1] = b[FILTERS / 8];
    }
};

struct Sums {
    float of[LANE_TILES][8] = {};

    MEMBER void multiply(const Fragment &f) {
#pragma unroll
        for (int t = 0; t < LANE_TILES; ++t)
#pragma unroll
            for (int m = 0; m < 8; ++m) of[t][m] += f.tiles[t] * f.filters[m / 4][m % 4];
    }
};

template <int N> struct Count { static constexpr int value = N; };

// A wave's points, where their operands lie in LDS, and which of them is at hand.
struct Walk {
    const char *lds;
    unsigned tile, filter[4]; // bytes of the lane's own values: of the first point's tiles, and of each point's filters
    Fragment f[2];

    MEMBER void read(int step) { f[step & 1].read(lds, tile, filter[step / CHANNELS], step / CHANNELS, step % CHANNELS); }
    // From step FROM to TO; the fragment of step TO is then read.
    template <int FROM, int TO> MEMBER void multiply(Sums &sums) {
#pragma unroll
        for (int step = FROM; step < TO; ++step) {
            read(step + 1);
            __builtin_amdgcn_sched_barrier(0);
            sums.multiply(f[step & 1]);
            __builtin_amdgcn_sched_barrier(0);
        }
    }
    // All steps, one fragment at a time: for waves that hold other things, too.
    template <int STEPS> MEMBER void multiply_all(Sums &sums) {
#pragma unroll
        for (int step = 0; step < STEPS; ++step) {
            if (step) f[0].read(lds, tile, filter[step / CHANNELS], step / CHANNELS, step % CHANNELS);
            sums.multiply(f[0]);
            __builtin_amdgcn_sched_barrier(0);
        }
    }
    MEMBER void turn(unsigned by) {
        tile += by;
#pragma unroll
        for (int p = 0; p < 4; ++p) filter[p] += by;
    }
};

// The 5x5 inputs under one tile, of one channel after the other.
struct Window {
    unsigned corner; // offset in bytes
    bool row[5], column[5]; // inside the image

    // `y`, `x`: the window's first row and column in the padded image, `first` element (0, 0) of that.
    MEMBER void start(bool live, unsigned first, unsigned y, unsigned x, unsigned pad_h, unsigned pad_w, unsigned H, unsigned W) {
        corner = 4 * (first + y * W + x);
#pragma unroll
        for (int i = 0; i < 5; ++i) row[i] = live && y + i - pad_h < H, column[i] = x + i - pad_w < W;
    }
    MEMBER void load(float (&to)[5], int i, amdc_buffer from, unsigned base) {
        __asm__ volatile("" : "+v"(corner)); // else clang makes all 25 offsets before the loop
        unsigned first = row[i] ? corner : OUTSIDE;
#pragma unroll
        for (int j = 0; j < 5; ++j) to[j] = amdc_load_f32(from, column[j] ? first : OUTSIDE, base + 4 * j);
    }
};

// Where a point lies: by the class of its row and its column, 0 and 1: y0 and y1 alone (F(2, 2)'s and the odd one), 2: both.
constexpr int place(int row, int row_odd, int column, int column_odd) {
    if (row < 2 && column < 2) return 8 * row + 4 * column + 2 * row_odd + column_odd;
    if (row < 2) return 16 + 3 * row + row_odd;
    return column < 2 ? 21 + 2 * column + column_odd : 18;
}
// One row of the transformed window, from one of the inputs or of differences of rows: `to` is the lane's place in LDS.
AMDC_DEVICE void store_row(float *to, const float (&d)[5], int row, int odd) {
    to[place(row, odd, 0, 0) * HELD] = d[0] - d[2];
    to[place(row, odd, 0, 1) * HELD] = d[1];
    to[place(row, odd, 2, 0) * HELD] = d[2];
    to[place(row, odd, 1, 1) * HELD] = d[3];
    to[place(row, odd, 1, 0) * HELD] = d[4] - d[2];
}

// Of a filter's outputs in LDS, in the end: a multiple of four floats; lanes four filters apart write to banks four apart.
AMDC_DEVICE unsigned place_of(unsigned filter) { return filter / 4 * (8 * ROW + 4) + filter % 4 * (2 * ROW); }

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *u, unsigned u_bytes, void *y, unsigned y_bytes, unsigned groups, unsigned tiles,
                             unsigned H, unsigned W, unsigned OH, unsigned OW, unsigned pad_h, unsigned pad_w, unsigned tiles_x, unsigned tiles_image,
                             unsigned x_multiplier, unsigned x_shift, unsigned image_multiplier, unsigned image_shift, unsigned parts,
                             unsigned parts_multiplier, unsigned parts_shift, unsigned stages, unsigned channels, unsigned M
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
#if PARTS
                             , void *partials, unsigned partials_bytes, unsigned *counters, unsigned
#endif
                             AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static __attribute__((aligned(16))) float lds[ENDS > 2 * STAGE ? ENDS : 2 * STAGE];
    const unsigned wave = amdc_wave(), z = amdc_group_z();
    unsigned lane = amdc_lane(), tile_lane = lane / FILTER_LANES, filter_lane = lane % FILTER_LANES;
    const unsigned group = __builtin_amdgcn_readfirstlane(amdc_divide(z, parts_multiplier, parts_shift)), part = z - group * parts;
    const unsigned blocks = (M + FILTERS - 1) / FILTERS, first_tile = amdc_group_y() * TILES;

    // The wave's first point and its filters' points, rows and columns of them in the order w0, w1, w2, w0 + w2.
    const bool rows = wave < 2, columns = wave >= 6;
    const unsigned i = columns ? wave - 6 : (wave - 2) / 2, j = wave & 1;
    const unsigned first = rows ? 21 + 2 * j : columns ? 16 + 2 * i : 4 * (wave - 2);
    const unsigned points[4] = {rows ? 12 + 2 * j : wave == 6 ? 3 : wave == 7 ? 15 : 8 * i + 2 * j,
                                rows ? 13 : wave == 6 ? 7 : wave == 7 ? 11 : 8 * i + 1, wave == 6 ? 15 : wave == 7 ? 7 : 4 + 2 * j, 5};
    Walk walk;
    walk.lds = (const char *)lds;
    walk.tile = 4 * (first * HELD + 8 * tile_lane);
#pragma unroll
    for (int p = 0; p < 4; ++p) walk.filter[p] = 4 * (INPUTS + points[p] * FILTERS + 4 * filter_lane);

    // Filters: the stage as it lies in memory. Behind the last stage the last one is fetched again.
    const unsigned first_stage = part * stages, stage_bytes = 4 * CHANNELS * 16 * FILTERS;
    const amdc_buffer filters = amdc_make((const char *)u + (group * blocks + amdc_group_x()) * (parts * stages) * stage_bytes, parts * stages * stage_bytes);
    amdc_f4 fetched[LOADS];
    auto fetch = [&](unsigned stage) AMDC_INLINE {
#pragma unroll
        for (int l = 0; l < LOADS; ++l) fetched[l] = amdc_load_f32x4(filters, 16 * amdc_thread(), stage * stage_bytes + 16 * AMDC_BLOCK * l);
    };
    auto keep = [&](float *to) AMDC_INLINE {
#pragma unroll
        for (int l = 0; l < LOADS; ++l) *(amdc_f4 *)(to + INPUTS + 4 * (l * AMDC_BLOCK + amdc_thread())) = fetched[l];
    };
    // Inputs: of waves 0 and 1 a channel each, a tile a lane; the lanes left over write to LDS's padding.
    const unsigned tile = first_tile + lane, image = amdc_divide(tile, image_multiplier, image_shift), at = tile - image * tiles_image;
    const unsigned tile_y = amdc_divide(at, x_multiplier, x_shift), tile_x = at - tile_y * tiles_x, plane_bytes = 4 * H * W;
    Window window;
    window.start(lane < TILES && tile < tiles, (image * groups + group) * channels * H * W, 4 * tile_y, 4 * tile_x, pad_h, pad_w, H, W);
    const unsigned slot = (wave & 1) * POINTS * HELD + (lane < TILES ? lane / LANE_TILES * 8 + lane % LANE_TILES : lane % TILE_LANES * 8 + LANE_TILES);
    unsigned channel = first_stage * CHANNELS + (wave & 1), turn = 0;
    const unsigned before = 4 * (pad_h * W + pad_w); // so that no offset is negative; what it lets through lies outside the image
    float d[5][5];
    auto load = [&]() AMDC_INLINE {
        bool there = channel < channels;
#pragma unroll
        for (int r = 0; r < 5; ++r) window.load(d[r], r, amdc_make((const char *)x - before, there ? x_bytes + before : 0), (there ? channel * plane_bytes : 0) + 4 * r * W);
    };
    auto transform = [&](float *to) AMDC_INLINE {
        store_row(to + slot, d[1], 0, 1), store_row(to + slot, d[3], 1, 1), store_row(to + slot, d[2], 2, 0);
#pragma unroll
        for (int c = 0; c < 5; ++c) d[0][c] -= d[2][c], d[4][c] -= d[2][c];
        store_row(to + slot, d[0], 0, 0), store_row(to + slot, d[4], 1, 0);
    };

    fetch(first_stage);
    if (rows) load(), transform(lds);
    keep(lds);
    amdc_barrier();
    Sums sums;
    walk.read(0);
    // A loop for each kind of wave: paths within one make clang 19 copy the sums from register to register, and spill.
    auto run = [&](auto kind) AMDC_INLINE {
        constexpr int points = decltype(kind)::value;
        unsigned left = stages;
        do {
            channel += CHANNELS;
            float *next = lds + (turn ^ STAGE);
            fetch(first_stage + stages - (left > 1 ? left - 1 : 1));
            if constexpr (points == 2) {
                load();
                walk.multiply_all<CHANNELS * points>(sums);
                transform(next);
            } else {
                walk.multiply<0, CHANNELS * points - 1>(sums);
            }
            keep(next);
            walk.turn(turn ? -4 * STAGE : 4 * STAGE);
            turn ^= STAGE;
            amdc_barrier();
            walk.read(0);
            __builtin_amdgcn_sched_barrier(0);
            if constexpr (points != 2) sums.multiply(walk.f[1]);
            __builtin_amdgcn_sched_barrier(0);
        } while (--left);
    };
    if (rows) run(Count<2>());
    else if (columns) run(Count<3>());
    else run(Count<4>());

    // yij = (i, j) + (i, both) + (both, j), in waves 2 to 5; then all waves take outputs that lie side by side, and some filters each.
    amdc_barrier();
    unsigned zero = 0;
    __asm__ volatile("" : "+s"(zero)); // the lane's number is made anew: kept through the loops, it and what follows from it would be spilled
    lane = __builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, zero)), tile_lane = lane / FILTER_LANES, filter_lane = lane % FILTER_LANES;
    amdc_f4 *exchange = (amdc_f4 *)lds + lane;
    if (rows || columns)
#pragma unroll
        for (int q = 0; q < 2 * LANE_TILES; ++q) {
            const float *four = sums.of[q / 2] + q % 2 * 4;
            amdc_f4 value = {four[0], four[1], four[2], four[3]};
            exchange[((rows ? wave : wave - 4) * 2 * LANE_TILES + q) * 64] = value;
        }
    amdc_barrier();
    if (!rows && !columns)
#pragma unroll
        for (int q = 0; q < 2 * LANE_TILES; ++q) {
            amdc_f4 value = exchange[((2 + i) * 2 * LANE_TILES + q) * 64] + exchange[(j * 2 * LANE_TILES + q) * 64];
#pragma unroll
            for (int m = 0; m < 4; ++m) sums.of[q / 2][q % 2 * 4 + m] += value[m];
        }
    amdc_barrier();
    const auto row_of = [&](unsigned t) AMDC_INLINE { return amdc_divide(first_tile + t, x_multiplier, x_shift); };
    if (!rows && !columns)
#pragma unroll
        for (int t = 0; t < LANE_TILES; ++t) {
            unsigned of = tile_lane * LANE_TILES + t, at = 2 * of + j + (VECTOR ? 2 * tiles_x * (row_of(of) - row_of(0) + i) : i * ROW);
#pragma unroll
            for (int m = 0; m < 8; ++m) lds[place_of(4 * filter_lane + m / 4 * (FILTERS / 2) + m % 4) + at] = sums.of[t][m];
        }
    amdc_barrier();
    // A lane takes four outputs that lie side by side, of every second or every filter of its wave.
    constexpr unsigned quads = ROW / 2, apart = 56 / quads, own = FILTERS / 8, rounds = own / apart;
    const unsigned quad = lane % quads, own_filter = wave * own + (lane < 56 ? lane / quads : 0);
    float totals[rounds][4];
#pragma unroll
    for (unsigned n = 0; n < rounds; ++n) {
        amdc_f4 four = *(const amdc_f4 *)(lds + place_of(own_filter + n * apart) + 4 * quad);
#pragma unroll
        for (int e = 0; e < 4; ++e) totals[n][e] = four[e];
    }
    unsigned filter = amdc_group_x() * FILTERS + own_filter;
#if BIAS
    float added[rounds];
#pragma unroll
    for (unsigned n = 0; n < rounds; ++n) added[n] = amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), filter + n * apart < M ? group * M + filter + n * apart : 0);
#endif
#if PARTS
    unsigned at_tile = (group * ((tiles + TILES - 1) / TILES) + amdc_group_y()) * blocks + amdc_group_x();
    Split split = {amdc_make(partials, partials_bytes), counters, parts, part, at_tile};
    if (!split_finish<4 * rounds, 8>(split, wave, [&](unsigned n) AMDC_INLINE -> float & { return totals[n / 4][n % 4]; })) return;
#endif
    amdc_buffer to = amdc_make(y, y_bytes);
    // The element of each of the four, for filter 0: VECTOR, they are one row's; else the upper or lower row of two tiles.
    unsigned element[4], tile_row = amdc_divide(quad, x_multiplier, x_shift);
#pragma unroll
    for (unsigned e = 0; e < 4; ++e) {
        unsigned of = first_tile + (VECTOR ? tile_row * tiles_x : (2 * quad + e / 2) % TILES);
        unsigned its = amdc_divide(of, image_multiplier, image_shift), rest = of - its * tiles_image, oy = amdc_divide(rest, x_multiplier, x_shift);
        unsigned below = VECTOR ? 0 : 2 * quad / TILES, ox = VECTOR ? 4 * (quad - tile_row * tiles_x) + e : 2 * (rest - oy * tiles_x) + e % 2;
        bool live = lane < 56 && of < tiles && 2 * oy + below < OH && (VECTOR || ox < OW);
        element[e] = live ? (its * groups + group) * M * OH * OW + (2 * oy + below) * OW + ox : NOWHERE;
    }
#pragma unroll
    for (unsigned n = 0; n < rounds; ++n) {
        unsigned m = filter + n * apart, output = group * M + m, first = m < M ? m * OH * OW : NOWHERE;
        amdc_value<TYPE_Y> four[4];
#pragma unroll
        for (unsigned e = 0; e < 4; ++e) {
            float value = totals[n][e];
#if BIAS
            value += added[n];
#endif
            four[e] = AMDC_EPILOGUE(value, output, first + element[e]);
            if (!VECTOR) amdc_store<TYPE_Y>(to, amdc_size<TYPE_Y> * (first + element[e]), four[e]);
        }
        if (VECTOR) amdc_four<TYPE_Y>::store(to, amdc_size<TYPE_Y> * (first + element[0]), four);
    }
}
