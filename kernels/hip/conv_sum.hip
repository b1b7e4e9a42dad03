// conv_sum.hip: adds the parts of a convolution whose input channels were split among launches' work-groups; bias and fused epilogue.
//
// Shapes   parts [P][count] fp32, count the elements of the output [batch][channels][plane], dense.
// Fused    AMDC_EPILOGUE(value, output channel, element). BIAS 1: bias[channel].
// Types    TYPE_Y, TYPE_BIAS: any; the parts are added in their order, so that results repeat bit by bit.
// Launch   256 lanes, an element each; grid (ceil(count / 256), 1, 1). Limits: P * count below 2^28.
// Versions Four elements a lane would leave most CUs without work where splitting pays (100,000 elements), and a dword a lane streams
//          at DRAM speed.
#include "amdc.h"
#include "amdc_types.h"
#ifndef BIAS
#define BIAS 0
#define TYPE_Y float
#define TYPE_BIAS float
#endif
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, void *y, unsigned y_bytes, unsigned count, unsigned parts, unsigned channels,
                             unsigned plane_multiplier, unsigned plane_shift, unsigned channels_multiplier, unsigned channels_shift
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
                             AMDC_EPILOGUE_PARAMS) {
    unsigned element = amdc_group_x() * 256 + amdc_thread();
    if (element >= count) return;
    unsigned plane = amdc_divide(element, plane_multiplier, plane_shift);
    unsigned channel = plane - amdc_divide(plane, channels_multiplier, channels_shift) * channels;
    amdc_buffer from = amdc_make(x, x_bytes);
    float value = 0;
#pragma unroll 4
    for (unsigned part = 0; part < parts; ++part) value += amdc_load_f32(from, 4 * (part * count + element));
#if BIAS
    value += amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), channel);
#endif
    amdc_write<TYPE_Y>(amdc_make(y, y_bytes), element, AMDC_EPILOGUE(value, channel, element));
}
