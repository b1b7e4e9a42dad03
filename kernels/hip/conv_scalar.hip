// conv_scalar.hip: 2-d convolution of small planes with the inputs in scalar registers: a lane is a filter; fused epilogue.
//
// Shapes   input [batch][groups * channels][IN_H][IN_W], output [batch][groups * M][OUT_H][OUT_W]; packed weights as in conv.hip: output m of a group
//          at tap t of channel c lies at w_group * group + (c * KH * KW + t) * W_K + m. A wave keeps 64 filters times OUT_ROWS rows of
//          OUT_COLUMNS outputs. A row of the input is the same for all lanes, so the scalar unit loads it, and a product is v_mac(sum,
//          SGPR, VGPR): no LDS in the loop, no barrier, and what lies in the padding left and right is never multiplied. WAVES waves share
//          the input channels; their sums meet in LDS. Rows above and below the image are read as zeros; a wave that has the whole plane
//          does not multiply them either. OUT_COLUMNS below OUT_W: it divides OUT_W, and nothing is padded on the right.
// Fused    AMDC_EPILOGUE(value, output channel, element); no prologue: it would cost a vector instruction an input. BIAS 1: bias[channel].
// Types    input float; TYPE_W, TYPE_BIAS: float or 16 bits, TYPE_Y: any; arithmetic in fp32 with v_mac.
// Launch   64 * WAVES lanes; grid (ceil(M / 64), ceil(OUT_H / OUT_ROWS) * OUT_W / OUT_COLUMNS, batch * groups * PARTS). Where PARTS
//          is not 1 they share the input channels, too, and the last work-group of a tile adds them (split_finish.h).
//          Limits: tensors below 2^28 elements; twice the rows of a step in the 102 SGPRs.
// Static   clang 19, 3x3, WAVES 8, BIAS 1; v_mac of the loop's vector instructions:
//            7x7 all rows                    73 VGPRs   0.97      (361 products a channel: 82 % of the 441 that padding included would take)
//            14x14 from 28x28 by 5 rows      96 VGPRs   0.98      56x56 to 28x28 by 4 rows, 14 columns   82 VGPRs   0.97
//          No scratch. Moves between scalars and lanes of VGPRs, in two channels: none in 7x7, 8 and 16 in the latter two, with three parts.
// Predicted on an RX 580 (simulated), without the launch; shares of the fp32 peak, or of the time of the bytes where that is longer:
//            batch 1: 512 -> 512 7x7      51 us by 7 rows, 4 parts (86 %)      512 -> 512 14x14/2  54 us by 7 rows, 4 parts (84 %)
//                     256 -> 256 28x28/2  55 us by 5 rows, 3 parts (68 %)      128 -> 128 56x56/2  65 us by 5 rows of 14, 3 parts (58 %)
//            batch 8: 512 -> 512 14x14/2  331 us by 7 rows, 5 parts (90 %)     28x28/2 405, 56x56/2 413 us (74, 72 %)
//          28x28/2 at batch 1: 36 work-groups, 11 channels a wave (10.7 were even), 15 rows for 14: 56,000 of 73,400 clocks are vector
//          instructions of the SIMDs, 2,700 pass before the first, 5,000 until DRAM has what was written, the rest until the last waves have
//          come, which have no other wave beside them to hide scalar loads, and all sums are joined.
// Versions The first to ask for a line of the input waits in DRAM's queue behind weights that are needed much later: so a vector load
//          touches the lines of a channel two steps before scalar loads want them (66 us to 54, 512 -> 512 7x7). All of the input at the
//          start gained nothing: it had left L2 before its turn. The same for weights took 12 VGPRs and cost 60 -> 66 us at 28x28/2.
//          One row of 14 a step is 126 clocks of products, less than L2's latency: two rows. Storing as the
//          lanes lie (a filter each) took 64 lines a store: sums change lanes on their way through LDS. Both: 78 us to 59 (14x14/2). There,
//          one barrier a round and two halves of LDS by turns: 56 us to 55.
//          Tiles of 7 columns, or 2 waves with more parts, read weights more often than L2 can: 89 us for 75 (128 -> 128 56x56/2).
//          A buffer of the whole input, offsets of rows made before the loop and channels counted at run time kept 15 to 25 SGPRs more, which
//          clang moved to lanes of VGPRs and back: 69 and 80 such moves in two channels of the latter two above; 63 us to 59 (28x28/2).
//          All weights of a channel asked for at once by all waves filled DRAM's queues, and L2's channels behind them: scalar loads that hit
//          L2 waited 1,200 to 1,700 clocks a channel. Some at each step: 76 us to 56 (14x14/2), 59 to 56 (28x28/2), 55 to 53 (7x7).
//          The part as the fastest index: images came one after the other, and each read all weights from DRAM: 434 us to 338 (14x14/2,
//          batch 8) with the images side by side.
//          A lane an output position, weights in scalars: 49 of 64 lanes at 7x7 and 196 of 256 at 14x14, 49 us at best. Rows outside the
//          image by a select between two pointers: clang branches around each load, and none stays behind the products before it.
#include "amdc.h"
#include "amdc_types.h"
#include "scalar_load.h"
#include "split_finish.h"
#ifndef KH
#define KH 3
#define KW 3
#define STRIDE 1
#define IN_H 7
#define IN_W 7
#define OUT_H 7
#define OUT_W 7
#define PAD_TOP 1
#define PAD_LEFT 1
#define OUT_ROWS 7
#define OUT_COLUMNS 7
#define WAVES 8
#define PARTS 1
#define CHANNELS 512
#define W_K 512
#define BIAS 0
#define TYPE_W float
#define TYPE_Y float
#define TYPE_BIAS float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#define MEMBER __attribute__((device, always_inline))
#define TAPS (KH * KW)
#define TILES (OUT_W / OUT_COLUMNS) // of columns
#define WHOLE (OUT_ROWS == OUT_H && TILES == 1)
#define LAST_ROW ((OUT_ROWS - 1) * STRIDE + KH)
#define FIRST (WHOLE ? PAD_TOP : 0) // of the input rows under OUT_ROWS outputs, counted from the window's first: those before are padding
#define LAST (WHOLE && IN_H + PAD_TOP < LAST_ROW ? IN_H + PAD_TOP : LAST_ROW)
#define WIDTH (TILES == 1 ? IN_W : (OUT_COLUMNS - 1) * STRIDE + KW) // of a row of the input under the outputs
#define PAD (TILES == 1 ? PAD_LEFT : 0)                             // columns before it that are not held
#define BEFORE (TILES > 1 ? PAD_LEFT : 0)                           // columns of padding or of the tile before, loaded by themselves
#define FIT (WIDTH < 28 ? 28 / WIDTH : 1) // rows for which there are scalar registers, twice
#define STEPS ((LAST - FIRST + FIT - 1) / FIT)
#define ROWS ((LAST - FIRST + STEPS - 1) / STEPS) // of a step; the last may have less
#define SPREAD ((STEPS * 3 + 3) / 4) // steps over which the loads of a channel's weights are spread
#define SPREAD_TAPS(step) (TAPS * ((step) < SPREAD ? (step) : SPREAD) / SPREAD) // that are loaded before a step
#define SUMS (OUT_ROWS * OUT_COLUMNS)
#define ROUNDS ((SUMS + WAVES - 1) / WAVES)
#define PLANE_BYTES (4 * IN_H * IN_W)
#define WINDOW_LINES ((4 * LAST_ROW * IN_W + 63) / 64 + 1) // of the input under a work-group's outputs, 64 bytes each
#define LDS_ROW (64 + 32 / WAVES)                          // what a round reads then lies in different banks

