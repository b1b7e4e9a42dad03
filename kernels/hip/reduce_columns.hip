// reduce_columns: out[o, i] = OP over k of x[o, k, i], k = 0 .. length-1; any dtype; also rows (inner 1) of integers, and positions.
//
//   OP   OP_SUM OP_MEAN OP_MAX OP_MIN OP_PROD OP_VAR OP_ARGMAX OP_ARGMIN OP_ANY OP_ALL
//   TYPE, OUT  any (amdc_types.h): what x and out hold (ARG*: long, the first place of the extreme value; ANY, ALL: 0 or 1). Sums and
//        products are made in the type that computes OUT.
//   COLUMN_LANES, VECTOR, ALONG: see columns.h
//   SPLIT  1: where columns are few, work-group y reduces k = y * span .. into `partials`, and the one that comes last (last_part.h) merges
//        these in order; not for OP_VAR. `counters`: one a work-group of columns. COLUMN_LANES is at most 64: one wave stores and finishes.
// Work-group AMDC_BLOCK; each lane has AHEAD loads under way; teams are merged in LDS in a fixed order, so that every run gives the same.
// The variance takes a second pass, around the mean. Static: clang 19, floats by fours: 47 VGPRs.
// Predicted on an RX 580 (simulated), microseconds without the launch: the place of the largest of 50,257 floats 8.6 by 8 parts, 14.8 whole. The
// sum of 1,024 x 256 6.9 whole (DRAM's time 4.8), 7.7 by 2 parts; 7.5 when two teams merged between two barriers and arguments were
// loaded where they are used. The mean of 128 x 768 3.6; 4.4 so, and with divisions, each of which takes 85 clocks.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_wide.h"
#include "arguments.h"
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
#define COLUMN_LANES 16
#define VECTOR 4
#define ALONG 0
#define SPLIT 0
#endif
#define ARG (OP == OP_ARGMAX || OP == OP_ARGMIN)
#define AHEAD 8
#include "columns.h"
#if SPLIT
#include "last_part.h"
#endif
typedef amdc_value<TYPE> Value;
typedef amdc_value<OUT> Result;

#if ARG
struct Partial {
    Value value;
    unsigned place;
};
#elif OP == OP_MAX || OP == OP_MIN
typedef Value Partial;
#elif OP == OP_ANY || OP == OP_ALL
typedef unsigned Partial;
#else
typedef Result Partial;
#endif
// Whether `next` replaces `best` as the extreme; a NaN replaces all but a NaN.
AMDC_DEVICE bool amdc_wins(Value next, Value best) {
    bool nan = next != next && best == best;
#if OP == OP_MAX || OP == OP_ARGMAX
    return next > best || nan;
#else
    return next < best || nan;
#endif
}
AMDC_DEVICE Partial start_of(Value value, unsigned place) {
#if ARG
    return {value, place};
#elif OP == OP_ANY || OP == OP_ALL
    return (Partial)(value != 0);
#else
    return (Partial)value;
#endif
}
AMDC_DEVICE Partial merged(Partial a, Partial b) {
#if ARG
    return amdc_wins(b.value, a.value) || (!amdc_wins(a.value, b.value) && b.place < a.place) ? b : a;
#elif OP == OP_MAX || OP == OP_MIN
    return amdc_wins(b, a) ? b : a;
#elif OP == OP_PROD
    return a * b;
#elif OP == OP_ANY
    return a | b;
#elif OP == OP_ALL
    return a & b;
#else
    return a + b;
#endif
}

// Calls take(v, element, k) for each element of this lane's columns; with AHEAD loads under way.
template <class F> AMDC_DEVICE void walk(amdc_buffer source, const Column &at, unsigned columns, unsigned begin, unsigned length, unsigned inner, F take) {
    const unsigned start = at.first < columns ? at.start * amdc_size<TYPE> : AMDC_OUTSIDE, step = inner * amdc_size<TYPE>;
    for (unsigned first = begin + at.team; first < length; first += AHEAD * TEAMS) {
        amdc_wide<TYPE, VECTOR> raw[AHEAD];
#pragma unroll
        for (unsigned u = 0; u < AHEAD; ++u) {
            unsigned k = first + u * TEAMS;
            raw[u].load(source, k < length ? start + k * step : AMDC_OUTSIDE);
        }
        __builtin_amdgcn_sched_barrier(0); // all loads are issued before the first is waited for
#pragma unroll
        for (unsigned u = 0; u < AHEAD; ++u)
#pragma unroll
            for (unsigned v = 0; v < VECTOR; ++v)
                if (first + u * TEAMS < length) take(v, raw[u].get(v), first + u * TEAMS);
    }
}

