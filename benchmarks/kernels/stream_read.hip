// stream_read.hip: reads an array once and adds it up: what the way from DRAM to the registers can do.
//
// Computes each lane adds up 16 vectors of WIDTH floats and stores the sum. This is what clpeak's global bandwidth tests do.
//          LOCAL 1: a work-group reads 16 consecutive pieces, a lane's vectors lie AMDC_BLOCK vectors apart; 0: the whole grid's lanes apart.
// Launch   AMDC_BLOCK = 256 lanes; grid (groups). `in` holds groups * 256 * 16 * WIDTH floats, `out` groups * 256.
// Limits   `in` below 4 GiB.
// Notes    WIDTH 8 and 16 become 2 and 4 loads of 16 bytes a lane, 32 and 64 bytes apart among the lanes: every cache line is asked for
//          2 or 4 times, which is what makes them slow on silicon. Loads go through a buffer resource, as amdc's kernels do.
#include "amdc.h"
#ifndef WIDTH
#define WIDTH 4
#define LOCAL 1
#endif
#define FETCHES 16
#define PART (WIDTH < 4 ? WIDTH : 4)

AMDC_DEVICE float fetch(amdc_buffer in, unsigned offset) {
    float sum = 0;
#pragma unroll
    for (int part = 0; part < WIDTH / PART; ++part) {
#if WIDTH == 1
        sum += amdc_load_f32(in, offset);
#elif WIDTH == 2
        typedef unsigned pair __attribute__((ext_vector_type(2)));
        pair value = __builtin_amdgcn_raw_buffer_load_b64(in, (int)offset, 0, 0);
        unsigned first = value.x, second = value.y; // clang 19 reads element 0 twice where the cast is of the element itself
        sum += __builtin_bit_cast(float, first) + __builtin_bit_cast(float, second);
#else
        amdc_f4 value = amdc_load_f32x4(in, offset + 16 * part);
        sum += value.x + value.y + value.z + value.w;
#endif
    }
    return sum;
}

AMDC_KERNEL void AMDC_SYMBOL(const void *in, unsigned in_bytes, float *out, unsigned groups) {
    unsigned step = 4 * WIDTH * AMDC_BLOCK * (LOCAL ? 1 : groups);
    unsigned offset = 4 * WIDTH * (amdc_group_x() * AMDC_BLOCK * (LOCAL ? FETCHES : 1) + amdc_thread());
    amdc_buffer resource = amdc_make(in, in_bytes);
    float sum = 0;
#pragma unroll
    for (int i = 0; i < FETCHES; ++i) sum += fetch(resource, offset + i * step);
    out[amdc_group_x() * AMDC_BLOCK + amdc_thread()] = sum;
}
