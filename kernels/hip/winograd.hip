// winograd.hip: 3x3 convolution with stride 1 by Winograd's F(2x2, 3x3) (Lavin and Gray, CVPR 2016), in one launch; fused as conv.hip.
//
// A 2x2 tile of outputs is A^T ((G g G^T) * (B^T d B)) A summed over channels, d the 4x4 inputs under it: 16 multiply-adds for 36.
// Shapes   input [batch][groups * channels][H][W], output [batch][groups * M][OH][OW]. A lane keeps one tile, a wave 64 tiles (of any
//          images) times FILTERS filters: 16 * FILTERS sums a lane, and the output's transform stays within a lane.
//          u: G g G^T, see codegen/lowerings/winograd_filters.py; the same for all lanes, so the scalar unit loads it, and a product is
//          v_mac(sum, SGPR, VGPR). Each wave transforms the inputs of one channel of a stage of WAVES channels, into LDS, where all waves
//          read them. SPLIT 2: half of the waves multiply the first half of a stage's channels, for the same filters; their sums meet in LDS.
// Fused    AMDC_PROLOGUE(value, input channel) before the zero padding; AMDC_EPILOGUE(value, output channel, element). BIAS 1: bias[channel].
// Types    TYPE_X, TYPE_BIAS: float or 16 bits, TYPE_Y: any; arithmetic, transforms and u in fp32. The error bound: tests/kernels/winograd_bound.py.
// Launch   64 * WAVES lanes; grid (ceil(M / (FILTERS * WAVES / SPLIT)), ceil(tiles / 64), groups * parts): work-groups with the same tiles
//          run at the same time and find them in L2. Each of `parts` has `stages` stages of its own; PARTS 1: there is more than one, and
//          the last work-group of a tile adds them (split_finish.h). Limits: tensors below 2^28 elements.
// Static   clang 19, BIAS 1; LDS 8 KiB a wave; no spills with 8 waves and 4 filters, in parts or not. v_mac of the VALU instructions: 0.94
//          with 8 waves and 4 filters (127 VGPRs, 102 SGPRs), 0.88 with 4 and 4, 0.79 with 4 and 2.
// Predicted on an RX 580 (simulated), share of the fp32 peak of the convolution's own multiply-adds, without the launch, ResNet-50's 3x3
//          layers: batch 1 90 % at 56x56, 83 % at 28x28 in 2 parts, 74 % at 14x14 in 4 parts (40, 37, 33 % of Winograd's own peak: 26 to 32
//          work-groups on 36 CUs, and 8 stages of 4,100 clocks of products take 5,400, start and end 12,000).
//          Without the fetches below 76, 66 and 62 %. Batch 8: 118 % at 56x56, 127 % at 28x28, 91 % at 7x7.
//          winograd_lds.hip is faster there, and wherever filters fill its 32: this kernel stays for fewer (16 -> 16 channels at 112x112:
//          16 us for 24).
// Versions Filters come from DRAM or another CU's part of L2, 350 clocks away, and scalar registers hold 128 clocks of products ahead: so a
//          vector load touches each line a stage before it is needed, and scalar loads find it in L2 (56x56 49 us to 44). In one
//          portion a stage all work-groups at once kept L2's channels busy in front of scalar loads: 51 us for 45 in four portions (28x28).
//          Two stages ahead, what 256 waves have fetched drops out of L2 before it is used: 71 us for 53 (14x14). Waves' filters lie a
//          multiple of 16 KiB apart, in one channel of L2, so 256 bytes more lie between them (SKEW; 53 us to 51 at 28x28).
//          All 16 loads of a stage at its start kept the address unit busy and every wave waiting: 274 us for 220 (56x56, batch 8).
//          FILTERS 2 has 16 products for each wait, fewer than LDS takes: 60 us for 46 (56x56, batch 1), and pays on small grids only.
//          F(4x4, 3x3) needs 36 sums a tile and filter: 2 filters a lane are 72 sums, whose 36 inputs from LDS take as long as the products
//          (288 of 288 clocks of a CU); in three launches its products and sums, 2.25 times input and output each, pass DRAM twice: 320 us
//          at 56x56, batch 8 (counted, not simulated), against 216 of this kernel. Channels-last inputs would make a tile's loads
//          contiguous by channel, but they take 36 % of the address unit's time here and nothing waits for them: no layout pass.
//          A wait for scalar loads is a wait for all of LDS and scalars, so half a channel's operands are fetched right behind the first
//          products of the half before; with the fetch in front of them clang waits for what it has just asked for. Kernel arguments
//          that only the end needs kept 16 SGPRs: they spilled in every stage (16 v_readlane) until computed in front of the loop.
#include "amdc.h"
#include "amdc_types.h"
#include "split_finish.h"
#ifndef WAVES
#define WAVES 8
#define FILTERS 4
#define SPLIT 1
#define PARTS 0
#define BIAS 0
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
#define OUTSIDE 0x80000000u // an offset in bytes behind every buffer, also with a channel's offset added
#define NO_ROW 0x10000000u    // an element behind every tensor, also with ...
#define NO_COLUMN 0x10000000u // ... this and
#define NO_FILTER 0x10000000u // ... this added: 4 * (all) stays below 2^32
#define FILTER_WAVES (WAVES / SPLIT)
#define HALVES (2 * WAVES / SPLIT) // half channels that a wave multiplies a stage
#define LOADS (32 / HALVES)        // of the 16 inputs of the next stage's window, in each half of the first half of a stage
#define PORTION (FILTER_WAVES * FILTERS / 4) // lines of 64 bytes in a quarter of a wave's filters of a stage
#define SKEW 64                    // floats between the waves' filters: they would all lie in one channel of L2
#define QUAD (64 * 4)              // floats of LDS: four points of all tiles of one channel

