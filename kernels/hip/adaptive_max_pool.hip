// adaptive_max_pool: the largest element of each of OD x OH x OW windows that share out a volume: x [planes,D,H,W] to out [planes,OD,OH,OW].
//
// Window i of `out` along a dimension of `size` elements holds floor(i size / out) to ceil((i + 1) size / out) - 1, as in PyTorch.
//   X_LOAD, X_TYPE, OUT_STORE   generated for the dtype (codegen/typed.py); places: int64, where the maximum lies in its plane; NaN wins
// Work-group 256, one result a lane, no LDS. Windows differ in size, so the loops run to run-time ends.
#include "amdc.h"
#ifndef X_LOAD
#define X_TYPE float
#define X_LOAD(index) amdc_load_f32(amdc_make(x, x_bytes), 4u * (index))
#define OUT_STORE(index, value) amdc_store_f32(amdc_make(out, out_bytes), 4u * (index), value)
#endif
#define AMDC_AXIS(a) unsigned size_##a, unsigned out_##a, unsigned multiplier_##a, unsigned shift_##a

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, void *places, unsigned places_bytes, const void *x, unsigned x_bytes, unsigned count, AMDC_AXIS(d), AMDC_AXIS(h),
    AMDC_AXIS(w)) {
    unsigned index = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (index >= count) return;
    unsigned q = amdc_divide(index, multiplier_w, shift_w), ow = index - q * out_w;
    unsigned r = amdc_divide(q, multiplier_h, shift_h), oh = q - r * out_h;
    unsigned plane = amdc_divide(r, multiplier_d, shift_d), od = r - plane * out_d, first = plane * size_d * size_h * size_w;
    unsigned end_d = amdc_divide((od + 1) * size_d + out_d - 1, multiplier_d, shift_d), best = ~0u;
    unsigned end_h = amdc_divide((oh + 1) * size_h + out_h - 1, multiplier_h, shift_h);
    unsigned end_w = amdc_divide((ow + 1) * size_w + out_w - 1, multiplier_w, shift_w);
    X_TYPE value = 0;
    for (unsigned d = amdc_divide(od * size_d, multiplier_d, shift_d); d < end_d; ++d)
        for (unsigned h = amdc_divide(oh * size_h, multiplier_h, shift_h); h < end_h; ++h)
            for (unsigned w = amdc_divide(ow * size_w, multiplier_w, shift_w); w < end_w; ++w) {
                unsigned cell = (d * size_h + h) * size_w + w;
                X_TYPE next = X_LOAD(first + cell);
                bool wins = best == ~0u || next > value || next != next;
                value = wins ? next : value;
                best = wins ? cell : best;
            }
    OUT_STORE(index, value);
    amdc_store_u64(amdc_make(places, places_bytes), 8u * index, best);
}
