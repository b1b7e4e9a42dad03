// conv_waves.hip: 2-d convolution (groups, strides, dilation, any padding) whose waves have input channels of their own, for planes of few tiles.
//
// Shapes   input [batch][groups * channels][H][W], output [batch][groups * M][OH][OW]; weights packed as in conv.hip: filter m of a group at
//          tap t of channel c lies at w_group * group + (c * KH * KW + t) * w_k + m. A work-group has a tile of filters and output positions,
//          which each of its 8 waves computes as a whole for some of the channels; in the end they add their sums, through LDS. So waves
//          bring inputs to LDS for themselves alone, and no barrier stands in the loop: LDS serves a wave's accesses in their order.
//          A lane has 4 filters times POSITIONS. Its 4 weights of a row of k (channel and tap) lie in 4 / LANES registers of four lanes, each
//          of which loaded one: v_mac takes another lane's by DPP. So sixteen lanes load a line of weights, and none passes LDS. Sixteen
//          lanes have 64 / LANES filters times a span of LANES * POSITIONS positions; a wave's four times sixteen divide SETS of the channels,
//          SPANS, and filters. Spans are counted through all blocks of filters, so that a work-group may have the end of one and the
//          beginning of the next. Inputs lie in LDS as a row of k wants them: 64 loads of a dword at once, each lane's from a place that is the
//          same in each stage but for the channel; what lies in the padding is read as 0.
// Fused    AMDC_EPILOGUE(value, output channel, element); no prologue. BIAS 1: bias[channel].
// Types    input and weights float; TYPE_BIAS: float or 16 bits, TYPE_Y: any; arithmetic in fp32 with v_mac.
// Launch   512 lanes; grid (ceil(spans * blocks / SPANS), 1, groups), spans = ceil(batch * OH * OW / (LANES * POSITIONS)). by_filters 0: a
//          block's spans, `inner` of them, follow each other; 1, where SPANS is 1: a span's blocks do. A stage is CHANNELS of each set:
//          channels are a multiple of SETS * CHANNELS, `stages` of them; the first 4 waves have `older` each. VECTOR 1: no four positions
//          that a lane stores at once reach over the end of a plane. READS 1: the epilogue loads other tensors. Limits: tensors below 2^28
//          elements.
// Static   clang 19, VECTOR 1, BIAS 0; VGPRs with 3x3 and with 1x1, LDS: (filters x span x SPANS s SETS)
//            64x44      107  94  54 KB      64x22s2   115 101  54 KB      32x22x2s2  124 110  61 KB
//            64x22x2    116 102  54 KB      64x52     121 121  65 KB      32x28s2     75  72  40 KB
//          No spills. 64x44, 3x3: 396 of the loop's 399 vector instructions are v_mac; 27 ds_read_b128, 4 writes to LDS, 16 loads of a dword.
// Predicted for an RX 580, without the launch, in brackets the fp32 peak's share; before: the best of the other kernels. Batch 1:
//            3x3/2 128->128 to 28x28   64x44     45.4 us (82 %), before 61.1    1x1 1024->256 on 14x14    64x22s2  27.0 us (62 %), before 35.6
//            3x3/2 256->256 to 14x14   64x22s2   46.1 us (81 %), before 54.9    1x1 256->1024 on 14x14    64x22x2  29.9 us (56 %), before 35.9
//            1x1/2 512->1024 to 14x14  64x52     55.5 us (60 %), before 65.1    1x1 1024->512 on 14x14    64x22x2  41.3 us (81 %), before 61.6
//            1x1/2 1024->2048 to 7x7   64x52     58.7 us (57 %), before 69.6    1x1 512->2048 on 7x7      64x52    27.5 us (61 %), before 38
//            1x1 512->256 on 28x28     64x44     45.9 us (73 %), before 70.1    1x1 2048->512 on 7x7      32x28s2  32.4 us (51 %), before 38.9
//          Batch 8: 1x1 1024->256 on 14x14 64x44 160 us (83 %), before 202; 2048->512 on 7x7 64x44 154 us (87 %), before 218.
//          128->128 takes 60,900 clocks: 50,700 of v_mac (36 work-groups of 44 positions for 784, one a CU), 400 of other vector instructions
//          in the loop; 3,000 pass before the first, 2,500 until the sums are joined, 2,500 until DRAM has what was written. 256->256 asks L2
//          for 28 MB, 90 % of what it can give; 32x22x2s2 for 23 MB, but for more of the address unit, which takes 4 clocks for any sixteen
//          lanes of a strided input: 47.4 us.
// Versions (128->128 and 256->256 above) Weights of two sets in the two halves of four lanes: a load's lanes do not lie together, 16 clocks
//          of the address unit for 4: 52.8 us for 47.2. Each wave finding all places of its inputs: 4,200 clocks a SIMD, and 1,500 as the
//          waves share that. All of a stage's loads of inputs at once: 47.3 us and 46.7 spread over 3 rows; 54.1 and 47.3 over 7 for the 14
//          loads of 32x22x2s2.
//          SIMDs serve their older wave first: as both had as many channels, the younger was left with half of its own, alone, and 86 % of
//          the VALU: 48.6 us for 46.0 with three quarters of the channels to the older ones. Where SIMDs served both by turns, even
//          shares would be better by some 10 % (counted). The older waves' first loads go first: 46.6 us to 45.9 (256->256).
//          Weights of all but one row under way: more loads than the 15 that vmcnt counts, for which a wave then waits: 46.9 us for 46.0
//          (256->256).
//          A wait for each ds_read of a row, 12 clocks of a wave where 4 do. Weights in front of the first inputs: 47.3 us for 45.9.
//          Where the epilogue adds a residual, its loads in front of the first store and not of each: 512->2048 32.0 us to 29.2 (the best of the
//            others 39.5), 256->1024 35.8 to 35.2 (42.3); without one, stores that come as late cost 2 %.
//          A block's spans next to each other in the grid, and not a span's blocks: each round of work-groups reads all inputs, from DRAM where
//            L2 does not hold them: 294 us for 160 (1024->256, batch 8).
#include "amdc.h"
#include "amdc_types.h"
#include "arguments.h"
#ifndef POSITIONS
#define POSITIONS 11
#define LANES 4
#define SETS 1
#define SPANS 1
#define CHANNELS 1
#define KH 3
#define KW 3
#define VECTOR 0
#define READS 0
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
#define TAPS (KH * KW)
#define ROWS (CHANNELS * TAPS)               // of k, of a stage and set
#define SPAN (LANES * POSITIONS)              // positions of 16 lanes,
#define FEW (64 / LANES)                      // and filters
#define REGISTERS (4 / LANES)                 // for the weights of a tap: each holds LANES of a lane's four, in as many lanes
#define FILTERS (4 / (SETS * SPANS) * FEW)    // of a block: those that meet each span
#define QUADS (POSITIONS / 4)
#define REST (POSITIONS % 4)
#define ROW (4 * SPANS * LANES * ((POSITIONS + 3) / 4)) // floats of LDS for the inputs of a row: fours of a lane, beside each other those of all lanes
#define LOADS ((ROWS * ROW + 63) / 64)        // of a wave, for the inputs of a set
#define HELD (64 * LOADS)
#define STAGE (SETS * HELD)
#define SPREAD (SETS * LOADS > 8 ? ROWS - 2 : 3) // rows of a stage with whose products the loads of the next one's inputs are issued
#define FRAGMENTS (ROWS % 2 == 0 ? 2 : 3)
#define AHEAD 4 // rows whose weights are under way
#define SUMS (4 * POSITIONS)
#define AREA (64 * SUMS)                      // floats of a wave's sums
#define NO_LDS 0x007f                         // of s_waitcnt: until no access to LDS is under way
#define OUTSIDE 0x80000000u                   // an offset in bytes behind every buffer, also with a channel's offset added
#define NOWHERE 0x10000000u                   // an element behind every tensor, also twice and thrice
static_assert(AHEAD < ROWS, "a row's weights are multiplied before those of the next stage replace them");
static_assert(ROWS % FRAGMENTS == 0, "a row's place among the fragments is the same in each stage");
static_assert(SPREAD < ROWS, "loads are issued behind what they replace is kept, and before they are");
static_assert(STAGE <= AREA, "a wave leaves its sums where its inputs lay");

