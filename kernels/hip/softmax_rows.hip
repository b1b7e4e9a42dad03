// softmax_rows: out[r, k] = exp(x[r, k] - m) / sum of exp(x[r, :] - m), m the row's maximum; rows contiguous.
//
//   OUT  what out holds; INPUT, TYPE, ROW_LANES, VECTOR, HELD, LOOP: see rows.h
//   LOG 1: x - m - log(sum) instead
// Work-group AMDC_BLOCK; DPP within a wave, LDS between waves. A row that fits is kept in registers: one read, one write. A longer one
// is read twice: maximum and sum in one pass (Milakov and Gimelshein 2018, "Online normalizer calculation for softmax").
// A maximum ignores NaN, which the sum then carries into every element, as in PyTorch.
// Predicted on an RX 580 (simulated), without the launch: 64 rows of 50,257 126 us by 1,024 lanes that keep 50 elements each (DRAM's time
//           116.9), 176 read twice; 36 rows 65 | 101, 8 rows 33 | 49, one row 26 | 40. 51 elements are the most that 64 VGPRs leave room for.
#include "amdc.h"
#include "amdc_types.h"
#include "amdc_wide.h"
#include "amdc_math.h"
#ifndef LOG
#define LOG 0
#define INPUT float
#define TYPE float
#define OUT float
#define ROW_LANES 64
#define VECTOR 4
#define HELD 4
#define LOOP 0
#endif
#include "rows.h"
struct Highest {
    static constexpr float identity = -__builtin_inff();
    template <class V> AMDC_MEMBER V of(V a, V b) { return b > a ? b : a; }
};

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned rows, unsigned length AMDC_ROW_PARAMS AMDC_EPILOGUE_PARAMS) {
    AMDC_SHARED static Real scratch[ROW_SCRATCH];
    unsigned row = amdc_row(), base = row * length;
    if (row >= rows) return;
    amdc_buffer source = amdc_make(x, x_bytes), target = amdc_make(out, out_bytes);
    const Real nothing = -__builtin_inff();
    Real held[HELD][VECTOR];
    // Whether vector j of a chunk, whose first element is k, lies in the row: of a row that is kept whole, only the last may not.
    auto inside = [&](unsigned j, unsigned k) AMDC_INLINE { return (!LOOP && j + 1 < HELD) || k < length; };
    auto load = [&](unsigned first) AMDC_INLINE {
        amdc_wide<INPUT, VECTOR> raw[HELD];
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            unsigned k = amdc_row_element(first, j);
            unsigned offset = ROW_KEPT ? amdc_row_element(0, 0) : base + k;
            amdc_buffer part = ROW_KEPT ? amdc_row_part(x, x_bytes, amdc_size<INPUT>, base, j) : source;
            raw[j].load(part, inside(j, k) ? offset * amdc_size<INPUT> : AMDC_OUTSIDE);
        }
        __builtin_amdgcn_sched_barrier(0); // all loads are issued before the first is waited for
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j)
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) {
                unsigned k = amdc_row_element(first, j) + i;
                Real value = AMDC_ROW(raw[j].get(i), k, base + k);
                held[j][i] = inside(j, k) ? value : nothing;
            }
    };
    auto highest_held = [&](Real highest) AMDC_INLINE {
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j)
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) highest = Highest::of(highest, held[j][i]);
        return highest;
    };
    auto finite = [&](Real highest) AMDC_INLINE { return highest == nothing ? (Real)0 : highest; };
    // Distances to `from` or, unless LOG, their exponentials, into `held`; returns the sum of the exponentials.
    auto exponentials = [&](Real from) AMDC_INLINE {
        Real sum = 0;
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j)
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) {
                Real distance = held[j][i] - from, power = amdc_exp(distance);
                held[j][i] = LOG ? distance : power;
                sum += power;
            }
        return sum;
    };
    auto store = [&](unsigned first, Real scale, Real shift) AMDC_INLINE {
#pragma unroll
        for (unsigned j = 0; j < HELD; ++j) {
            unsigned k = amdc_row_element(first, j);
            amdc_value<OUT> values[VECTOR];
#pragma unroll
            for (unsigned i = 0; i < VECTOR; ++i) {
                Real value = LOG ? held[j][i] - shift : held[j][i] * scale;
                values[i] = AMDC_EPILOGUE(value, k + i, base + k + i);
            }
            unsigned offset = ROW_KEPT ? amdc_row_element(0, 0) : base + k;
            amdc_buffer part = ROW_KEPT ? amdc_row_part(out, out_bytes, amdc_size<OUT>, base, j) : target;
            amdc_wide<OUT, VECTOR>::store(part, inside(j, k) ? offset * amdc_size<OUT> : AMDC_OUTSIDE, values);
        }
    };
#if LOOP
    Real highest = nothing, sum = 0;
#pragma unroll 1
    for (unsigned first = 0; first < length; first += ROW_CHUNK) {
        load(first);
        Real next = highest_held(highest);
        sum = sum * amdc_exp(highest - finite(next)) + exponentials(finite(next));
        highest = next;
    }
    Real whole = amdc_row_reduce<Highest>(highest, scratch);
    sum = amdc_row_reduce<amdc_sum>(sum * amdc_exp(highest - finite(whole)), scratch);
    Real scale = 1 / sum, shift = amdc_log(sum);
#pragma unroll 1
    for (unsigned first = 0; first < length; first += ROW_CHUNK) {
        load(first);
        exponentials(whole);
        store(first, scale, shift);
    }
#else
    load(0);
    Real highest = amdc_row_reduce<Highest>(highest_held(nothing), scratch);
    Real sum = amdc_row_reduce<amdc_sum>(exponentials(finite(highest)), scratch);
    store(0, 1 / sum, amdc_log(sum));
#endif
}