typedef const float __attribute__((address_space(4))) *Scalars; // read by the scalar unit

AMDC_DEVICE unsigned load_at(amdc_buffer from, unsigned offset, unsigned base, unsigned) { return amdc_load_u32(from, offset, base); }
AMDC_DEVICE unsigned short load_at(amdc_buffer from, unsigned offset, unsigned base, unsigned short) {
    return __builtin_amdgcn_raw_buffer_load_b16(from, (int)offset, (int)base, 0);
}

// One lane's 4x4 window of the input, channel after channel.
struct Patch {
    typename amdc_type<TYPE_X>::bits data[4][4];
    unsigned offset[4][4];

    MEMBER void start(bool live, unsigned first, int y, int x, unsigned H, unsigned W) {
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                bool inside = live && (unsigned)(y + i) < H && (unsigned)(x + j) < W;
                offset[i][j] = inside ? amdc_size<TYPE_X> * (first + (y + i) * (int)W + x + j) : OUTSIDE;
            }
    }
    MEMBER void load(amdc_buffer from, unsigned channel_offset, int first, int last) {
#pragma unroll
        for (int i = first; i < last; ++i) data[i / 4][i % 4] = load_at(from, offset[i / 4][i % 4], channel_offset, data[i / 4][i % 4]);
    }
    template <class Prologue> MEMBER void transform(float *to, Prologue prologue) const {
        float d[4][4], t[4][4];
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                d[i][j] = amdc_type<TYPE_X>::decode(data[i][j]);
                if (HAS_PROLOGUE) d[i][j] = offset[i][j] != OUTSIDE ? prologue(d[i][j]) : 0.0f;
            }
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            t[0][j] = d[0][j] - d[2][j];
            t[1][j] = d[1][j] + d[2][j];
            t[2][j] = d[2][j] - d[1][j];
            t[3][j] = d[1][j] - d[3][j];
        }
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            amdc_f4 v = {t[i][0] - t[i][2], t[i][1] + t[i][2], t[i][2] - t[i][1], t[i][1] - t[i][3]};
            *(amdc_f4 *)(to + i * QUAD) = v;
        }
    }
};

// Two quads of points of one channel: of the input (one tile a lane), and of FILTERS filters (the same for all lanes).
struct Half {
    typedef float Filters __attribute__((ext_vector_type(4 * FILTERS)));
    float v[2][4];
    Filters u[2];

    MEMBER void read_input(const float *from) {
#pragma unroll
        for (int q = 0; q < 2; ++q) {
            amdc_f4 four = *(const amdc_f4 *)(from + q * QUAD);
#pragma unroll
            for (int p = 0; p < 4; ++p) v[q][p] = four[p];
        }
    }
    MEMBER void read_filters(Scalars from) {
#pragma unroll
        for (int q = 0; q < 2; ++q) u[q] = *(const Filters __attribute__((address_space(4))) *)(from + q * 4 * FILTERS);
    }
    template <int FIRST, int LAST> MEMBER void multiply(float (&sums)[4][4][FILTERS], int quad) const {
#pragma unroll
        for (int p = FIRST; p < LAST; ++p)
#pragma unroll
            for (int f = 0; f < FILTERS; ++f) sums[quad + p / 4][p % 4][f] += v[p / 4][p % 4] * u[p / 4][f * 4 + p % 4];
    }
};

