// winograd4_output.hip: 4x4 tiles of a 3x3 convolution's outputs from the 36 products of F(4x4, 3x3): A^T s A, with bias and epilogue.
//
// The last of three launches (winograd4_input.hip, gemm.hip, this); the algorithm and its points: winograd4.h.
// Shapes   s [36][channels][pitch] fp32: point, output channel, tile (numbered as in winograd4_input.hip); y [batch][channels][OH][OW].
// Fused    AMDC_EPILOGUE(value, output channel, element). BIAS 1: bias[channel].
// Option   POOL 1: y [batch][channels][OH / 2][OW / 2] holds the largest of each 2x2 outputs; OH and OW are even. Then bias and epilogue.
// Types    TYPE_Y, TYPE_BIAS: any; the transform in fp32. VECTOR 1 (OW a multiple of 4): the four outputs of a row are stored at once.
// Launch   256 lanes, a tile each; grid (ceil(channels * pitch / 256), 1, 1). Limits: s and y below 2^28 elements.
// Static   clang 19, VECTOR 1, no epilogue: 36 VGPRs, 36 loads, 4 stores, 269 VALU instructions; LDS none.
// Predicted on an RX 580 (simulated), without the launch, in brackets the DRAM time of s and y at 224 GB/s: 128 channels 112x112 96 us (93);
//          256 channels 56x56 54 (47), 512 channels 28x28 33 (27); batch 8: 256 channels 14x14 35 (28).
#include "amdc.h"
#include "amdc_types.h"
#ifndef TYPE_Y
#define BIAS 0
#define VECTOR 1
#define POOL 0
#define TYPE_Y float
#define TYPE_BIAS float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#include "winograd4.h"
#define NO_ROW 0x10000000u    // an element behind every tensor, also with ...
#define NO_COLUMN 0x10000000u // ... this added: 4 * (both) stays below 2^32

AMDC_KERNEL void AMDC_SYMBOL(const void *s, unsigned s_bytes, void *y, unsigned y_bytes, unsigned channels, unsigned OH,
                             unsigned OW, unsigned pitch, unsigned tiles, unsigned tiles_image, unsigned tiles_x,
                             unsigned pitch_multiplier, unsigned pitch_shift, unsigned image_multiplier, unsigned image_shift,
                             unsigned x_multiplier, unsigned x_shift
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    unsigned at = amdc_group_x() * 256 + amdc_thread(), channel = amdc_divide(at, pitch_multiplier, pitch_shift), tile = at - channel * pitch;
    if (channel >= channels || tile >= tiles) return;
    Window4 window(tile, tiles_image, tiles_x, image_multiplier, image_shift, x_multiplier, x_shift);
    amdc_buffer from = amdc_make(s, s_bytes), to = amdc_make(y, y_bytes);
    unsigned step = 4 * channels * pitch;
    float half[4][6];
#pragma unroll
    for (int j = 0; j < 6; ++j) {
        float column[6], out[4];
#pragma unroll
        for (int i = 0; i < 6; ++i) column[i] = amdc_load_f32(from, 4 * at + (6 * i + j) * step);
        transform_output(column, out);
#pragma unroll
        for (int i = 0; i < 4; ++i) half[i][j] = out[i];
    }
#if BIAS
    float added = amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), channel);
#else
    float added = 0.0f;
#endif
#if POOL
    float out[4][4];
#pragma unroll
    for (int i = 0; i < 4; ++i) transform_output(half[i], out[i]);
#pragma unroll
    for (int i = 0; i < 4; i += 2)
#pragma unroll
        for (int j = 0; j < 4; j += 2) {
            float most = amdc_max::of(amdc_max::of(out[i][j], out[i][j + 1]), amdc_max::of(out[i + 1][j], out[i + 1][j + 1])) + added;
            unsigned line = ((window.image * channels + channel) * OH + window.y + i) / 2, column = (window.x + j) / 2;
            unsigned element = window.y + i < OH && window.x + j < OW ? line * (OW / 2) + column : NO_ROW;
            amdc_write<TYPE_Y>(to, element, AMDC_EPILOGUE(most, channel, element));
        }
#else
    unsigned first = (window.image * channels + channel) * OH * OW + window.y * OW + window.x;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        float out[4];
        transform_output(half[i], out);
        unsigned row = window.y + i < OH ? first + i * OW : NO_ROW;
        amdc_value<TYPE_Y> values[4];
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            unsigned element = row + (VECTOR || window.x + j < OW ? j : NO_COLUMN);
            values[j] = AMDC_EPILOGUE(out[j] + added, channel, element);
            if (!VECTOR) amdc_write<TYPE_Y>(to, element, values[j]);
        }
        if (VECTOR) amdc_four<TYPE_Y>::store(to, amdc_size<TYPE_Y> * row, values);
    }
#endif
}
