// reduce_columns: out[o, i] = OP over k of x[o, k, i], k = 0 .. length-1; any dtype; also rows (inner 1) of integers.
//
//   OP   OP_SUM OP_MEAN OP_MAX OP_MIN OP_PROD OP_VAR OP_ARGMAX OP_ARGMIN OP_ANY OP_ALL
//   TYPE, OUT  any (amdc_types.h): what x and out hold (ARG*: long, the first place of the extreme value; ANY, ALL: 0 or 1). Sums and
//        products are made in the type that computes OUT.
// Work-group 256, one column a lane, no LDS: neighbouring lanes read neighbouring addresses where inner > 1.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_math.h"
#define OP_SUM 0
#define OP_MEAN 1
#define OP_MAX 2
#define OP_MIN 3
#define OP_PROD 4
#define OP_VAR 5
#define OP_ARGMAX 6
#define OP_ARGMIN 7
#define OP_ANY 8
#define OP_ALL 9
#ifndef OP
#define OP OP_MEAN
#define TYPE float
#define OUT float
#endif
typedef amdc_value<TYPE> Value;
typedef amdc_value<OUT> Result;
// Whether `next` replaces `best` as the extreme; a NaN replaces all but a NaN.
AMDC_DEVICE bool amdc_wins(Value next, Value best) {
    bool nan = next != next && best == best;
#if OP == OP_MAX || OP == OP_ARGMAX
    return next > best || nan;
#else
    return next < best || nan;
#endif
}

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned columns, unsigned length, unsigned inner, unsigned multiplier,
    unsigned shift, unsigned correction) {
    unsigned column = amdc_group_x() * AMDC_BLOCK + amdc_thread();
    if (column >= columns) return;
    unsigned outer = amdc_divide(column, multiplier, shift);
    unsigned start = outer * length * inner + (column - outer * inner);
    amdc_buffer source = amdc_make(x, x_bytes);
    Value value = amdc_read<TYPE>(source, start);
    unsigned place = 0;
#if OP == OP_ANY || OP == OP_ALL
    Result result = (Result)(value != 0);
#else
    Result result = (Result)value;
#endif
    for (unsigned k = 1; k < length; ++k) {
        Value next = amdc_read<TYPE>(source, start + k * inner);
#if OP == OP_SUM || OP == OP_MEAN || OP == OP_VAR
        result += (Result)next;
#elif OP == OP_PROD
        result *= (Result)next;
#elif OP == OP_ANY
        result = result | (Result)(next != 0);
#elif OP == OP_ALL
        result = result & (Result)(next != 0);
#else
        bool wins = amdc_wins(next, value);
        value = wins ? next : value;
        place = wins ? k : place;
#endif
    }
#if OP == OP_MEAN
    result /= (Result)length;
#elif OP == OP_MAX || OP == OP_MIN
    result = (Result)value;
#elif OP == OP_ARGMAX || OP == OP_ARGMIN
    result = (Result)place;
#elif OP == OP_VAR
    Result mean = result / (Result)length, squares = 0;
    for (unsigned k = 0; k < length; ++k) {
        Result distance = (Result)amdc_read<TYPE>(source, start + k * inner) - mean;
        squares += distance * distance;
    }
    result = squares / (Result)((int)length - (int)correction);
#endif
    amdc_write<OUT>(amdc_make(out, out_bytes), column, result);
}
