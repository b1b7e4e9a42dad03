// gemm_norm.h: a layer norm or RMS norm of A's rows, computed by the product that reads them.
//
// Each work-group first finds mean and 1 / deviation of its TILE_M rows: 16 lanes share a row (64 one of more than 1,024 values), 4 values each
// side by side, and read it once; the values stay in registers for the variance around the mean, so that nothing cancels. A lane then keeps
// the moments of the rows that it brings into LDS (one or two with PANEL_DEEP), and normalises on the way; gain and shift come with each slice
// of k. What a launch would cost is 26 us; reading the rows twice costs a few thousand clocks.
// Versions Predicted, on an RX 580, for MiniLM's 128x384 times 384x1536 (32x64x32s2; 49 us without norm): a wave a row, whose sums take 12
//          steps of adding up each: 61 us; 16 lanes a row: 59 us, of which reading the rows takes 6. BERT-base's
//          128x768 times 768x3072 (128x96x16; 157 us without norm): 189 us. So the product that makes the rows leaves parts of their moments
//          (gemm_row_parts.h), and reading the rows is for rows that come from elsewhere.
//          Gain and shift folded into weights and bias would save two loads a stage, but hold the weights twice where a program for single
//          rows shares them.
#define NORM_LANES (NORM_WIDTH <= 1024 ? 16 : 64)
#define NORM_HELD ((NORM_WIDTH + 4 * NORM_LANES - 1) / (4 * NORM_LANES)) // groups of 4 values of a row that a lane holds
#define NORM_ROWS (AMDC_BLOCK / NORM_LANES)                             // of the work-group at a time

// Where the moments of all rows go, for later kernels: [M] means and [M] scales; only if `wanted`.
struct Moments {
    amdc_buffer means, scales;
    bool wanted;
};

// The sum over the lanes of a row, in all of them.
AMDC_DEVICE float norm_sum(float x) {
    if (NORM_LANES == 64) return amdc_wave_reduce<amdc_sum>(x);
    x += amdc_other<0x128, 0xf>(x, 0.0f); // row_ror:8 .. row_ror:1
    x += amdc_other<0x124, 0xf>(x, 0.0f);
    x += amdc_other<0x122, 0xf>(x, 0.0f);
    return x + amdc_other<0x121, 0xf>(x, 0.0f);
}

// Mean and scale of the rows from `first` on, into lds[row] and lds[TILE_M + row]. Rows behind the matrix read as zeros.
template <class T> AMDC_DEVICE void norm_moments(const Matrix &matrix, unsigned first, unsigned rows, unsigned row_bytes, float epsilon,
                                                 float *lds, const Moments &out) {
    const unsigned lane = amdc_thread() % NORM_LANES;
    amdc_buffer from = matrix.from(0);
#pragma unroll 1
    for (unsigned base = 0; base < TILE_M; base += NORM_ROWS) {
        const unsigned row = base + amdc_thread() / NORM_LANES;
        amdc_four<T> held[NORM_HELD];
        bool inside[NORM_HELD];
        float sum = 0.0f, squares = 0.0f;
#pragma unroll
        for (unsigned h = 0; h < NORM_HELD; ++h) {
            unsigned k = 4 * (NORM_LANES * h + lane);
            inside[h] = 4 * NORM_LANES * (h + 1) <= NORM_WIDTH || k < NORM_WIDTH;
            held[h].load(from, inside[h] ? (first + row) * row_bytes + amdc_size<T> * k : BEHIND);
        }
#pragma unroll
        for (unsigned h = 0; h < NORM_HELD; ++h)
#pragma unroll
            for (unsigned i = 0; i < 4; ++i) sum += held[h].get(i);
        float mean = NORM_CENTRED ? norm_sum(sum) * (1.0f / NORM_WIDTH) : 0.0f;
#pragma unroll
        for (unsigned h = 0; h < NORM_HELD; ++h)
#pragma unroll
            for (unsigned i = 0; i < 4; ++i) {
                float distance = inside[h] ? held[h].get(i) - mean : 0.0f;
                squares += distance * distance;
            }
        float scale = amdc_rsqrt(norm_sum(squares) * (1.0f / NORM_WIDTH) + epsilon);
        if (lane == 0 && row < TILE_M) {
            lds[row] = mean, lds[TILE_M + row] = scale;
            if (out.wanted && first + row < rows) {
                amdc_store_f32(out.means, 4 * (first + row), mean);
                amdc_store_f32(out.scales, 4 * (first + row), scale);
            }
        }
    }
    amdc_barrier();
}

// The same from what the product that made A left: means and squared distances over each `columns` columns (gemm_row_parts.h). A lane
// takes a row, and adds up around its first mean [Chan, Golub, LeVeque 1983].
AMDC_DEVICE void norm_moments_of_parts(amdc_buffer parts, unsigned count, unsigned columns, unsigned first, unsigned rows, float epsilon,
                                       float *lds, const Moments &out) {
    for (unsigned at = amdc_thread(); at < TILE_M; at += AMDC_BLOCK) {
        const unsigned row = first + at;
        const float pivot = amdc_load_f32(parts, 4 * row);
        float sum = 0.0f, apart = 0.0f, squares = 0.0f;
#pragma unroll 8
        for (unsigned p = 0; p < count; ++p) {
            float mean = amdc_load_f32(parts, 4 * (p * rows + row)) - pivot, left = (float)NORM_WIDTH - (float)(p * columns);
            float width = left < (float)columns ? left : (float)columns;
            squares += amdc_load_f32(parts, 4 * ((count + p) * rows + row));
            sum += width * mean;
            apart += width * mean * mean;
        }
        float mean = sum * (1.0f / NORM_WIDTH);
        float scale = amdc_rsqrt((squares + (apart - sum * mean)) * (1.0f / NORM_WIDTH) + epsilon);
        mean += pivot;
        lds[at] = mean, lds[TILE_M + at] = scale;
        if (out.wanted && row < rows) {
            amdc_store_f32(out.means, 4 * row, mean);
            amdc_store_f32(out.scales, 4 * row, scale);
        }
    }
    amdc_barrier();
}

// The prologue of a PANEL_DEEP: lane's moments by pass, gain and shift of its four k.
template <class Panel> struct RowNorm {
    static constexpr bool identity = false, by_pass = true;
    float offset[Panel::passes], scale[Panel::passes];
    amdc_four<TYPE_AFFINE> gain, shift;
    amdc_buffer gains, shifts;

    MEMBER void start(const float *lds) {
#pragma unroll
        for (unsigned p = 0; p < Panel::passes; ++p) {
            unsigned row = Panel::Items::row(p);
            row = row < TILE_M ? row : 0;
            scale[p] = lds[TILE_M + row], offset[p] = NORM_CENTRED ? -lds[row] * scale[p] : 0.0f;
        }
        amdc_barrier(); // the panels overwrite them
    }
    MEMBER void load(unsigned k) {
        if (NORM_AFFINE > 0) gain.load(gains, amdc_size<TYPE_AFFINE> * k);
        if (NORM_AFFINE > 1) shift.load(shifts, amdc_size<TYPE_AFFINE> * k);
    }
    // Value i of the four of pass p. Behind the last k, A and shift are whatever lies there, and B's values are 0.
    MEMBER float of(float value, unsigned p, unsigned i) const {
        value = NORM_CENTRED ? value * scale[p] + offset[p] : value * scale[p];
        return NORM_AFFINE > 1 ? value * gain.get(i) + shift.get(i) : NORM_AFFINE > 0 ? value * gain.get(i) : value;
    }
};
