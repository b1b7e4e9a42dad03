// pooled_linear.hip: the end of a classifier in one launch: global average pooling, linear layer, softmax, each of them optional.
//
// Shapes   x [K][PIXELS], y [outs]; packed weights [K][ld], ld >= outs. One image.
// Method   A work-group takes 256 channels of x and, with PRODUCT, 64 outputs: a wave averages 64 channels, 16 lanes a channel, and has a
//          mean a lane; then each lane multiplies a column of the weights, the means by v_readlane. What work-groups of other channels add
//          goes through `partials`; the last one (last_part.h) of the same outputs adds all, in a fixed order. With SOFTMAX the last
//          one of all finishes all outputs.
// Options  PIXELS 1: nothing to average. PRODUCT 0: outs = K, and the means are the results. BIAS, SOFTMAX 0 or 1. HELD = ceil(outs / 256).
// Types    float; v_mac.
// Launch   256 lanes; grid (PRODUCT ? ceil(outs / 64) : 1, ceil(K / 256)). `counters`: one for each 64 outputs, or one.
// Predicted on an RX 580 (simulated), microseconds without launches, and the two or three kernels' that it replaces (26 us each besides):
//            2048 channels of 49, 1000 outputs, softmax 52.9 (43.8)    1280 of 49, 1000 outputs 31.3 (27.3)
//            1024 channels of 49, 2 outputs, softmax 9.3 (9.2)         1000 of 169, softmax alone 14.3 (15.3)
//            4096 channels, 1000 outputs, softmax 81.3 (77.3)
//          Every 64 outputs average all channels anew, and no weight is read meanwhile: that is what it loses of DRAM's time.
// Versions The first 16 weights of a lane asked for before its channels are averaged: 56.0 instead of 52.9, 36.9 instead of 31.3: loads
//          return in order, so that the averages wait for DRAM.
#include "amdc.h"
#include "amdc_math.h"
#include "last_part.h"
#ifndef PIXELS
#define PIXELS 49
#define PRODUCT 1
#define BIAS 1
#define SOFTMAX 1
#define HELD 4
#endif
#define OUTSIDE 0x80000000u
#define UNROLL 16 // loads of weights under way in a wave
#define WAVES (AMDC_BLOCK / 64)
static_assert(WAVES == 4, "four waves say whether they come last");

// The sum over the 16 lanes of a DPP row, in each of them.
template <int BY> AMDC_DEVICE float turned(float x) {
    return __builtin_bit_cast(float, __builtin_amdgcn_update_dpp(0, __builtin_bit_cast(int, x), 0x120 + BY, 0xf, 0xf, true));
}
AMDC_DEVICE float row_sum(float x) {
    x += turned<8>(x);
    x += turned<4>(x);
    x += turned<2>(x);
    return x + turned<1>(x);
}

// Channel `chunk + offset` of a wave's 64 is averaged by this lane.
AMDC_DEVICE unsigned lane_of(unsigned offset) { return PIXELS == 1 ? offset : offset % 4 * 16 + offset / 4; }
AMDC_DEVICE unsigned offset_of(unsigned lane) { return PIXELS == 1 ? lane : lane % 16 * 4 + lane / 16; }

// The mean of channel chunk + offset_of(lane); 0 behind the last channel.
AMDC_DEVICE float mean(amdc_buffer from, unsigned chunk, unsigned channels) {
    const unsigned lane = amdc_lane();
    if (PIXELS == 1) return amdc_load_f32(from, chunk + lane < channels ? 4 * (chunk + lane) : OUTSIDE);
    float mine = 0.0f;
#pragma unroll 4
    for (unsigned i = 0; i < 16; ++i) {
        unsigned channel = chunk + i * 4 + lane / 16;
        float sum = 0.0f;
#pragma unroll
        for (unsigned first = 0; first < PIXELS; first += 16) {
            unsigned pixel = first + lane % 16;
            sum += amdc_load_f32(from, pixel < PIXELS && channel < channels ? 4 * (channel * PIXELS + pixel) : OUTSIDE);
        }
        sum = row_sum(sum);
        mine = lane % 16 == i ? sum : mine;
    }
    return mine * (1.0f / PIXELS);
}