// A barrier that clang does not know: in front of others it waits for all loads.
AMDC_DEVICE void meet() { __asm__ volatile("s_waitcnt lgkmcnt(0)\n\ts_barrier" ::: "memory"); }

// amdc_lane(), computed where it stands.
AMDC_DEVICE unsigned lane_anew() {
    unsigned zero = 0;
    __asm__ volatile("" : "+s"(zero));
    return __builtin_amdgcn_mbcnt_hi(~0u, __builtin_amdgcn_mbcnt_lo(~0u, zero)) % 64;
}

// The inputs of a row at this lane's positions.
struct Fragment {
    float x[POSITIONS];

    MEMBER void read(const char *lds, unsigned at, int row) {
        const amdc_f4 *from = (const amdc_f4 *)(lds + at + 4 * row * ROW);
#pragma unroll
        for (int j = 0; 4 * j < POSITIONS; ++j) {
            amdc_f4 four = from[SPANS * LANES * j];
#pragma unroll
            for (int i = 0; i < 4 && 4 * j + i < POSITIONS; ++i) x[4 * j + i] = four[i];
        }
    }
};

// sum += weight * x with the weight of another of four lanes: number FILTER of those that this lane takes from the register. Written out, as
// clang would move the weight first. It comes from a load: what a vector instruction wrote would have to be two wait states old.
template <int FILTER> AMDC_DEVICE void multiply(float &sum, float weight, float x) {
#define LANE_OF(lane) ((lane) / LANES * LANES + FILTER)
    if constexpr (LANES == 1) sum += weight * x;
    else
        __asm__("v_mac_f32_dpp %0, %1, %2 quad_perm:[%3,%4,%5,%6] row_mask:0xf bank_mask:0xf"
                : "+v"(sum)
                : "v"(weight), "v"(x), "n"(LANE_OF(0)), "n"(LANE_OF(1)), "n"(LANE_OF(2)), "n"(LANE_OF(3)));
}

