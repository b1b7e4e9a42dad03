// deform_columns: the columns that a convolution as a matrix product reads: out [N, C * taps, positions] from x [N,C,H,W].
//
//   OFFSET 1: each tap is moved by offset [N, groups * taps * 2, positions] (y, then x) and read by bilinear interpolation, 0 outside
//          (deformable convolution, Zhu et al. 2019); MASK 1: and scaled by mask [N, groups * taps, positions].  OFFSET 0: plain im2col
//   X_LOAD, OFFSET_LOAD, MASK_LOAD, OUT_TYPE, OUT_STORE   generated for the dtypes (codegen/typed.py); OUT_TYPE float or double if OFFSET 1
// Work-group 256, one result a lane, grid (ceil(positions / 256), C * taps, N): neighbouring lanes are neighbouring positions. No LDS.
// Channels of a group share offsets; making them again for each costs two cached loads and saves a loop over channels with little work.
#include "amdc.h"
#include "amdc_math.h"
#ifndef OFFSET
#define OFFSET 1
#define MASK 0
#define X_LOAD(index) amdc_load_f32(amdc_make(x, x_bytes), 4u * (index))
#define OFFSET_LOAD(index) amdc_load_f32(amdc_make(offset, offset_bytes), 4u * (index))
#define OUT_TYPE float
#define OUT_STORE(index, value) amdc_store_f32(amdc_make(out, out_bytes), 4u * (index), value)
#endif
typedef OUT_TYPE V;

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, const void *offset, unsigned offset_bytes, const void *mask, unsigned mask_bytes,
    unsigned positions, unsigned columns, unsigned multiplier_o, unsigned shift_o, unsigned taps, unsigned multiplier_t, unsigned shift_t,
    unsigned kernel_w, unsigned multiplier_k, unsigned shift_k, unsigned channels, unsigned group_channels, unsigned multiplier_g, unsigned shift_g,
    unsigned groups, unsigned height, unsigned width, unsigned stride_h, unsigned stride_w, unsigned pad_h, unsigned pad_w, unsigned dilation_h,
    unsigned dilation_w) {
    unsigned position = amdc_group_x() * AMDC_BLOCK + amdc_thread(), row = amdc_group_y(), image = amdc_group_z();
    if (position >= positions) return;
    unsigned channel = amdc_divide(row, multiplier_t, shift_t), tap = row - channel * taps;
    unsigned kh = amdc_divide(tap, multiplier_k, shift_k), kw = tap - kh * kernel_w;
    unsigned oh = amdc_divide(position, multiplier_o, shift_o), ow = position - oh * columns;
    unsigned y = oh * stride_h + kh * dilation_h - pad_h, x_ = ow * stride_w + kw * dilation_w - pad_w;
    unsigned plane = (image * channels + channel) * height * width, to = (image * channels * taps + row) * positions + position;
#if OFFSET
    unsigned group = amdc_divide(channel, multiplier_g, shift_g), own = (image * groups + group) * taps + tap;
    V at_y = (V)(int)y + (V)OFFSET_LOAD(own * 2 * positions + position), at_x = (V)(int)x_ + (V)OFFSET_LOAD((own * 2 + 1) * positions + position);
    bool near = at_y > -1 && at_x > -1 && at_y < (V)height && at_x < (V)width;
    V top = amdc_floor(near ? at_y : (V)-2), left = amdc_floor(near ? at_x : (V)-2), sum = 0;
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
        unsigned r = (unsigned)(int)top + corner / 2, c = (unsigned)(int)left + corner % 2;
        V weight = (corner / 2 ? at_y - top : 1 - (at_y - top)) * (corner % 2 ? at_x - left : 1 - (at_x - left));
        bool inside = r < height && c < width;
        V value = (V)X_LOAD(plane + (inside ? r * width + c : 0));
        sum += inside ? weight * value : 0;
    }
#if MASK
    sum *= (V)MASK_LOAD(own * positions + position);
#endif
    OUT_STORE(to, sum);
#else
    bool inside = y < height && x_ < width;
    V value = (V)X_LOAD(plane + (inside ? y * width + x_ : 0));
    OUT_STORE(to, inside ? value : (V)0);
#endif
}