AMDC_KERNEL void AMDC_SYMBOL(const float *x, unsigned x_bytes, const float *w, unsigned w_bytes, float *y, unsigned y_bytes, float *partials,
                             unsigned partials_bytes, unsigned *counters, unsigned, unsigned channels, unsigned outs, unsigned ld,
                             unsigned parts, unsigned groups
#if BIAS
                             , const float *bias, unsigned bias_bytes
#endif
) {
    AMDC_SHARED static float shared[WAVES][64];
    AMDC_SHARED static float scratch[WAVES];
    const unsigned lane = amdc_lane(), wave = amdc_wave(), thread = amdc_thread(), out = amdc_group_x() * 64 + lane;
    const unsigned chunk = amdc_group_y() * AMDC_BLOCK + wave * 64;
    amdc_buffer from_w = amdc_make(w, w_bytes), kept = amdc_make(partials, partials_bytes), to = amdc_make(y, y_bytes);
    float mine = mean(amdc_make(x, x_bytes), chunk, channels), sum = 0.0f;
    bool stores = true;
    if (PRODUCT) {
        for (unsigned k = 0; k < 64; k += UNROLL) {
            float column[UNROLL];
#pragma unroll
            for (unsigned i = 0; i < UNROLL; ++i) column[i] = amdc_load_f32(from_w, 4 * ((chunk + k + i) * ld + out));
#pragma unroll
            for (unsigned i = 0; i < UNROLL; ++i) sum += column[i] * amdc_of_lane(mine, lane_of(k + i));
        }
        shared[wave][lane] = sum;
        amdc_barrier();
        sum = shared[0][lane];
#pragma unroll
        for (unsigned part = 1; part < WAVES; ++part) sum += shared[part][lane];
        if (wave == 0 && out < outs) amdc_store_f32(kept, 4 * (amdc_group_y() * outs + out), sum);
        stores = wave == 0;
    } else if (chunk + offset_of(lane) < outs) {
        amdc_store_f32(kept, 4 * (chunk + offset_of(lane)), mine);
    }
    bool last = stores && last_part(counters + (SOFTMAX ? 0 : amdc_group_x()), groups);
    if (lane == 0) scratch[wave] = last ? 1.0f : 0.0f;
    amdc_barrier();
    if (scratch[0] + scratch[1] + scratch[2] + scratch[3] == 0.0f) return;
    amdc_barrier();

    const unsigned first = SOFTMAX ? 0 : amdc_group_x() * 64, end = SOFTMAX ? outs : first + 64 < outs ? first + 64 : outs;
    float value[HELD], highest = -__builtin_inff(), total = 0.0f;
#pragma unroll
    for (unsigned j = 0; j < HELD; ++j) {
        unsigned o = first + j * AMDC_BLOCK + thread;
        float result = 0.0f;
#pragma unroll 4
        for (unsigned part = 0; part < parts; ++part) result += amdc_load_f32(kept, o < end ? 4 * (part * outs + o) : OUTSIDE);
#if BIAS
        result += amdc_load_f32(amdc_make(bias, bias_bytes), 4 * o);
#endif
        value[j] = o < end ? result : -__builtin_inff();
        highest = amdc_max::of(highest, value[j]);
    }
    if (SOFTMAX) {
        highest = amdc_block_reduce<amdc_max>(highest, scratch);
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            value[j] = first + j * AMDC_BLOCK + thread < end ? amdc_exp(value[j] - highest) : 0.0f;
            total += value[j];
        }
        total = amdc_block_reduce<amdc_sum>(total, scratch);
    }
#pragma unroll
    for (unsigned j = 0; j < HELD; ++j) {
        unsigned o = first + j * AMDC_BLOCK + thread;
        amdc_store_f32(to, o < end ? 4 * o : OUTSIDE, SOFTMAX ? value[j] / total : value[j]);
    }
}