#define NO_ROW 0x40000000u     // offsets in bytes behind every plane and ...
#define NO_CHANNEL 0x40000000u // ... every input: reads there give 0

// One tap of all filters of a wave, for one channel after the other.
struct Weights {
    amdc_value<TYPE_W> tap[TAPS];

    // Taps FROM to TO, of which the first lies at `offset`; that moves on.
    template <int FROM, int TO> MEMBER void load(amdc_buffer from, unsigned &offset, unsigned step) {
#pragma unroll
        for (int t = FROM; t < TO; ++t, offset += step) {
            __asm__ volatile("" : "+v"(offset)); // else multiples of `step` take scalar registers, which are then spilled
            tap[t] = amdc_load<TYPE_W>(from, offset);
        }
    }
};

// Some rows of the input of one channel.
struct Rows {
    float x[ROWS][WIDTH];

    // COUNT rows of `plane`, the first of them row `first` of the window. `window`, `left`: offsets in bytes of the window's first row and
    // of the columns of padding before it.
    template <int COUNT> MEMBER void load(amdc_i4 plane, int first, unsigned window, unsigned left) {
        __asm__ volatile("" : "+s"(window), "+s"(left)); // else clang 19 makes all rows' offsets before the loop, and spills them
        if constexpr (WHOLE) {
            scalar_load<COUNT * WIDTH>(x[0], plane, window + first * (4 * IN_W));
        } else {
#pragma unroll
            for (int i = 0; i < COUNT; ++i) {
                unsigned down = (first + i) * (4 * IN_W);
                if constexpr (BEFORE) scalar_load<BEFORE>(x[i], plane, left + down);
                scalar_load<WIDTH - BEFORE>(x[i] + BEFORE, plane, window + down);
            }
        }
    }
    // The products of COUNT rows, the first of them row `first` of the window, with the columns FROM to TO of the output.
    template <int FROM, int TO, int COUNT> MEMBER void multiply(float (&sums)[OUT_ROWS][OUT_COLUMNS], const Weights &w, int first) const {
#pragma unroll
        for (int column = FROM; column < TO; ++column)
#pragma unroll
            for (int i = 0; i < COUNT; ++i)
#pragma unroll
                for (int r = 0; r < OUT_ROWS; ++r) {
                    int kh = first + i - r * STRIDE;
                    if (kh < 0 || kh >= KH) continue;
#pragma unroll
                    for (int kw = 0; kw < KW; ++kw) {
                        int at = column * STRIDE + kw - PAD;
                        if (at >= 0 && at < WIDTH) sums[r][column] += w.tap[kh * KW + kw] * x[i][at];
                    }
                }
    }
};

