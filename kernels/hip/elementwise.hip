// elementwise: out[i] = f(inputs at i), for any point-wise f and any strided or broadcast inputs, of rank up to 6 after collapsing.
//
// The body is generated (codegen/elementwise.py): AMDC_ELEMENT(index, ...) loads, computes and stores VECTOR elements, and
// AMDC_ELEMENT_PARAMS are its pointers, byte counts, extents and strides. The default below is a copy of floats.
//   out: any dtype, dense or strided; inputs: any dtypes and strides; `count` = elements / VECTOR, below 2^31
//   VECTOR: 16 bytes of the widest operand, that is 2 to 16 elements, where every innermost stride is 0 or 1 and addresses and the
//   innermost extent divide (codegen/elementwise.py says how); a dense map's last vector may reach behind the tensors. 1: anything
//   else; index arithmetic is magic division by run-time extents, so one code object serves all shapes
// Work-group 256, one vector a lane, no LDS. Why 16 bytes a lane: a store costs 16 clocks a wave whatever its width (CLRX), and
// streams are best at 4 to 16 bytes a lane (clpeak). Why no grid-stride loop: it saves nothing here and needs the group count.
#include "amdc.h"
#ifndef AMDC_ELEMENT
#define AMDC_ELEMENT_PARAMS , const void *a0, unsigned a0_bytes, void *out, unsigned out_bytes
#define AMDC_ELEMENT(index) amdc_store_f32(amdc_make(out, out_bytes), 4u * index, amdc_load_f32(amdc_make(a0, a0_bytes), 4u * index))
#endif

AMDC_KERNEL void AMDC_SYMBOL(unsigned count AMDC_ELEMENT_PARAMS) {
    unsigned index = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (index < count) {
        AMDC_ELEMENT(index);
    }
}
