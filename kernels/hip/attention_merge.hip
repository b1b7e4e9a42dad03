// attention_merge.hip: combines what attention_decode.hip made of several parts of the keys.
//
// Shapes   parts [B,H,M,splits,V_WIDTH + 2], fp32: a part's result, its largest score and its sum of weights; o [B,H,M,V_WIDTH] of
//          TYPE with strides by batch, head and row. A row that saw nothing gives 0.
// Method   o = sum of result * total * 2^(maximum - largest maximum) over that of total * 2^(...); the parts in order.
// Launch   64 lanes; grid (M, H, B).
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#ifndef TYPE
#define TYPE float
#define WIDTH 64
#define V_WIDTH 64
#endif
#define VECTORS 0
#define MASK 0
#include "attention_parts.h"
#define PART (V_WIDTH + 2)

AMDC_KERNEL void AMDC_SYMBOL(const void *parts, unsigned parts_bytes, void *o, unsigned o_bytes, unsigned M, unsigned H, unsigned splits,
                             unsigned o_batch, unsigned o_head, unsigned o_row) {
    unsigned m = amdc_group_x(), head = amdc_group_y(), b = amdc_group_z(), first = ((b * H + head) * M + m) * splits * PART;
    amdc_buffer from = amdc_make(parts, parts_bytes), to = amdc_make(o, o_bytes);
    float highest = LOWEST, sum = 0.0f;
    for (unsigned s = 0; s < splits; ++s) highest = __builtin_fmaxf(highest, amdc_load_f32(from, 4 * (first + s * PART + V_WIDTH)));
    float result[(V_WIDTH + 63) / 64] = {};
#pragma unroll 4
    for (unsigned s = 0; s < splits; ++s) {
        unsigned part = first + s * PART;
        float share = weight(amdc_load_f32(from, 4 * (part + V_WIDTH)), highest) * amdc_load_f32(from, 4 * (part + V_WIDTH + 1));
        sum += share;
        for (unsigned i = 0; i < (V_WIDTH + 63) / 64; ++i) {
            unsigned e = i * 64 + amdc_thread();
            result[i] += share * amdc_load_f32(from, e < V_WIDTH ? 4 * (part + e) : BEHIND);
        }
    }
    float inverse = sum == 0.0f ? 0.0f : __builtin_amdgcn_rcpf(sum);
    for (unsigned i = 0; i < (V_WIDTH + 63) / 64; ++i) {
        unsigned e = i * 64 + amdc_thread();
        if (e < V_WIDTH) amdc_store<TYPE>(to, SIZE * (b * o_batch + head * o_head + m * o_row + e), result[i] * inverse);
    }
}