// function(N) for N from 0 to COUNT, each known at compile time: clang 19 does not unroll a loop of as many products.
template <int N> struct Number { static constexpr int value = N; };
template <int COUNT, int N = 0, class Function> AMDC_DEVICE void steps(Function function) {
    if constexpr (N < COUNT) function(Number<N>()), steps<COUNT, N + 1>(function);
}

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *w, unsigned w_bytes, void *y, unsigned y_bytes, unsigned images, unsigned groups, unsigned groups_multiplier, unsigned groups_shift,
                             unsigned planes_multiplier, unsigned planes_shift, unsigned M, unsigned w_group
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
#if PARTS > 1
                             , void *partials, unsigned partials_bytes, unsigned *counters, unsigned
#endif
                             AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static float lds[2][WAVES * WAVES * LDS_ROW]; // a round reads one half while waves ahead write the other
    unsigned lane = amdc_lane(), wave = amdc_wave(), z = amdc_group_z();
    unsigned part = __builtin_amdgcn_readfirstlane(amdc_divide(z, planes_multiplier, planes_shift)), plane = z - part * images * groups;
    unsigned image = __builtin_amdgcn_readfirstlane(amdc_divide(plane, groups_multiplier, groups_shift)), group = plane - image * groups;
    unsigned m = amdc_group_x() * 64 + lane, first_row = WHOLE ? 0 : amdc_group_y() / TILES * OUT_ROWS, first_column = TILES == 1 ? 0 : amdc_group_y() % TILES * OUT_COLUMNS;
    constexpr unsigned step = WAVES * PARTS;
    unsigned channel = part * WAVES + wave;
    amdc_buffer weights = amdc_make((const char *)w + amdc_size<TYPE_W> * group * w_group, amdc_size<TYPE_W> * w_group);
    constexpr unsigned tap_bytes = amdc_size<TYPE_W> * W_K;
    unsigned offset = amdc_size<TYPE_W> * m + channel * TAPS * tap_bytes;
    unsigned long address = (unsigned long)x + plane * (CHANNELS * PLANE_BYTES); // in 32 bits: gfx8 has no scalar multiplication to 64
    // A buffer of one channel: rows above and below the image lie outside, and so do those of the channels behind the last.
    unsigned long base = address + channel * PLANE_BYTES;
    auto channel_plane = [&]() AMDC_INLINE {
        amdc_i4 buffer = {(int)base, (int)(base >> 32), channel < CHANNELS ? PLANE_BYTES : 0, 0x27000};
        return buffer;
    };
    unsigned top = 4 * ((first_row * STRIDE - PAD_TOP) * IN_W + first_column * STRIDE), left = first_column ? top - 4 * PAD_LEFT : NO_ROW;

    amdc_buffer inputs = amdc_make((const void *)address, CHANNELS * PLANE_BYTES);
    unsigned window = WHOLE || first_row * STRIDE > PAD_TOP ? (first_row * STRIDE - (WHOLE ? 0 : PAD_TOP)) * (4 * IN_W) : 0;
    unsigned line = lane < WINDOW_LINES ? window + channel * PLANE_BYTES + 64 * lane : NO_CHANNEL;
    float fetched[2] = {amdc_load_f32(inputs, line), amdc_load_f32(inputs, line + step * PLANE_BYTES)};
    line += 2 * step * PLANE_BYTES;

    // What only the end needs waits in the lanes of one register: there are not enough SGPRs.
    unsigned long y_at = (unsigned long)y;
    unsigned ends[] = {
        (unsigned)y_at, (unsigned)(y_at >> 32), y_bytes, M, group * M, image * groups * M,
#if BIAS
        (unsigned)(unsigned long)bias, (unsigned)((unsigned long)bias >> 32), bias_bytes,
#endif
#if PARTS > 1
        (unsigned)(unsigned long)partials, (unsigned)((unsigned long)partials >> 32), partials_bytes, (unsigned)(unsigned long)counters, (unsigned)((unsigned long)counters >> 32),
        part, (plane * ((OUT_H + OUT_ROWS - 1) / OUT_ROWS * TILES) + amdc_group_y()) * ((M + 63) / 64) + amdc_group_x(),
#endif
    };
    constexpr int count = sizeof ends / sizeof ends[0];
    unsigned kept = 0;