// The 2x2 outputs of one filter, row by row: A^T sums A with A^T = [1 1 1 0; 0 1 -1 -1].
AMDC_DEVICE amdc_f4 outputs(const float (&sums)[4][4][FILTERS], int f) {
    float t[2][4];
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        t[0][j] = sums[0][j][f] + sums[1][j][f] + sums[2][j][f];
        t[1][j] = sums[1][j][f] - sums[2][j][f] - sums[3][j][f];
    }
    amdc_f4 out = {t[0][0] + t[0][1] + t[0][2], t[0][1] - t[0][2] - t[0][3], t[1][0] + t[1][1] + t[1][2], t[1][1] - t[1][2] - t[1][3]};
    return out;
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
    AMDC_SHARED static __attribute__((aligned(16))) float lds[2 * WAVES * 4 * QUAD];
    unsigned lane = amdc_lane(), wave = amdc_wave(), split = wave / FILTER_WAVES, z = amdc_group_z();
    unsigned group = __builtin_amdgcn_readfirstlane(amdc_divide(z, parts_multiplier, parts_shift)), part = z - group * parts;
    unsigned tile = amdc_group_y() * 64 + lane, image = amdc_divide(tile, image_multiplier, image_shift);
    unsigned at = tile - image * tiles_image, row = amdc_divide(at, x_multiplier, x_shift), oy = 2 * row, ox = 2 * (at - row * tiles_x);
    bool live = tile < tiles;
    unsigned place = (image * groups + group) * M * plane_out + oy * OW + ox;
    unsigned next_row = oy + 1 < OH ? OW : NO_ROW, next_column = ox + 1 < OW ? 1 : NO_COLUMN;
    if (!live) place = NO_ROW, next_row = next_column = 0;
    __asm__ volatile("" : "+v"(place), "+v"(next_row), "+v"(next_column)); // computed here: their arguments would cost the loop 16 SGPRs
#if PARTS
    // What only the end needs waits in the lanes of one register: in SGPRs it made clang 19 spill 17 of them to scratch memory.
    unsigned at_tile = (group * ((tiles + 63) / 64) + amdc_group_y()) * ((blocks + FILTER_WAVES - 1) / FILTER_WAVES) + amdc_group_x();
    unsigned long partials_at = (unsigned long)partials, counters_at = (unsigned long)counters;
    unsigned ends[8] = {(unsigned)partials_at, (unsigned)(partials_at >> 32), partials_bytes, (unsigned)counters_at, (unsigned)(counters_at >> 32), parts, part, at_tile};
    unsigned kept = 0;
#pragma unroll
    for (int i = 0; i < 8; ++i) kept = lane == (unsigned)i ? ends[i] : kept;
    __asm__ volatile("" : "+v"(kept));
