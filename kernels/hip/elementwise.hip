// elementwise: out[i] = f(inputs at i), for any point-wise f and any strided or broadcast inputs, of rank up to 6 after collapsing.
//
// The body is generated (codegen/elementwise.py): AMDC_ELEMENT(index, ...) loads, computes and stores VECTOR elements, and
// AMDC_ELEMENT_PARAMS are its pointers, byte counts, extents and strides. The default below is a copy of floats.
//   out: any dtype, dense or strided; inputs: any dtypes and strides; `count` = elements / VECTOR, below 2^31
//   VECTOR: 16 bytes of the widest operand, that is 2 to 16 elements, where every innermost stride is 0 or 1 and addresses and the
//   innermost extent divide (codegen/elementwise.py says how); a dense map's last vector may reach behind the tensors. 1: anything
//   else; index arithmetic is magic division by run-time extents, so one code object serves all shapes
// Work-group 256, AMDC_EACH vectors a lane, no LDS. One, but 4 where single elements are many: the card starts a wave every 4 clocks, which
// for 256 bytes is slower than DRAM (padding 32x64x56x56: predicted 327 us, and 241 with 4). Why 16 bytes a lane: a store costs 16 clocks a wave whatever its width (CLRX), and
// streams are best at 4 to 16 bytes a lane (clpeak). Why no grid-stride loop: it saves nothing here and needs the group count.
#include "amdc.h"
#ifndef AMDC_ELEMENT
#define AMDC_ELEMENT_PARAMS , const void *a0, unsigned a0_bytes, void *out, unsigned out_bytes
#define AMDC_ELEMENT(index) amdc_store_f32(amdc_make(out, out_bytes), 4u * index, amdc_load_f32(amdc_make(a0, a0_bytes), 4u * index))
#endif
#ifndef AMDC_EACH
#define AMDC_EACH 1
#endif

AMDC_KERNEL void AMDC_SYMBOL(unsigned count AMDC_ELEMENT_PARAMS) {
    unsigned index = amdc_group_x() * (AMDC_EACH * AMDC_BLOCK) + amdc_thread();
#pragma unroll
    for (int i = 0; i < AMDC_EACH; ++i, index += AMDC_BLOCK)
        if (index < count) {
            AMDC_ELEMENT(index);
        }
}