#pragma unroll
    for (int i = 0; i < count; ++i) kept = lane == (unsigned)i ? ends[i] : kept;
    __asm__ volatile("" : "+v"(kept));
    float sums[OUT_ROWS][OUT_COLUMNS] = {};
    Weights next[2];
    Rows rows[2];
    next[0].load<0, TAPS>(weights, offset, tap_bytes);
    offset += (step - 1) * TAPS * tap_bytes;
    amdc_i4 input = channel_plane();
    rows[0].load<ROWS>(input, FIRST, top, left);
    __asm__ volatile("" ::"v"(fetched[0]), "v"(fetched[1]));
    auto multiply = [&](int half) AMDC_INLINE {
        float fetched = amdc_load_f32(inputs, line);
        line += step * PLANE_BYTES;
        steps<STEPS>([&](auto step_number) AMDC_INLINE {
            constexpr int i = decltype(step_number)::value, first = FIRST + i * ROWS, tail = LAST - FIRST - (STEPS - 1) * ROWS;
            constexpr int now_rows = i + 1 < STEPS ? ROWS : tail, then_rows = i + 2 == STEPS ? tail : ROWS;
            Rows &now = rows[(half * STEPS + i) & 1], &then = rows[(half * STEPS + i + 1) & 1];
            // The first column's products wait for these rows; only then the next ones are asked for.
            now.multiply<0, 1, now_rows>(sums, next[half], first);
            __builtin_amdgcn_sched_barrier(0);
            // The next channel's weights (behind the last: zeros), some at each step: all at once would hold up scalar loads in L2.
            next[half ^ 1].load<SPREAD_TAPS(i), SPREAD_TAPS(i + 1)>(weights, offset, tap_bytes);
            if (i + 1 == STEPS) {
                offset += (step - 1) * TAPS * tap_bytes;
                channel += step, base += step * PLANE_BYTES, input = channel_plane();
            }
            then.load<then_rows>(input, i + 1 == STEPS ? FIRST : first + ROWS, top, left);
            __builtin_amdgcn_sched_barrier(0);
            now.multiply<1, OUT_COLUMNS, now_rows>(sums, next[half], first);
            __builtin_amdgcn_sched_barrier(0);
        });
        __asm__ volatile("" ::"v"(fetched));
    };
    while (channel < CHANNELS) {
        multiply(0);
        if (channel >= CHANNELS) break;
        multiply(1);
    }

    float totals[ROUNDS];
