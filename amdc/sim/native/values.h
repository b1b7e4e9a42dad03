// values.h: raw register bits as typed values, and back.
#ifndef AMDC_VALUES_H
#define AMDC_VALUES_H
#include "wave.h"

INLINE f32 as_f32(u32 bits) {
    f32 value;
    __builtin_memcpy(&value, &bits, 4);
    return value;
}
INLINE u32 raw_f32(f32 value) {
    u32 bits;
    __builtin_memcpy(&bits, &value, 4);
    return bits;
}
INLINE f64 as_f64(u64 bits) {
    f64 value;
    __builtin_memcpy(&value, &bits, 8);
    return value;
}
INLINE u64 raw_f64(f64 value) {
    u64 bits;
    __builtin_memcpy(&bits, &value, 8);
    return bits;
}
#endif
