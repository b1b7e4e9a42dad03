// winograd4_input.hip: the inputs of a 3x3 convolution as Winograd's F(4x4, 3x3) multiplies them: B^T d B of each 6x6 window d.
//
// The first of three launches (this, gemm.hip with 36 products, winograd4_output.hip); the algorithm and its points: winograd4.h.
// Shapes   x [batch][channels][H][W]; v [36][channels][pitch] fp32: point, channel, tile. Tiles are numbered through all images, row by
//          row, 4x4 outputs each; a window starts at 4 * row - pad_h, 4 * column - pad_w. What lies outside the image is zero.
// Fused    AMDC_PROLOGUE(value, channel) before the zero padding.
// Types    TYPE_X: float or narrower; the transform in fp32.
// Launch   256 lanes, a window each; grid (ceil(channels * pitch / 256), 1, 1): lanes of a wave hold neighbouring tiles of a channel, so a
//          store of a point writes whole lines. Limits: x below 2^28 elements, v too.
// Static   clang 19, QUADS 1, CUT 0: 43 VGPRs, 18 loads, 36 stores, 311 VALU instructions; LDS none.
// Predicted on an RX 580 (simulated), without the launch, in brackets the DRAM time of x and v at 224 GB/s: 256 channels 56x56 54 us (47);
//          batch 8: 64 channels 56x56 105 (93), 128 channels 28x28 58 (47), 256 channels 14x14 35 (28).
// Versions 36 single loads a window: 108, 69 and 53 us in batch 8; half of their lines were no longer in L1, and L2 was busiest. By fours
//          (QUADS), but scheduled by clang among the arithmetic to save registers: 118, 60 and 36; the stores of all waves in flight are
//          larger than L2 and drive the lines out before the neighbouring window's load.
#include "amdc.h"
#include "amdc_types.h"
#ifndef TYPE_X
#define TYPE_X float
#define QUADS 1
#define CUT 0
#endif
#ifdef AMDC_PROLOGUE
#define HAS_PROLOGUE 1
#else
#define HAS_PROLOGUE 0
#define AMDC_PROLOGUE_PARAMS
#define AMDC_PROLOGUE(value, channel) (value)
#endif
#include "winograd4.h"
#define OUTSIDE 0x80000000u // an offset in bytes behind every buffer

// A row of a window.
struct Row {
    float value[6];
    amdc_f4 four;
    bool inside[6], cut;

    // `first`: the row's first element in x; `left`: the window's first column; `live`: the row lies inside.
    __attribute__((device, always_inline)) void load(amdc_buffer from, unsigned first, int left, unsigned W, bool live) {
#pragma unroll
        for (int j = 0; j < 6; ++j) inside[j] = live && (unsigned)(left + j) < W;
        cut = CUT && (unsigned)left + 5 > W; // then the last four columns are loaded, some of which belong to the window before
        if (QUADS) four = amdc_load_f32x4(from, live ? 4 * (first + (cut ? W - 4 : left + 1)) : OUTSIDE);
#pragma unroll
        for (int j = 0; j < 6; j += QUADS ? 5 : 1) value[j] = amdc_load<TYPE_X>(from, inside[j] ? amdc_size<TYPE_X> * (first + left + j) : OUTSIDE);
    }
    __attribute__((device, always_inline)) float get(int j) const {
        if (!QUADS || j == 0 || j == 5) return value[j];
        float whole = four[j - 1];
        if (!CUT) return whole;
        return cut ? (j - 1 + CUT < 4 ? four[(j - 1 + CUT) % 4] : 0.0f) : whole;
    }
};

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, void *v, unsigned v_bytes, unsigned channels, unsigned H,
                             unsigned W, unsigned pad_h, unsigned pad_w, unsigned pitch, unsigned tiles, unsigned tiles_image,
                             unsigned tiles_x, unsigned pitch_multiplier, unsigned pitch_shift, unsigned image_multiplier,
                             unsigned image_shift, unsigned x_multiplier, unsigned x_shift AMDC_PROLOGUE_PARAMS) {
    unsigned at = amdc_group_x() * 256 + amdc_thread(), channel = amdc_divide(at, pitch_multiplier, pitch_shift), tile = at - channel * pitch;
    if (channel >= channels || tile >= tiles) return;
    Window4 window(tile, tiles_image, tiles_x, image_multiplier, image_shift, x_multiplier, x_shift);
    int y = (int)(window.y - pad_h), left = (int)(window.x - pad_w);
    unsigned first = (window.image * channels + channel) * H * W;
    amdc_buffer from = amdc_make(x, x_bytes);
    Row rows[6];
#pragma unroll
    for (int i = 0; i < 6; ++i) rows[i].load(from, first + (y + i) * (int)W, left, W, (unsigned)(y + i) < H);
    __builtin_amdgcn_sched_barrier(0); // neighbours share lines: all at once, or the stores of other waves drive them out of L2 in between
    float d[6][6];
#pragma unroll
    for (int i = 0; i < 6; ++i)
#pragma unroll
        for (int j = 0; j < 6; ++j) {
            d[i][j] = rows[i].get(j);
            if (HAS_PROLOGUE) d[i][j] = rows[i].inside[j] ? AMDC_PROLOGUE(d[i][j], channel) : 0.0f;
        }
#pragma unroll
    for (int j = 0; j < 6; ++j) {
        float column[6] = {d[0][j], d[1][j], d[2][j], d[3][j], d[4][j], d[5][j]};
        transform_input(column);
#pragma unroll
        for (int i = 0; i < 6; ++i) d[i][j] = column[i];
    }
    amdc_buffer to = amdc_make(v, v_bytes);
    unsigned step = 4 * channels * pitch;
#pragma unroll
    for (int i = 0; i < 6; ++i) {
        transform_input(d[i]);
#pragma unroll
        for (int j = 0; j < 6; ++j) amdc_store_f32(to, 4 * at + (6 * i + j) * step, d[i][j]);
    }
}
