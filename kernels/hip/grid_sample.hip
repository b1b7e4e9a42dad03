// grid_sample: x [N,C,(D,)H,W] read at computed positions, grid [N,(d,)h,w,RANK] with the innermost dimension's coordinate first,
// -1 .. 1 over the extent; out [N,C,(d,)h,w]. As torch.nn.functional.grid_sample (Jaderberg et al. 2015, section 3.3).
//
//   RANK 2 or 3    MODE 0 linear, 1 nearest (half to even), 2 cubic (RANK 2; Keys 1981 with a = -0.75)
//   PADDING 0 zeros outside, 1 the border's values, 2 reflection    ALIGN 1: -1 and 1 are the centres of the corner elements, 0: their edges
//   X_LOAD, GRID_LOAD, OUT_TYPE, OUT_STORE   generated for the dtypes (codegen/typed.py); computed in OUT_TYPE
// Work-group 256, one position a lane; grid (ceil(positions / 256), ceil(C / CHANNELS), N). Offsets and weights are made once for CHANNELS
// channels, so that their cost is shared; more channels a lane would leave small grids with few waves. No LDS.
// Static: clang 19, 13 VGPRs for two-dimensional linear sampling, 45 for cubic (16 taps), 5 waves a SIMD then; no spills.
#include "amdc.h"
#include "amdc_math.h"
#ifndef RANK
#define RANK 2
#define MODE 0
#define PADDING 0
#define ALIGN 0
#define CHANNELS 8
#define X_LOAD(index) amdc_load_f32(amdc_make(x, x_bytes), 4u * (index))
#define GRID_LOAD(index) amdc_load_f32(amdc_make(grid, grid_bytes), 4u * (index))
#define OUT_TYPE float
#define OUT_STORE(index, value) amdc_store_f32(amdc_make(out, out_bytes), 4u * (index), value)
#endif
typedef OUT_TYPE V;
#define WIDE (MODE == 0 ? 2 : MODE == 1 ? 1 : 4) // elements along each dimension
#define TAPS (RANK == 3 ? WIDE * WIDE * WIDE : WIDE * WIDE)

AMDC_DEVICE V amdc_reflect(V at, V low, V span) {
    if (!(span > 0)) return 0;
    V away = at - low < 0 ? low - at : at - low, turns = amdc_floor(away / span), rest = away - turns * span;
    bool odd = turns - (V)2 * amdc_floor(turns * (V)0.5) != 0;
    return odd ? span - rest + low : rest + low;
}
// Brings a coordinate in elements back to where there is data, as PADDING says.
AMDC_DEVICE V amdc_bring_in(V at, V size) {
#if PADDING == 2
    at = ALIGN ? amdc_reflect(at, (V)0, size - 1) : amdc_reflect(at, (V)-0.5, size);
#endif
#if PADDING
    at = at > 0 ? at : (V)0; // NaN too
    at = at < size - 1 ? at : size - 1;
#endif
    return at;
}
AMDC_DEVICE V amdc_cubic(V distance) { // the weight of an element at this distance, 0 to 2
    const V a = (V)-0.75;
    return distance <= 1 ? ((a + 2) * distance - (a + 3)) * distance * distance + 1
                         : ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a;
}

// Along one dimension: the elements to read, WIDE of them (>= size: outside), and their weights.
AMDC_DEVICE void amdc_axis(V given, unsigned size, unsigned *at, V *weight) {
    V extent = (V)size;
    V position = ALIGN ? (given + 1) * (V)0.5 * (extent - 1) : ((given + 1) * extent - 1) * (V)0.5;
    if (MODE != 2) position = amdc_bring_in(position, extent);
    position = position > (V)-1e8 && position < (V)1e8 ? position : (V)-100; // outside, and safe to convert
#if MODE == 1
    at[0] = (unsigned)(int)amdc_round(position);
    weight[0] = 1;
#elif MODE == 0
    V low = amdc_floor(position);
    at[0] = (unsigned)(int)low, at[1] = at[0] + 1;
    weight[1] = position - low, weight[0] = 1 - weight[1];
#else
    V low = amdc_floor(position), share = position - low;
    for (int k = 0; k < 4; ++k) {
        at[k] = (unsigned)(int)amdc_bring_in(low + (V)(k - 1), extent);
        weight[k] = amdc_cubic(amdc_abs(share - (V)(k - 1)));
    }
#endif
}

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, const void *grid, unsigned grid_bytes, unsigned positions, unsigned channels,
    unsigned depth, unsigned height, unsigned width) {
    unsigned position = amdc_group_x() * AMDC_BLOCK + amdc_thread(), first = amdc_group_y() * CHANNELS, image = amdc_group_z();
    if (position >= positions) return;
    unsigned at[3][4], plane = depth * height * width, from = (image * positions + position) * RANK;
    V weight[3][4];
    amdc_axis((V)GRID_LOAD(from), width, at[0], weight[0]);
    amdc_axis((V)GRID_LOAD(from + 1), height, at[1], weight[1]);
#if RANK == 3
    amdc_axis((V)GRID_LOAD(from + 2), depth, at[2], weight[2]);
#endif
    unsigned offset[TAPS];
    V share[TAPS];
#pragma unroll
    for (int tap = 0; tap < TAPS; ++tap) {
        int i = tap % WIDE, j = tap / WIDE % WIDE, k = RANK == 3 ? tap / (WIDE * WIDE) : 0;
        bool inside = at[0][i] < width && at[1][j] < height;
        unsigned cell = at[1][j] * width + at[0][i];
        share[tap] = weight[0][i] * weight[1][j];
#if RANK == 3
        inside = inside && at[2][k] < depth;
        cell += at[2][k] * height * width;
        share[tap] *= weight[2][k];
#endif
        offset[tap] = inside ? cell : 0;
        share[tap] = inside ? share[tap] : 0;
    }
    for (unsigned c = first; c < channels && c < first + CHANNELS; ++c) {
        V sum = 0;
#pragma unroll
        for (int tap = 0; tap < TAPS; ++tap) {
            V value = (V)X_LOAD((image * channels + c) * plane + offset[tap]);
            sum += share[tap] != 0 ? share[tap] * value : 0; // an infinity outside does not count
        }
        OUT_STORE((image * channels + c) * positions + position, sum);
    }
}