#if SPLIT
#define WORDS ((sizeof(Partial) + 3) / 4)
// What a work-group found, as dwords: part by part, of each its lanes one beside the other.
AMDC_DEVICE void store_partials(amdc_buffer partials, unsigned part, const Partial (&own)[VECTOR]) {
#pragma unroll
    for (unsigned v = 0; v < VECTOR; ++v) {
        unsigned words[WORDS] = {};
        __builtin_memcpy(words, &own[v], sizeof(Partial));
#pragma unroll
        for (unsigned i = 0; i < WORDS; ++i) amdc_store_u32(partials, 4 * (((part * VECTOR + v) * WORDS + i) * 64 + amdc_lane()), words[i]);
    }
}
AMDC_DEVICE void merge_partials(amdc_buffer partials, unsigned first, unsigned parts, unsigned step, Partial (&own)[VECTOR]) {
    for (unsigned part = 0; part < parts; ++part) {
        unsigned words[VECTOR][WORDS];
#pragma unroll
        for (unsigned v = 0; v < VECTOR; ++v)
#pragma unroll
            for (unsigned i = 0; i < WORDS; ++i)
                words[v][i] = amdc_load_u32(partials, 4 * ((((first + part * step) * VECTOR + v) * WORDS + i) * 64 + amdc_lane()));
#pragma unroll
        for (unsigned v = 0; v < VECTOR; ++v) {
            Partial next;
            __builtin_memcpy(&next, words[v], sizeof(Partial));
            own[v] = part ? merged(own[v], next) : next;
        }
    }
}
#define SPLIT_PARAMS , unsigned span, unsigned groups, unsigned parts, void *partials, unsigned partials_bytes, unsigned *counters, unsigned
#else
#define SPLIT_PARAMS
#endif
// A mean, rounded once: the quotient by a reciprocal, and what then is left divided, too.
AMDC_DEVICE float divided(float sum, float count) {
    float inverse = __builtin_amdgcn_rcpf(count), quotient = sum * inverse, left = __builtin_fmaf(-quotient, count, sum);
    return left - left == 0.0f ? __builtin_fmaf(left, inverse, quotient) : quotient; // an infinite sum leaves NaN
}
template <class R> AMDC_DEVICE R divided(R sum, R count) { return sum / count; }

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned columns, unsigned length, unsigned inner, unsigned multiplier,
    unsigned shift, unsigned correction SPLIT_PARAMS) {
    amdc_fetch_arguments<decltype(AMDC_SYMBOL)>();
    AMDC_SHARED static Partial shared[TEAMS == 1 ? 1 : AMDC_BLOCK * VECTOR];
    Column at = Column::of(length, inner, multiplier, shift);
    amdc_buffer source = amdc_make(x, x_bytes);
#if SPLIT
    const unsigned begin = amdc_group_y() * span, end = begin + span < length ? begin + span : length;
#else
    const unsigned begin = 0, end = length;
#endif
    Partial partial[VECTOR];
#pragma unroll
    for (unsigned v = 0; v < VECTOR; ++v) partial[v] = start_of((Value)0, 0); // the first element replaces it
    walk(source, at, columns, begin, end, inner, [&](unsigned v, Value value, unsigned k) AMDC_INLINE {
        Partial next = start_of(value, k);
        partial[v] = k == begin + at.team ? next : merged(partial[v], next);
    });
#if OP == OP_VAR
    merge_teams(partial, shared, at, merged);
    Result mean[VECTOR];
#pragma unroll
    for (unsigned v = 0; v < VECTOR; ++v) mean[v] = divided(partial[v], (Result)length), partial[v] = 0;
    walk(source, at, columns, begin, end, inner, [&](unsigned v, Value value, unsigned) AMDC_INLINE {
        Result distance = (Result)value - mean[v];
        partial[v] += distance * distance;
    });
#endif
    merge_into_first<TEAMS>(partial, shared, at, merged);
#if SPLIT
    static_assert(COLUMN_LANES <= 64, "one wave finishes");
    if (amdc_wave() != 0) return;
    amdc_buffer found = amdc_make(partials, partials_bytes);
    store_partials(found, amdc_group_y() * groups + amdc_group_x(), partial);
    if (!last_part(counters + amdc_group_x(), parts)) return;
    merge_partials(found, amdc_group_x(), parts, groups, partial);
#endif
    if (at.team != 0 || at.first >= columns) return;
    Result results[VECTOR];
#pragma unroll
    for (unsigned v = 0; v < VECTOR; ++v) {
#if ARG
        results[v] = (Result)partial[v].place;
#elif OP == OP_MEAN
        results[v] = divided(partial[v], (Result)length);
#elif OP == OP_VAR
        results[v] = partial[v] / (Result)((int)length - (int)correction);
#else
        results[v] = (Result)partial[v];
#endif
    }
    amdc_wide<OUT, VECTOR>::store(amdc_make(out, out_bytes), at.first * amdc_size<OUT>, results);
}