struct Sums {
    float of[4][POSITIONS] = {};

    template <int F> MEMBER void filter(const Fragment &f, const float (&weights)[REGISTERS]) {
#pragma unroll
        for (int p = 0; p < POSITIONS; ++p) multiply<F % LANES>(of[F][p], weights[F / LANES], f.x[p]);
    }
    MEMBER void add(const Fragment &f, const float (&weights)[REGISTERS]) {
        filter<0>(f, weights), filter<1>(f, weights), filter<2>(f, weights), filter<3>(f, weights);
    }
};

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *w, unsigned w_bytes, void *y, unsigned y_bytes, unsigned groups, unsigned N,
                             unsigned M, unsigned channels, unsigned inner, unsigned inner_multiplier, unsigned inner_shift, unsigned by_filters, unsigned stages,
                             unsigned older, unsigned w_group, unsigned w_k, unsigned H, unsigned W, unsigned OW, unsigned plane_out,
                             unsigned stride_h, unsigned stride_w, unsigned dilation_h, unsigned dilation_w, unsigned pad_h, unsigned pad_w,
                             unsigned OW_multiplier, unsigned OW_shift, unsigned plane_multiplier, unsigned plane_shift
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    amdc_fetch_arguments<decltype(AMDC_SYMBOL)>();
    AMDC_SHARED static __attribute__((aligned(16))) float lds[WAVES / 2 * (AREA + STAGE) + HELD];
    const unsigned wave = amdc_wave(), group = amdc_group_z(), plane = H * W;
    unsigned lane = lane_anew();
    // Sixteen lanes have a set of the channels, some of the block's filters, and a span of the positions.
    const auto set_of = [&]() INLINE { return lane / (64 / SETS); };
    const auto span_of = [&]() INLINE { return lane / 16 % SPANS; };
    // Of span `its` of the work-group: the block of its filters, and its first position.
    const auto outer_of = [&](unsigned its) INLINE { return amdc_divide(amdc_group_x() * SPANS + its, inner_multiplier, inner_shift); };
    const auto inner_of = [&](unsigned its) INLINE { return amdc_group_x() * SPANS + its - outer_of(its) * inner; };
    const auto block_of = [&](unsigned its) INLINE { return by_filters ? inner_of(its) : outer_of(its); };
    const auto first_of = [&](unsigned its) INLINE { return (by_filters ? outer_of(its) : inner_of(its)) * SPAN; };
    const auto first_filter = [&]() INLINE { return block_of(span_of()) * FILTERS + lane / (16 * SPANS) % (4 / SETS / SPANS) * FEW; };
    // Which output of a span is number `i` of lane `l`'s four of number `j`.
    const auto place = [&](unsigned j, unsigned l, unsigned i) INLINE {
        return j < QUADS ? (j * LANES + l) * 4 + i : QUADS * LANES * 4 + l * REST + i;
    };
    // Stages, CHANNELS of each set, go by turns to the older waves, and then to the younger ones.
    constexpr unsigned step = WAVES / 2;
    const bool old = wave < step;
    const unsigned first_stage = old ? wave : step * older + wave - step;
    unsigned left = old ? older : (stages - first_stage + step - 1) / step;

    // Weights: sixteen lanes have those of sixteen filters that lie together.
    const amdc_buffer filters = amdc_make((const char *)w + 4 * group * w_group, 4 * w_group);
    const unsigned w_row = 4 * w_k;
    unsigned w_at = (first_stage * SETS + set_of()) * ROWS * w_row + 4 * (first_filter() + lane % 16);
    float weights[ROWS][REGISTERS];
    const auto weigh = [&](int row) INLINE {
#pragma unroll
        for (int h = 0; h < REGISTERS; ++h) weights[row][h] = amdc_load_f32(filters, w_at + 64 * h, row * w_row);
    };

    // Inputs: a lane brings every 64th float of a channel's place in LDS, from places that are the same for all waves: each finds some.
    unsigned *const places = (unsigned *)lds + WAVES / 2 * (AREA + STAGE);
    for (unsigned l = wave; l < LOADS; l += WAVES) {
        constexpr unsigned beside = SPANS * LANES;
        const unsigned slot = 64 * l + lane, r = slot / ROW, c = r / TAPS, tap = r % TAPS, j = slot % ROW / (4 * beside), its = slot / 4 % beside, i = slot % 4;
        const unsigned n = first_of(its / LANES) + place(j, its % LANES, i), image = amdc_divide(n, plane_multiplier, plane_shift);
        const unsigned rest = n - image * plane_out, oy = amdc_divide(rest, OW_multiplier, OW_shift), ox = rest - oy * OW;
        const unsigned iy = oy * stride_h + tap / KW * dilation_h - pad_h, ix = ox * stride_w + tap % KW * dilation_w - pad_w;
        const bool there = (j < QUADS || i < REST) & (r < ROWS) & (n < N) & (iy < H) & (ix < W);
        places[slot] = there ? 4 * ((image * groups + group) * channels * plane + c * plane + iy * W + ix) : OUTSIDE;
    }
    meet();
    unsigned offset[LOADS];
