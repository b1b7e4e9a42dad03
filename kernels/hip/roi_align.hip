// roi_align: regions of feature maps pooled to a fixed size by bilinear samples (He et al. 2017): out [R,C,PH,PW].
//
// x [N,C,H,W]; rois [R,4] x1, y1, x2, y2 in the image, times `scale` (minus half a pixel with HALF_PIXEL) in x; images [R]: which image.
//   SAMPLES samples along each dimension of a bin; 0: as many as it has pixels, rounded up
//   LARGEST 0: the samples' mean; 1: the largest weighted neighbour, as ONNX has it. A sample more than a pixel outside is 0.
//   X_LOAD, ROIS_LOAD, IMAGES_LOAD, OUT_TYPE, OUT_STORE   generated for the dtypes (codegen/typed.py); computed in fp32
// Work-group 256, one result a lane, no LDS: a bin's samples meet in L1.
#include "amdc.h"
#include "amdc_math.h"
#ifndef SAMPLES
#define SAMPLES 0
#define LARGEST 0
#define HALF_PIXEL 1
#define X_LOAD(index) amdc_load_f32(amdc_make(x, x_bytes), 4u * (index))
#define ROIS_LOAD(index) amdc_load_f32(amdc_make(rois, rois_bytes), 4u * (index))
#define IMAGES_LOAD(index) (long)amdc_load_u64(amdc_make(images, images_bytes), 8u * (index))
#define OUT_STORE(index, value) amdc_store_f32(amdc_make(out, out_bytes), 4u * (index), value)
#endif

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, const void *rois, unsigned rois_bytes, const void *images, unsigned images_bytes,
    unsigned count, unsigned channels, unsigned multiplier_c, unsigned shift_c, unsigned height, unsigned width, unsigned rows,
    unsigned multiplier_r, unsigned shift_r, unsigned columns, unsigned multiplier_w, unsigned shift_w, float scale) {
    unsigned element = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (element >= count) return;
    unsigned line = amdc_divide(element, multiplier_w, shift_w), pw = element - line * columns;
    unsigned plane = amdc_divide(line, multiplier_r, shift_r), ph = line - plane * rows;
    unsigned roi = amdc_divide(plane, multiplier_c, shift_c), channel = plane - roi * channels;
    float half = HALF_PIXEL ? 0.5f : 0.0f;
    float left = ROIS_LOAD(roi * 4) * scale - half, top = ROIS_LOAD(roi * 4 + 1) * scale - half;
    float wide = ROIS_LOAD(roi * 4 + 2) * scale - half - left, high = ROIS_LOAD(roi * 4 + 3) * scale - half - top;
    if (!HALF_PIXEL) wide = wide > 1.0f ? wide : 1.0f, high = high > 1.0f ? high : 1.0f;
    float step_x = wide / (float)columns, step_y = high / (float)rows;
    int count_x = SAMPLES ? SAMPLES : (int)amdc_ceil(step_x), count_y = SAMPLES ? SAMPLES : (int)amdc_ceil(step_y);
    unsigned from = ((unsigned)IMAGES_LOAD(roi) * channels + channel) * height * width;
    float result = LARGEST ? -__builtin_inff() : 0.0f;
    for (int i = 0; i < count_y; ++i) {
        float y = top + ((float)ph + ((float)i + 0.5f) / (float)count_y) * step_y;
        for (int j = 0; j < count_x; ++j) {
            float at = left + ((float)pw + ((float)j + 0.5f) / (float)count_x) * step_x;
            bool inside = y >= -1.0f && y <= (float)height && at >= -1.0f && at <= (float)width;
            float yc = amdc_clamp(y, 0.0f, (float)height - 1.0f), xc = amdc_clamp(at, 0.0f, (float)width - 1.0f);
            unsigned y0 = (unsigned)yc, x0 = (unsigned)xc, y1 = y0 + 1 < height ? y0 + 1 : y0, x1 = x0 + 1 < width ? x0 + 1 : x0;
            float ly = yc - (float)y0, lx = xc - (float)x0, hy = 1.0f - ly, hx = 1.0f - lx;
            float a = hy * hx * X_LOAD(from + y0 * width + x0), b = hy * lx * X_LOAD(from + y0 * width + x1);
            float c = ly * hx * X_LOAD(from + y1 * width + x0), d = ly * lx * X_LOAD(from + y1 * width + x1);
            if (LARGEST) result = amdc_maximum(result, inside ? amdc_maximum(amdc_maximum(a, b), amdc_maximum(c, d)) : 0.0f);
            else result += inside ? a + b + c + d : 0.0f;
        }
    }
    int samples = count_x * count_y;
    if (LARGEST) result = samples > 0 ? result : 0.0f;
    else result = result / (float)(samples > 1 ? samples : 1);
    OUT_STORE(element, result);
}
