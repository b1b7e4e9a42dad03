// conv_scalar.hip: 2-d convolution of small planes with the inputs in scalar registers: a lane is a filter; fused epilogue.
//
// Shapes   input [batch][groups * channels][IN_H][IN_W], output [batch][groups * M][OUT_H][OUT_W]; packed weights as in conv.hip: output m of a group
//          at tap t of channel c lies at w_group * group + (c * KH * KW + t) * w_k + m. A wave keeps 64 filters times OUT_ROWS rows of outputs.
//          A row of the input is the same for all lanes, so the scalar unit loads it, and a product is v_mac(sum, SGPR, VGPR): no LDS in the
//          loop, no barrier, and what lies in the padding left and right is never multiplied. WAVES waves share the input channels; their
//          sums meet in LDS. Rows above and below the image are read as zeros; with OUT_ROWS = OUT_H they are not multiplied either.
// Fused    AMDC_EPILOGUE(value, output channel, element); no prologue: it would cost a vector instruction an input. BIAS 1: bias[channel].
// Types    input float; TYPE_W, TYPE_BIAS: float or 16 bits, TYPE_Y: any; arithmetic in fp32 with v_mac.
// Launch   64 * WAVES lanes; grid (ceil(M / 64), ceil(OUT_H / OUT_ROWS), batch * groups * parts). With more than one of `parts`, y is
//          [parts][batch][...] in fp32, and conv_sum.hip adds them. Limits: tensors below 2^28 elements; 2 * IN_W of the 102 SGPRs.
// Static   clang 19, 3x3, WAVES 8, BIAS 1; v_mac of the loop's vector instructions:
//            7x7 all rows            75 VGPRs, 80 SGPRs   0.97      (361 products a channel: 82 % of the 441 that padding included would take)
//            14x14 by 4 rows         83 VGPRs, 92 SGPRs   0.97      14x14 stride 2, all rows   76 VGPRs, 95 SGPRs   0.97
//            28x28 stride 2 by 2     56 VGPRs, 98 SGPRs   0.85      (scalars spill into lanes: two rows of 28 and their addresses)
// Predicted on an RX 580 (simulated), batch 1, without the launch, and the implicit GEMM's best tile:
//            512 -> 512 7x7      66 us in 4 parts (67 % of what DRAM allows for the weights)
//            512 -> 512 14x14/2  91 us in 4 parts (50 %)      256 -> 256 28x28/2  72 us
//            256 -> 256 14x14    63 us, 155 by implicit GEMM
//          (55, 57, 66 and 58 us while the model took scalar loads for hits.)
// Versions A lane an output position, weights in scalars: 49 of 64 lanes at 7x7 and 196 of 256 at 14x14, 49 us at best. Rows outside the
//          image by a select between two pointers: clang branches around each load, and none stays behind the products before it.
#include "amdc.h"
#include "amdc_types.h"
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
#define WAVES 8
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
#define FIRST (OUT_ROWS == OUT_H ? PAD_TOP : 0) // of the input rows under OUT_ROWS outputs, counted from the window's first: those before are padding
#define LAST (OUT_ROWS == OUT_H ? (IN_H + PAD_TOP < (OUT_ROWS - 1) * STRIDE + KH ? IN_H + PAD_TOP : (OUT_ROWS - 1) * STRIDE + KH) : (OUT_ROWS - 1) * STRIDE + KH)
#define STEPS (LAST - FIRST)
#define SUMS (OUT_ROWS * OUT_W)

#define NO_ROW 0x40000000u     // an offset in bytes behind every input, also with ...
#define NO_CHANNEL 0x40000000u // ... this added: reads there give 0

// The scalar unit's loads through a buffer, by LLVM's names: clang 19 has no built-in function for them.
typedef int amdc_i4 __attribute__((ext_vector_type(4)));
template <int COUNT> using Floats = float __attribute__((ext_vector_type(COUNT)));
__attribute__((device)) float scalar_load1(amdc_i4, int, int) __asm("llvm.amdgcn.s.buffer.load.f32");
__attribute__((device)) Floats<2> scalar_load2(amdc_i4, int, int) __asm("llvm.amdgcn.s.buffer.load.v2f32");
__attribute__((device)) Floats<4> scalar_load4(amdc_i4, int, int) __asm("llvm.amdgcn.s.buffer.load.v4f32");
__attribute__((device)) Floats<8> scalar_load8(amdc_i4, int, int) __asm("llvm.amdgcn.s.buffer.load.v8f32");
__attribute__((device)) Floats<16> scalar_load16(amdc_i4, int, int) __asm("llvm.amdgcn.s.buffer.load.v16f32");

// COUNT floats from `offset` bytes on; not one more: clang 19 narrows a load that is not used whole to a width that it cannot emit.
template <int COUNT> AMDC_DEVICE void scalar_load(float *to, amdc_i4 from, unsigned offset) {
    constexpr int now = COUNT >= 16 ? 16 : COUNT >= 8 ? 8 : COUNT >= 4 ? 4 : COUNT >= 2 ? 2 : 1;
    if constexpr (now == 1) {
        to[0] = scalar_load1(from, (int)offset, 0);
    } else {
        Floats<now> some;
        if constexpr (now == 16) some = scalar_load16(from, (int)offset, 0);
        else if constexpr (now == 8) some = scalar_load8(from, (int)offset, 0);
        else if constexpr (now == 4) some = scalar_load4(from, (int)offset, 0);
        else some = scalar_load2(from, (int)offset, 0);
#pragma unroll
        for (int i = 0; i < now; ++i) to[i] = some[i];
    }
    if constexpr (now < COUNT) scalar_load<COUNT - now>(to + now, from, offset + 4 * now);
}