#pragma unroll
    for (unsigned l = 0; l < LOADS; ++l) offset[l] = places[64 * l + lane];
    const amdc_buffer from = amdc_make(x, x_bytes);
    unsigned x_at = first_stage * SETS * CHANNELS * 4 * plane;
    float fetched[SETS * LOADS];
    // Some of a stage's loads: all at once would keep the address unit, and the other waves waiting for it.
    const auto fetch = [&](int some) INLINE {
#pragma unroll
        for (int i = some * SETS * LOADS / SPREAD; i < (some + 1) * SETS * LOADS / SPREAD; ++i)
            fetched[i] = amdc_load_f32(from, offset[i % LOADS], x_at + i / LOADS * CHANNELS * 4 * plane);
        if (some == SPREAD - 1) x_at += step * SETS * CHANNELS * 4 * plane;
    };
    // LDS serves a wave's accesses in their order: what is kept here replaces what was read before, and is there for what is read behind.
    const unsigned own = 4 * (old ? wave * AREA : step * AREA + (wave - step) * STAGE);
    const unsigned to = own + 4 * lane, read_at = own + 4 * set_of() * HELD + 16 * (span_of() * LANES + lane % LANES);
    const auto keep = [&]() INLINE {
        __builtin_amdgcn_wave_barrier();
#pragma unroll
        for (int i = 0; i < SETS * LOADS; ++i) *(float *)((char *)lds + to + 256 * i) = fetched[i];
        __builtin_amdgcn_wave_barrier();
    };
    Sums sums;
    Fragment f[FRAGMENTS];
    const char *base = (const char *)lds;
    if (!old) meet(); // the older waves' loads go first: their SIMDs wait for them
#pragma unroll
    for (int i = 0; i < SPREAD; ++i) fetch(i);
