// mad_chain.hip: multiply-adds that depend on one another, and nothing else: what the vector ALUs can do.
//
// Computes WIDTH independent chains a lane of x = x * y + y; y = y * x + x; ... , ROUNDS multiply-adds in all over the WIDTH chains, from
//          x = seed + i and y = the lane's number; stores the sum of the chains' ends. This is what clpeak's compute tests do.
// Types    TYPE float (v_mad_f32, 4 clocks a wave), double (v_fma_f64, 64), int (v_mul_lo_u32 16 and v_add_u32 4).
// Launch   AMDC_BLOCK = 256 lanes; grid (groups): one element of `out` a lane. clpeak: 2,048 groups a compute unit, ROUNDS 2048.
// Limits   out below 4 GiB. ROUNDS a multiple of UNROLL * WIDTH.
// Versions one only. clpeak unrolls its integer test whole; this loop of 64 multiply-adds costs 3 scalar instructions more a turn, which
//          other waves hide.
#include "amdc.h"
#ifndef TYPE
#define TYPE float
#define WIDTH 1
#define ROUNDS 2048
#endif
#define UNROLL 64

template <class T> AMDC_DEVICE T multiply_add(T a, T b) { return a * b + b; }
// Held apart: clang 19 would make b * (a + 1) of integers and gather terms over several steps, 3 multiplications for 2.
AMDC_DEVICE int multiply_add(int a, int b) {
    int product = a * b;
    asm("" : "+v"(product));
    return product + b;
}

AMDC_KERNEL void AMDC_SYMBOL(TYPE *out, TYPE seed) {
    TYPE x[WIDTH], y[WIDTH], sum = 0;
#pragma unroll
    for (int i = 0; i < WIDTH; ++i) {
        x[i] = seed + i;
        y[i] = (TYPE)amdc_thread();
    }
#pragma clang loop unroll(disable)
    for (int round = 0; round < ROUNDS / WIDTH; round += UNROLL) {
#pragma unroll
        for (int step = 0; step < UNROLL / 2; ++step) {
#pragma unroll
            for (int i = 0; i < WIDTH; ++i) x[i] = multiply_add(x[i], y[i]);
#pragma unroll
            for (int i = 0; i < WIDTH; ++i) y[i] = multiply_add(y[i], x[i]);
        }
    }
#pragma unroll
    for (int i = 0; i < WIDTH; ++i) sum += y[i];
    out[amdc_group_x() * AMDC_BLOCK + amdc_thread()] = sum;
}
