// reduce_columns: out[o, i] = OP over k of x[o, k, i], k = 0 .. length-1; any of the dtypes below; also rows (inner 1) of integers.
//
//   OP   OP_SUM OP_MEAN OP_MAX OP_MIN OP_PROD OP_VAR OP_ARGMAX OP_ARGMIN OP_ANY OP_ALL
//   TYPE float, int, long or bool: what x holds; the result has RESULT (long for ARG*: the first place of the extreme value)
// Work-group 256, one column a lane, no LDS: neighbouring lanes read neighbouring addresses where inner > 1.
#include "amdc.h"
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
#define RESULT float
#endif
// Whether `next` replaces `best` as the extreme; a NaN replaces all but a NaN.
AMDC_DEVICE bool amdc_wins(TYPE next, TYPE best) {
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
    TYPE value;
    amdc_get(source, start, &value);
    unsigned place = 0;
    RESULT result = (RESULT)value;
    for (unsigned k = 1; k < length; ++k) {
        TYPE next;
        amdc_get(source, start + k * inner, &next);
#if OP == OP_SUM || OP == OP_MEAN || OP == OP_VAR
        result += (RESULT)next;
#elif OP == OP_PROD
        result *= (RESULT)next;
#elif OP == OP_ANY
        result = result | (RESULT)next;
#elif OP == OP_ALL
        result = result & (RESULT)next;
#else
        bool wins = amdc_wins(next, value);
        value = wins ? next : value;
        place = wins ? k : place;
#endif
    }
#if OP == OP_MEAN
    result /= (RESULT)length;
#elif OP == OP_MAX || OP == OP_MIN
    result = (RESULT)value;
#elif OP == OP_ARGMAX || OP == OP_ARGMIN
    result = (RESULT)place;
#elif OP == OP_VAR
    RESULT mean = result / (RESULT)length, squares = 0;
    for (unsigned k = 0; k < length; ++k) {
        TYPE next;
        amdc_get(source, start + k * inner, &next);
        squares += (next - mean) * (next - mean);
    }
    result = squares / (RESULT)((int)length - (int)correction);
#endif
    amdc_put(amdc_make(out, out_bytes), column, result);
}
