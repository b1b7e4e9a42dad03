// concat: out[o, start_j + k] = input_j[o, k] for every input j: up to 16 tensors joined along one dimension in one launch.
//
// Sizes are in dwords, so any dtype whose rows are whole dwords serves. `row` is the output's extent from the joined dimension on;
// input j has `size` (its own such extent) and starts at `start` in each output row; its work-groups are `first` and those behind, so that none is idle.
//   COUNT inputs; WORDS dwords a lane: 4 where all sizes divide by 4, else 1
// Work-group 256, no LDS. Why one input a group: the buffer resource stays in scalar registers; lanes that chose among inputs would
// run every choice one after another.
#include "amdc.h"
struct amdc_part {
    const void *pointer;
    unsigned bytes, size, multiplier, shift, start, first;
};
#ifndef AMDC_PICK
#define COUNT 1
#define WORDS 1
#define AMDC_PART_PARAMS , const void *p0, unsigned p0_bytes, unsigned p0_size, unsigned p0_multiplier, unsigned p0_shift, unsigned p0_start, unsigned p0_first
#define AMDC_PICK(part) part = amdc_part{p0, p0_bytes, p0_size, p0_multiplier, p0_shift, p0_start, p0_first}
#endif

AMDC_KERNEL void AMDC_SYMBOL(void *out, unsigned out_bytes, unsigned row AMDC_PART_PARAMS) {
    amdc_part part;
    AMDC_PICK(part);
    unsigned word = ((amdc_group_x() - part.first) * AMDC_BLOCK + amdc_thread()) * WORDS;
    if (word * 4u < part.bytes) {
        unsigned outer = amdc_divide(word, part.multiplier, part.shift);
        unsigned place = outer * row + part.start + (word - outer * part.size);
#if WORDS == 4
        amdc_store_u32x4(amdc_make(out, out_bytes), place * 4u, amdc_load_u32x4(amdc_make(part.pointer, part.bytes), word * 4u));
#else
        amdc_store_u32(amdc_make(out, out_bytes), place * 4u, amdc_load_u32(amdc_make(part.pointer, part.bytes), word * 4u));
#endif
    }
}