#pragma unroll
    for (int round = 0; round < ROUNDS; ++round) {
#pragma unroll
        for (int i = 0; i < WAVES; ++i) {
            int sum = round * WAVES + i;
            if (sum < SUMS) lds[round & 1][(wave * WAVES + i) * LDS_ROW + lane] = sums[sum / OUT_COLUMNS][sum % OUT_COLUMNS];
        }
        amdc_barrier();
        totals[round] = 0;
#pragma unroll
        for (int other = 0; other < WAVES; ++other)
            totals[round] += lds[round & 1][(other * WAVES + lane % WAVES) * LDS_ROW + wave * (64 / WAVES) + lane / WAVES];
    }
    int at_end = 0;
    auto end = [&]() AMDC_INLINE { return (unsigned)__builtin_amdgcn_readlane(kept, at_end++); };
    auto end_pointer = [&]() AMDC_INLINE {
        unsigned low = end();
        return (void *)((unsigned long)end() << 32 | low);
    };
    void *results = end_pointer();
    amdc_buffer to = amdc_make(results, end());
    unsigned filters = end(), filter = amdc_group_x() * 64 + wave * (64 / WAVES) + lane / WAVES, output = end() + filter, first = end() + output;
#if BIAS
    void *biases = end_pointer();
    float added = amdc_read<TYPE_BIAS>(amdc_make(biases, end()), filter < filters ? output : 0);
#endif
#if PARTS > 1
    void *sums_of_parts = end_pointer();
    amdc_buffer of_parts = amdc_make(sums_of_parts, end());
    unsigned *arrivals = (unsigned *)end_pointer(), own_part = end();
    Split split = {of_parts, arrivals, PARTS, own_part, end()};
    if (!split_finish<ROUNDS, WAVES>(split, wave, [&](unsigned i) AMDC_INLINE -> float & { return totals[i]; })) return;
#endif
#pragma unroll
    for (int round = 0; round < ROUNDS; ++round) {
        unsigned at = round * WAVES + lane % WAVES, r = first_row + at / OUT_COLUMNS, column = first_column + at % OUT_COLUMNS;
        unsigned element = (first * OUT_H + r) * OUT_W + column;
        float value = totals[round];
        if (at < SUMS && filter < filters && r < OUT_H) {
#if BIAS
            value += added;
#endif
            amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE(value, output, element));
        }
    }
}
