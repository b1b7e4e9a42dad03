// col2im: overlapping blocks added up into an image: out[n,c,y,x] = the sum of x[n, (c, kh, kw), (oh, ow)] over all taps and positions
// that lie at (y, x) (torch.nn.functional.fold). x [N, C * taps, positions], out [N,C,H,W].
//
//   X_LOAD, OUT_TYPE, OUT_STORE   generated for the dtypes (codegen/typed.py)
// Work-group 256, one element of the image a lane, which gathers what lies there: no atomics, and always the same order of additions.
// Taps are run-time numbers: the loop's body is a few loads, and unrolling would make a kernel for each shape.
#include "amdc.h"
#ifndef X_LOAD
#define X_LOAD(index) amdc_load_f32(amdc_make(x, x_bytes), 4u * (index))
#define OUT_TYPE float
#define OUT_STORE(index, value) amdc_store_f32(amdc_make(out, out_bytes), 4u * (index), value)
#endif

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned count, unsigned height, unsigned multiplier_h, unsigned shift_h,
    unsigned width, unsigned multiplier_w, unsigned shift_w, unsigned kernel_h, unsigned kernel_w, unsigned rows, unsigned columns,
    unsigned stride_h, unsigned multiplier_y, unsigned shift_y, unsigned stride_w, unsigned multiplier_x, unsigned shift_x, unsigned pad_h,
    unsigned pad_w, unsigned dilation_h, unsigned dilation_w) {
    unsigned element = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (element >= count) return;
    unsigned line = amdc_divide(element, multiplier_w, shift_w), w = element - line * width;
    unsigned plane = amdc_divide(line, multiplier_h, shift_h), h = line - plane * height;
    OUT_TYPE sum = 0;
    for (unsigned kh = 0; kh < kernel_h; ++kh) {
        unsigned y = h + pad_h - kh * dilation_h, oh = amdc_divide(y, multiplier_y, shift_y);
        if ((int)y < 0 || oh * stride_h != y || oh >= rows) continue;
        for (unsigned kw = 0; kw < kernel_w; ++kw) {
            unsigned at = w + pad_w - kw * dilation_w, ow = amdc_divide(at, multiplier_x, shift_x);
            if ((int)at < 0 || ow * stride_w != at || ow >= columns) continue;
            sum += (OUT_TYPE)X_LOAD((((plane * kernel_h + kh) * kernel_w + kw) * rows + oh) * columns + ow);
        }
    }
    OUT_STORE(element, sum);
}
