// lrn: local response normalisation across channels: out = x / (bias + alpha / size * s)^beta, s the sum of the squares of `size`
// neighbouring channels: (size - 1) / 2 before and the rest behind. x and out [batch, channels, plane].
//
// Work-group 256, one output a lane; the window's channels are read again by each, from the caches; no LDS.
//   TYPE  a float of any width (amdc_types.h): what x and out hold; narrow ones are computed in fp32, double in double
//   SIZE channels of the window, unrolled; POWER 1: beta is 0.75 (AlexNet and its time): square roots instead of exp2 and log2
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef SIZE
#define SIZE 5
#define POWER 1
#define TYPE float
#endif
typedef amdc_value<TYPE> Real;
#define OUTSIDE 0x80000000u // beyond every buffer: they are smaller than 2 GiB

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned count, unsigned channels, unsigned multiplier_c, unsigned shift_c,
    unsigned plane, unsigned multiplier_p, unsigned shift_p, float scale, float beta, float bias) {
    unsigned index = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (index >= count) return;
    unsigned row = amdc_divide(index, multiplier_p, shift_p);
    unsigned channel = row - amdc_divide(row, multiplier_c, shift_c) * channels;
    amdc_buffer source = amdc_make(x, x_bytes);
    Real sum = 0;
#pragma unroll
    for (int step = -((SIZE - 1) / 2); step <= SIZE / 2; ++step) {
        bool inside = channel + (unsigned)step < channels;
        Real value = amdc_load<TYPE>(source, inside ? (index + (unsigned)step * plane) * amdc_size<TYPE> : OUTSIDE);
        sum += value * value;
    }
    Real base = (Real)bias + (Real)scale * sum;
#if POWER
    Real root = amdc_rsqrt(base), power = root * amdc_sqrt(root); // base^-0.5 * base^-0.25
#else
    Real power = amdc_pow(base, (Real)-beta);
#endif
    amdc_write<TYPE>(amdc_make(out, out_bytes), index, amdc_read<TYPE>(source, index) * power);
}