// One tap of all filters of a wave, for one channel after the other.
struct Weights {
    amdc_value<TYPE_W> tap[TAPS];

    MEMBER void load(amdc_buffer from, unsigned offset, unsigned step) {
#pragma unroll
        for (int t = 0; t < TAPS; ++t) tap[t] = amdc_load<TYPE_W>(from, offset + t * step);
    }
};

struct Row {
    float x[IN_W];

    MEMBER void load(amdc_i4 from, unsigned offset) { scalar_load<IN_W>(x, from, offset); }
    // The products of row `i` of the window with the columns FROM to TO of the output.
    template <int FROM, int TO> MEMBER void multiply(float (&sums)[OUT_ROWS][OUT_W], const Weights &w, int i) const {
#pragma unroll
        for (int column = FROM; column < TO; ++column)
#pragma unroll
            for (int r = 0; r < OUT_ROWS; ++r) {
                int kh = i - r * STRIDE;
                if (kh < 0 || kh >= KH) continue;
#pragma unroll
                for (int kw = 0; kw < KW; ++kw) {
                    int at = column * STRIDE + kw - PAD_LEFT;
                    if (at >= 0 && at < IN_W) sums[r][column] += w.tap[kh * KW + kw] * x[at];
                }
            }
    }
};

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *w, unsigned w_bytes, void *y, unsigned y_bytes, unsigned images, unsigned groups, unsigned groups_multiplier, unsigned groups_shift,
                             unsigned parts, unsigned parts_multiplier, unsigned parts_shift, unsigned channels, unsigned M,
                             unsigned w_group, unsigned w_k
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static float lds[WAVES * WAVES * 64];
    unsigned lane = amdc_lane(), wave = amdc_wave(), z = amdc_group_z();
    unsigned plane = __builtin_amdgcn_readfirstlane(amdc_divide(z, parts_multiplier, parts_shift)), part = z - plane * parts;
    unsigned image = __builtin_amdgcn_readfirstlane(amdc_divide(plane, groups_multiplier, groups_shift)), group = plane - image * groups;
    unsigned m = amdc_group_x() * 64 + lane, first_row = amdc_group_y() * OUT_ROWS, step = WAVES * parts;
    unsigned left = (channels + step - 1) / step, channel = part * WAVES + wave;
    amdc_buffer weights = amdc_make((const char *)w + amdc_size<TYPE_W> * group * w_group, amdc_size<TYPE_W> * w_group);
    unsigned tap_bytes = amdc_size<TYPE_W> * w_k, offset = amdc_size<TYPE_W> * m + channel * TAPS * tap_bytes;
    unsigned long address = (unsigned long)x + (unsigned long)(plane * channels) * (4 * IN_H * IN_W);
    amdc_i4 planes = {(int)address, (int)(address >> 32), (int)(channels * (4 * IN_H * IN_W)), 0x27000};
    auto row = [&](int i) AMDC_INLINE {
        unsigned at = first_row * STRIDE + i - PAD_TOP;
        return OUT_ROWS == OUT_H || at < IN_H ? at * (4 * IN_W) : NO_ROW;
    };
    auto plane_offset = [&]() AMDC_INLINE { return channel < channels ? channel * (4 * IN_H * IN_W) : NO_CHANNEL; };

    float sums[OUT_ROWS][OUT_W] = {};
    Weights next[2];
    Row rows[2];
    next[0].load(weights, offset, tap_bytes);
    unsigned from = plane_offset();
    rows[0].load(planes, from + row(FIRST));
    for (left = (left + 1) / 2; left; --left) // two channels: an odd number of rows then ends where it began
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            offset += step * TAPS * tap_bytes;
            next[half ^ 1].load(weights, offset, tap_bytes); // behind the last channel: zeros
#pragma unroll
            for (int i = 0; i < STEPS; ++i) {
                int now = half * STEPS + i;
                // The first column's products wait for this row; only then the next one is asked for.
                rows[now & 1].multiply<0, 1>(sums, next[half], FIRST + i);
                __builtin_amdgcn_sched_barrier(0);
                if (i + 1 == STEPS) channel += step, from = plane_offset();
                rows[(now + 1) & 1].load(planes, from + row(FIRST + (i + 1) % STEPS));
                __builtin_amdgcn_sched_barrier(0);
                rows[now & 1].multiply<1, OUT_W>(sums, next[half], FIRST + i);
                __builtin_amdgcn_sched_barrier(0);
            }
        }

    amdc_buffer to = amdc_make(y, y_bytes);
#pragma unroll
    for (int first = 0; first < SUMS; first += WAVES) {
        int count = SUMS - first < WAVES ? SUMS - first : WAVES;
#pragma unroll
        for (int i = 0; i < count; ++i) lds[(wave * WAVES + i) * 64 + lane] = sums[(first + i) / OUT_W][(first + i) % OUT_W];
        amdc_barrier();
        float value = 0;
#pragma unroll
        for (int other = 0; other < WAVES; ++other) value += lds[(other * WAVES + wave) * 64 + lane];
        amdc_barrier();
        unsigned at = first + wave, r = at / OUT_W, column = at - r * OUT_W, output = group * M + m;
        unsigned element = (((part * images + image) * groups * M + output) * OUT_H + first_row + r) * OUT_W + column;
        if (at < SUMS && m < M && first_row + r < OUT_H) {
#if BIAS
            value += amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), output);
#endif
            amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE(value, output, element));
        }
    }
}
