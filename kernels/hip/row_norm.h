// row_norm.h: the norm of one row of K values by a whole work-group, into LDS, for kernels that multiply it by a matrix.
//
// Use      Lane i holds value[j] = x[j * AMDC_BLOCK + i], 0 behind K; `normal` has COUNT * AMDC_BLOCK floats, zeros behind K when it returns;
//          `scratch` a float a wave. Ends with a barrier.
// Options  Macros CENTRED: 1 layer norm, 0 RMS norm; AFFINE: 0 nothing, 1 times gain[k], 2 and plus shift[k].
//          Mean, then variance around it: no cancellation.
template <int COUNT>
AMDC_DEVICE void normalize_row(float *normal, float *scratch, const float (&value)[COUNT], amdc_buffer gain, amdc_buffer shift, unsigned K,
                               float epsilon) {
    float gains[COUNT], shifts[COUNT], sum = 0.0f, squares = 0.0f, mean = 0.0f;
#pragma unroll
    for (unsigned j = 0; j < COUNT; ++j) {
        unsigned k = j * AMDC_BLOCK + amdc_thread();
        gains[j] = AFFINE > 0 ? amdc_load_f32(gain, 4 * k) : 1.0f;
        shifts[j] = AFFINE > 1 ? amdc_load_f32(shift, 4 * k) : 0.0f;
    }
    if (CENTRED) {
#pragma unroll
        for (unsigned j = 0; j < COUNT; ++j) sum += value[j];
        mean = amdc_block_reduce<amdc_sum>(sum, scratch) / (float)K;
    }
#pragma unroll
    for (unsigned j = 0; j < COUNT; ++j) {
        float distance = j * AMDC_BLOCK + amdc_thread() < K ? value[j] - mean : 0.0f;
        squares += distance * distance;
    }
    float scale = amdc_rsqrt(amdc_block_reduce<amdc_sum>(squares, scratch) / (float)K + epsilon);
#pragma unroll
    for (unsigned j = 0; j < COUNT; ++j) {
        unsigned k = j * AMDC_BLOCK + amdc_thread();
        normal[k] = k < K ? (value[j] - mean) * scale * gains[j] + shifts[j] : 0.0f;
    }
    amdc_barrier();
}
