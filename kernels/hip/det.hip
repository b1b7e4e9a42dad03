// det: determinants of x [batch, N, N], by elimination with partial pivoting in LDS, one wave a matrix.
//
//   N 1 to 88 (doubles: 64)     X_LOAD, OUT_TYPE, OUT_STORE   generated for the dtypes (codegen/typed.py); computed in OUT_TYPE
// Work-group 64, grid (batch): matrices whose determinants are asked for are small and many; one wave needs no barrier beyond its own
// order, and 88 x 88 floats leave two work-groups a CU. Lanes own columns; every lane looks for the pivot itself, in LDS, so that all agree.
#include "amdc.h"
#include "amdc_math.h"
#ifndef N
#define N 4
#define X_LOAD(index) amdc_load_f32(amdc_make(x, x_bytes), 4u * (index))
#define OUT_TYPE float
#define OUT_STORE(index, value) amdc_store_f32(amdc_make(out, out_bytes), 4u * (index), value)
#endif

AMDC_KERNEL void AMDC_SYMBOL(void *out, unsigned out_bytes, const void *x, unsigned x_bytes) {
    AMDC_SHARED OUT_TYPE matrix[N][N];
    unsigned lane = amdc_thread(), first = amdc_group_x() * N * N;
    for (unsigned i = lane; i < N * N; i += AMDC_BLOCK) matrix[i / N][i % N] = (OUT_TYPE)X_LOAD(first + i);
    amdc_barrier();
    OUT_TYPE result = 1;
    for (unsigned k = 0; k < N; ++k) {
        unsigned pivot = k;
        OUT_TYPE largest = matrix[k][k] < 0 ? -matrix[k][k] : matrix[k][k];
        for (unsigned i = k + 1; i < N; ++i) {
            OUT_TYPE size = matrix[i][k] < 0 ? -matrix[i][k] : matrix[i][k];
            pivot = size > largest ? i : pivot;
            largest = size > largest ? size : largest;
        }
        OUT_TYPE head = matrix[pivot][k];
        result *= pivot == k ? head : -head;
        if (head == 0) break; // singular: the same for all lanes
        for (unsigned j = k + 1 + lane; j < N; j += AMDC_BLOCK) { // this lane's columns: swapped, then eliminated
            OUT_TYPE upper = matrix[pivot][j];
            matrix[pivot][j] = matrix[k][j];
            matrix[k][j] = upper;
            for (unsigned i = k + 1; i < N; ++i) {
                OUT_TYPE factor = i == pivot ? matrix[k][k] / head : matrix[i][k] / head;
                matrix[i][j] -= factor * upper;
            }
        }
        amdc_barrier();
    }
    if (lane == 0) OUT_STORE(amdc_group_x(), result);
}