#pragma unroll
    for (int r = 0; r < AHEAD; ++r) weigh(r);
    if (old) meet();
    if (left) {
        keep();
        f[0].read(base, read_at, 0);
        do {
#pragma unroll
            for (int r = 0; r < ROWS; ++r) {
                __builtin_amdgcn_s_waitcnt(NO_LDS); // one wait, and not one for each read
                if (r == ROWS - 1) keep();
                if (r < SPREAD) fetch(r);
                f[(r + 1) % FRAGMENTS].read(base, read_at, (r + 1) % ROWS);
                if (r + AHEAD == ROWS) w_at += step * SETS * ROWS * w_row;
                weigh((r + AHEAD) % ROWS);
                __builtin_amdgcn_sched_barrier(0);
                sums.add(f[r % FRAGMENTS], weights[r]);
                __builtin_amdgcn_sched_barrier(0);
            }
        } while (--left);
    }

    // Waves w and w + 4 join their sums; then each of the younger ones finishes one of a lane's four filters.
    lane = lane_anew(); // and what follows from it: kept through the loop, it would cost registers
    const unsigned v = wave % step, filter = first_filter() + v / LANES * 16 + lane % 16 / LANES * LANES + v % LANES;
#if BIAS
    float added = amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), filter < M ? group * M + filter : 0);
#endif
    float *area = lds + v * AREA;
    if (old) {
#pragma unroll
        for (int p = 0; p < POSITIONS; ++p) {
            amdc_f4 value = {sums.of[0][p], sums.of[1][p], sums.of[2][p], sums.of[3][p]};
            *(amdc_f4 *)(area + 256 * p + 4 * lane) = value;
        }
    }
    amdc_barrier();
    if (!old) {
#pragma unroll
        for (int p = 0; p < POSITIONS; ++p) {
            amdc_f4 value = *(const amdc_f4 *)(area + 256 * p + 4 * lane);
#pragma unroll
            for (int m = 0; m < 4; ++m) sums.of[m][p] += value[m];
        }
#pragma unroll
        for (int m = 0; m < 4; ++m)
#pragma unroll
            for (int p = 0; p < POSITIONS; ++p) area[64 * (m * POSITIONS + p) + lane] = sums.of[m][p];
    }
    amdc_barrier();
    if (old) return;
    float totals[POSITIONS];
#pragma unroll
    for (int p = 0; p < POSITIONS; ++p) {
        totals[p] = 0;
#pragma unroll
        for (int u = 0; u < WAVES / 2; ++u) totals[p] += lds[u * AREA + 64 * (v * POSITIONS + p) + lane];
    }
    if (SETS > 1)
#pragma unroll
        for (int p = 0; p < POSITIONS; ++p)
            totals[p] += __builtin_bit_cast(float, __builtin_amdgcn_ds_bpermute((int)(lane ^ 32) * 4, __builtin_bit_cast(int, totals[p])));
    const amdc_buffer out = amdc_make(y, y_bytes);
    const unsigned row = filter < M && set_of() == 0 ? (group * M + filter) * plane_out : NOWHERE, first_n = first_of(span_of());
    unsigned elements[POSITIONS];
    amdc_value<TYPE_Y> finished[POSITIONS];
    const auto store = [&](int p) INLINE { // of four neighbours with the last of them
        const amdc_value<TYPE_Y> *four = finished + (p / 4 * 4);
        if (!VECTOR || p / 4 == QUADS) amdc_store<TYPE_Y>(out, amdc_size<TYPE_Y> * elements[p], finished[p]);
        else if (p % 4 == 3) amdc_four<TYPE_Y>::store(out, amdc_size<TYPE_Y> * elements[p - 3], *(const amdc_value<TYPE_Y>(*)[4])four);
    };
#pragma unroll
    for (int p = 0; p < POSITIONS; ++p) {
        const unsigned n = first_n + place(p / 4, lane % LANES, p % 4), image = amdc_divide(n, plane_multiplier, plane_shift);
        const unsigned element = row + (n < N ? image * groups * M * plane_out + n - image * plane_out : NOWHERE);
        elements[p] = VECTOR && p / 4 < QUADS && p % 4 ? elements[p - 1] + 1 : element;
        float value = totals[p];
#if BIAS
        value += added;
#endif
        finished[p] = AMDC_EPILOGUE(value, group * M + filter, elements[p]);
        if (!READS) store(p);
    }
    if (READS) { // what the epilogue loads would not pass a store before it
        __builtin_amdgcn_sched_barrier(0);
#pragma unroll
        for (int p = 0; p < POSITIONS; ++p) store(p);
    }
}