#endif
    unsigned plane = H * W, first_plane = (image * groups + group) * channels, plane_bytes = amdc_size<TYPE_X> * plane;
    Patch patch;
    patch.start(live, first_plane * plane, (int)oy - (int)pad_h, (int)ox - (int)pad_w, H, W);

    unsigned block = amdc_group_x() * FILTER_WAVES + wave % FILTER_WAVES;
    unsigned from_block = block < blocks ? block : blocks - 1; // a wave without filters works like its neighbour, and stores nothing
    unsigned first_filter = ((group * blocks + from_block) * parts + part) * (stages * WAVES * 16 * FILTERS + SKEW) + split * FILTER_WAVES * 16 * FILTERS;
    Scalars filters = (Scalars)(unsigned long)u + first_filter;
    // A stage's filters are fetched into L2 a stage before, in four portions: all at once they would hold up what waves wait for.
    unsigned line = lane < PORTION ? 4 * first_filter + 64 * lane : OUTSIDE;
    auto fetch = [&](unsigned portion) AMDC_INLINE { return amdc_load_u32(amdc_make(u, u_bytes), line, 64 * PORTION * portion); };
    unsigned channel = part * stages * WAVES + wave;
    auto load = [&](int first, int last) AMDC_INLINE {
        patch.load(amdc_make(x, channel < channels ? x_bytes : 0), channel < channels ? channel * plane_bytes : 0, first, last);
    };
    auto store = [&](unsigned stage) AMDC_INLINE {
        patch.transform(lds + stage + (wave * 4 * 64 + lane) * 4, [&](float value) AMDC_INLINE { return AMDC_PROLOGUE(value, group * channels + channel); });
    };
    float sums[4][4][FILTERS] = {};
    unsigned stage = 0;
    const float *inputs = lds + (split * FILTER_WAVES * 4 * 64 + lane) * 4;
    Half half[2];
    unsigned fetched[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) fetched[i] = fetch(i);
    load(0, 16);
    store(0);
    __asm__ volatile("" ::"v"(fetched[0]), "v"(fetched[1]), "v"(fetched[2]), "v"(fetched[3]));
    amdc_barrier();
    half[0].read_filters(filters);
    for (unsigned left = stages; left; --left) {
        channel += WAVES;
        half[0].read_input(inputs + stage);
        line += 4 * WAVES * 16 * FILTERS;
#pragma unroll
        for (int h = 0; h < HALVES; ++h) {
            // The first products wait for what was fetched before; only then the next half is fetched: a wait for scalar loads is one for all.
            half[h & 1].multiply<0, 1>(sums, (h & 1) * 2);
            __builtin_amdgcn_sched_barrier(0);
            filters += h + 1 == HALVES ? 8 * FILTERS + (WAVES - FILTER_WAVES) * 16 * FILTERS : 8 * FILTERS;
            half[(h + 1) & 1].read_filters(filters);
            if (h + 1 < HALVES) half[(h + 1) & 1].read_input(inputs + stage + ((h + 1) * 2) * QUAD);
#pragma unroll
            for (int i = 0; i < 4; ++i)
                if (h == i * (HALVES * 3 / 4) / 4) fetched[i] = fetch(i);
            if (h < HALVES / 2) load(h * LOADS, (h + 1) * LOADS); // a few at a time: the address unit takes 9 clocks for each
            __builtin_amdgcn_sched_barrier(0);
            half[h & 1].multiply<1, 8>(sums, (h & 1) * 2);
            __builtin_amdgcn_sched_barrier(0);
            if (h == HALVES * 3 / 4 - 1) {
                __asm__ volatile("" ::"v"(fetched[0]), "v"(fetched[1]), "v"(fetched[2]), "v"(fetched[3]));
                store(stage ^ WAVES * 4 * QUAD);
            }
        }
        stage ^= WAVES * 4 * QUAD;
        amdc_barrier();
    }

    amdc_f4 out[FILTERS];
#pragma unroll
    for (int f = 0; f < FILTERS; ++f) out[f] = outputs(sums, f);
#if SPLIT > 1
    amdc_f4 *other = (amdc_f4 *)lds + wave % FILTER_WAVES * FILTERS * 64 + lane;
    if (split)
        for (int f = 0; f < FILTERS; ++f) other[f * 64] = out[f];
    amdc_barrier();
    if (split) return;
    for (int f = 0; f < FILTERS; ++f) out[f] += other[f * 64];
#endif
#if PARTS
#pragma unroll
    for (int i = 0; i < 8; ++i) ends[i] = __builtin_amdgcn_readlane(kept, i);
    void *sums_of_parts = (void *)((unsigned long)ends[1] << 32 | ends[0]);
    unsigned *arrivals = (unsigned *)((unsigned long)ends[4] << 32 | ends[3]);
    Split parted = {amdc_make(sums_of_parts, ends[2]), arrivals, ends[5], ends[6], ends[7]};
    if (!split_finish<4 * FILTERS, FILTER_WAVES>(parted, wave, [&](unsigned i) AMDC_INLINE -> float & { return ((float *)out)[i]; })) return;
#endif
    amdc_buffer to = amdc_make(y, y_bytes);
#pragma unroll
    for (int f = 0; f < FILTERS; ++f) {
        unsigned m = block * FILTERS + f, filter = group * M + m, first = m < M ? m * plane_out : NO_FILTER;
#if BIAS
        out[f] += amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), filter);
#endif
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            unsigned element = first + place + (i / 2 ? next_row : 0) + (i % 2 ? next_column : 0);
            amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE((float)out[f][i], filter, element));
        }
    }
}
