// softmax_columns: softmax over k of x[o, k, i], k = 0 .. length-1: over a dimension that is not the innermost.
//
//   TYPE, OUT  floats of any width (amdc_types.h): what x and out hold; narrow ones are computed in fp32, double in double
//   LOG 1: the logarithm of it
//   COLUMN_LANES, VECTOR, ALONG: see columns.h
//   HELD  elements of a column that a lane keeps in registers; LOOP 0: a column fits into TEAMS * HELD elements, so it is read once;
//         1: it is read twice, maximum and sum in one pass (Milakov and Gimelshein 2018)
// Work-group AMDC_BLOCK. A maximum ignores NaN, which the sum then carries into every element, as in PyTorch.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_wide.h"
#include "amdc_math.h"
#ifndef LOG
#define LOG 0
#define TYPE float
#define OUT float
#define COLUMN_LANES 64
#define VECTOR 4
#define HELD 8
#define LOOP 0
#define ALONG 0
#endif
#include "columns.h"
typedef amdc_value<TYPE> Real;

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned columns, unsigned length, unsigned inner, unsigned multiplier,
    unsigned shift) {
    AMDC_SHARED static Real shared[TEAMS == 1 ? 1 : AMDC_BLOCK * VECTOR];
    Column at = Column::of(length, inner, multiplier, shift);
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    const Real nothing = -__builtin_inff();
    Real held[HELD][VECTOR], highest[VECTOR], sum[VECTOR];
    auto place = [&](unsigned k, unsigned size) AMDC_INLINE {
        return k < length && at.first < columns ? (at.start + k * inner) * size : AMDC_OUTSIDE;
    };
    auto load = [&](unsigned first) AMDC_INLINE {
        amdc_wide<TYPE, VECTOR> raw[HELD];
#pragma unroll
        for (unsigned u = 0; u < HELD; ++u) raw[u].load(source, place(first + u * TEAMS, amdc_size<TYPE>));
        __builtin_amdgcn_sched_barrier(0); // all loads are issued before the first is waited for
#pragma unroll
        for (unsigned u = 0; u < HELD; ++u)
#pragma unroll
            for (unsigned v = 0; v < VECTOR; ++v) held[u][v] = first + u * TEAMS < length ? raw[u].get(v) : nothing;
    };
    auto higher = [](Real a, Real b) AMDC_INLINE { return b > a ? b : a; };
    auto add = [](Real a, Real b) AMDC_INLINE { return a + b; };
    auto finite = [&](Real value) AMDC_INLINE { return value == nothing ? (Real)0 : value; };
    // Takes what is held into the maxima.
    auto raise = [&] AMDC_INLINE {
#pragma unroll
        for (unsigned u = 0; u < HELD; ++u)
#pragma unroll
            for (unsigned v = 0; v < VECTOR; ++v) highest[v] = higher(highest[v], held[u][v]);
    };
    // Distances to the maxima or, unless LOG, their exponentials, into `held`; adds the exponentials to the sums.
    auto exponentials = [&] AMDC_INLINE {
#pragma unroll
        for (unsigned u = 0; u < HELD; ++u)
#pragma unroll
            for (unsigned v = 0; v < VECTOR; ++v) {
                Real distance = held[u][v] - finite(highest[v]), power = amdc_exp(distance);
                held[u][v] = LOG ? distance : power;
                sum[v] += power;
            }
    };
    auto store = [&](unsigned first) AMDC_INLINE {
#pragma unroll
        for (unsigned u = 0; u < HELD; ++u) {
            amdc_value<OUT> values[VECTOR];
#pragma unroll
            for (unsigned v = 0; v < VECTOR; ++v) values[v] = LOG ? held[u][v] - amdc_log(sum[v]) : held[u][v] * (1 / sum[v]);
            amdc_wide<OUT, VECTOR>::store(target, place(first + u * TEAMS, amdc_size<OUT>), values);
        }
    };
#pragma unroll
    for (unsigned v = 0; v < VECTOR; ++v) highest[v] = nothing, sum[v] = 0;
#if LOOP
#pragma unroll 1
    for (unsigned first = at.team; first < length; first += HELD * TEAMS) {
        Real before[VECTOR];
        load(first);
#pragma unroll
        for (unsigned v = 0; v < VECTOR; ++v) before[v] = highest[v];
        raise();
#pragma unroll
        for (unsigned v = 0; v < VECTOR; ++v) sum[v] *= amdc_exp(before[v] - finite(highest[v]));
        exponentials();
    }
    Real own[VECTOR], total[VECTOR];
#pragma unroll
    for (unsigned v = 0; v < VECTOR; ++v) own[v] = highest[v];
    merge_teams(highest, shared, at, higher);
#pragma unroll
    for (unsigned v = 0; v < VECTOR; ++v) total[v] = sum[v] * amdc_exp(own[v] - finite(highest[v]));
    merge_teams(total, shared, at, add);
#pragma unroll 1
    for (unsigned first = at.team; first < length; first += HELD * TEAMS) {
        load(first);
        exponentials();
#pragma unroll
        for (unsigned v = 0; v < VECTOR; ++v) sum[v] = total[v];
        store(first);
    }
#else
    load(at.team);
    raise();
    merge_teams(highest, shared, at, higher);
    exponentials();
    merge_teams(sum, shared, at, add);
    store(at.team);
#endif
}
