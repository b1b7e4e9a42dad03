// gemm_row_parts.h: what a product leaves of its rows for a norm behind it: of each tile's columns the mean and the sum of squared distances
// from it, [2][tiles of a row][M]. The norm's product then need not read the rows twice (gemm_norm.h).
//
// A row of a tile lies in LANES_N lanes of a wave, 8 or 16, which add up by DPP; the distances are from the tile's own mean, so that nothing
// cancels. Some 30 VALU instructions a row of a lane.
static_assert(LANES_N == 8 || LANES_N == 16, "a row of the tile lies within a row of 16 lanes");

AMDC_DEVICE float sum_of_row(float x) {
    x += amdc_other<0xB1, 0xf>(x, 0.0f);  // quad_perm: the neighbour
    x += amdc_other<0x4E, 0xf>(x, 0.0f);  // quad_perm: the other pair
    x += amdc_other<0x141, 0xf>(x, 0.0f); // row_half_mirror: the other four of 8
    return LANES_N == 8 ? x : x + amdc_other<0x140, 0xf>(x, 0.0f); // row_mirror: the other 8 of 16
}

AMDC_DEVICE void leave_row_parts(const Tile &tile, amdc_buffer to, unsigned M, unsigned N, unsigned first_m, unsigned first_n) {
    const unsigned part = first_n / TILE_N, parts = (N + TILE_N - 1) / TILE_N;
    const float share = __builtin_amdgcn_rcpf(N - first_n < TILE_N ? N - first_n : TILE_N); // a division would be 8 instructions a row
#pragma unroll
    for (unsigned i = 0; i < THREAD_M; ++i) {
        float sum = 0.0f, squares = 0.0f;
#pragma unroll
        for (unsigned j = 0; j < THREAD_N; ++j) sum += first_n + Tile::column(j) < N ? tile.c[i][j] : 0.0f;
        const float mean = sum_of_row(sum) * share;
#pragma unroll
        for (unsigned j = 0; j < THREAD_N; ++j) {
            float distance = first_n + Tile::column(j) < N ? tile.c[i][j] - mean : 0.0f;
            squares += distance * distance;
        }
        squares = sum_of_row(squares);
        const unsigned m = first_m + Tile::row(i);
        if (Tile::lane_column() == 0 && m < M) {
            amdc_store_f32(to, 4 * (part * M + m), mean);
            amdc_store_f32(to, 4 * ((parts + part) * M + m), squares);
        }
        __builtin_amdgcn_sched_barrier(0);
    }
}
