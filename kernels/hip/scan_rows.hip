// scan_rows: what scan.hip computes (sums, products, logarithms of sums), one work-group a column, for long dimensions and few columns.
//
//   OP, EXCLUSIVE, REVERSE, X_LOAD, OUT_TYPE, OUT_STORE   as in scan.hip
// Work-group 256; each turn scans 256 neighbours in LDS in 8 doubling steps (Hillis and Steele 1986) and adds the total so far. Sums are
// thus taken in a tree within a turn: always the same one, so the result is the same in every run. LDS: 512 elements, at most 4 KiB.
// Static: clang 19, 11 VGPRs, no spills.
#include "amdc.h"
#include "amdc_math.h"
#include "scan.h"

AMDC_KERNEL void AMDC_SYMBOL(
    void *out, unsigned out_bytes, const void *x, unsigned x_bytes, unsigned length, unsigned inner, unsigned multiplier, unsigned shift) {
    AMDC_SHARED OUT_TYPE totals[2][AMDC_BLOCK];
    unsigned column = amdc_group_x(), lane = amdc_thread(), outer = amdc_divide(column, multiplier, shift);
    unsigned start = outer * length * inner + (column - outer * inner);
    OUT_TYPE before = IDENTITY;
    for (unsigned base = 0; base < length; base += AMDC_BLOCK) {
        unsigned k = base + lane, from = 0, at = start + (REVERSE ? length - 1 - k : k) * inner;
        totals[0][lane] = k < length ? (OUT_TYPE)X_LOAD(at) : IDENTITY;
        amdc_barrier();
        for (unsigned step = 1; step < AMDC_BLOCK; step *= 2, from ^= 1) {
            OUT_TYPE own = totals[from][lane];
            totals[from ^ 1][lane] = lane >= step ? amdc_combine(totals[from][lane - step], own) : own;
            amdc_barrier();
        }
        OUT_TYPE own = EXCLUSIVE ? lane ? totals[from][lane - 1] : IDENTITY : totals[from][lane];
        if (k < length) OUT_STORE(at, amdc_combine(before, own));
        before = amdc_combine(before, totals[from][AMDC_BLOCK - 1]);
        amdc_barrier();
    }
}
