// gemm_panels.h: how a TILE_K-row slice ("panel") of A or B comes from memory into registers and from there into LDS.
//
// A panel holds TILE columns (rows m of A, columns n of B) for TILE_K values of k. In LDS it lies k-major, so that a lane's part of one k
// is read by ds_read_b128. `load(k, shift)` fetches the slice that starts at k,
// `shift` bytes further; `store(lds)` writes what was fetched. Three layouts:
//   PANEL_VECTORS  columns contiguous in memory, multiples of 4 aligned to 16 bytes (fp32) or 4 (narrower): dwordx4
//   PANEL_ROWS     columns contiguous, any size: dword
//   PANEL_COLUMNS  k contiguous (or any stride): dword, transposed on the way into LDS
// T is the element type (amdc_types.h); narrow ones are kept as loaded, and become fp32 on the way into LDS.
// Bounds: reads behind the resource's end give 0, so a k-major matrix whose resource ends with it needs no test for k >= K. PANEL_COLUMNS
// tests k, because there the next column follows. Columns beyond the matrix may read the next row: they are never written to C.
// Offsets go into the lane's offset and never into MUBUF's soffset, because LLVM documents that one as excluded from the bounds check.
#define PANEL_VECTORS 0
#define PANEL_ROWS 1
#define PANEL_COLUMNS 2
#define MEMBER __attribute__((device, always_inline))
#define INLINE __attribute__((always_inline)) // of a lambda in a kernel
#define BEHIND 0x80000000u // an offset in bytes behind every buffer

// Stores through a pointer to a vector keep its alignment of 16 bytes; clang would take an array element's 4 and split the store.
AMDC_DEVICE void lds_write4(float *at, amdc_f4 value) { *(amdc_f4 *)at = value; }

struct Unchanged { // the prologue of a panel that has none
    static constexpr bool identity = true;
    MEMBER float operator()(float value, unsigned) const { return value; }
};

template <int TILE, int LAYOUT, class T> struct Panel;

template <int TILE, class T> struct Panel<TILE, PANEL_VECTORS, T> {
    static constexpr unsigned lanes = TILE / 4, rows = AMDC_BLOCK / lanes, passes = TILE_K / rows, stride = TILE;
    static_assert(rows * passes == TILE_K && lanes * rows == AMDC_BLOCK, "a pass fills whole rows");
    static constexpr unsigned size = amdc_size<T>;
    amdc_four<T> data[passes];
    amdc_buffer buffer;
    unsigned offset, k_bytes, row;

    // `first`: the panel's first column; strides in elements.
    MEMBER void start(amdc_buffer from, unsigned first, unsigned k_stride, unsigned, unsigned) {
        buffer = from;
        row = amdc_thread() / lanes;
        k_bytes = size * k_stride;
        offset = row * k_bytes + size * (first + amdc_thread() % lanes * 4);
    }
    MEMBER void load(unsigned k, unsigned shift = 0) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) data[p].load(buffer, offset + ((k + p * rows) * k_bytes + shift));
    }
    template <class Prologue> MEMBER void store(float *lds, unsigned k, unsigned limit, Prologue prologue) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            amdc_f4 values = {data[p].get(0), data[p].get(1), data[p].get(2), data[p].get(3)};
            if (!Prologue::identity)
                for (int i = 0; i < 4; ++i) values[i] = k + p * rows + row < limit ? prologue(values[i], k + p * rows + row) : 0.0f;
            lds_write4(lds + 4 * (p * AMDC_BLOCK + amdc_thread()), values);
        }
    }
};

template <int TILE, class T> struct Panel<TILE, PANEL_ROWS, T> {
    static constexpr unsigned rows = AMDC_BLOCK / TILE, passes = TILE_K / rows, stride = TILE;
    static_assert(rows * passes == TILE_K && rows * TILE == AMDC_BLOCK, "a pass fills whole rows");
    static constexpr unsigned size = amdc_size<T>;
    typename amdc_type<T>::bits data[passes];
    amdc_buffer buffer;
    unsigned offset, k_bytes, row;

    MEMBER void start(amdc_buffer from, unsigned first, unsigned k_stride, unsigned, unsigned) {
        buffer = from;
        row = amdc_thread() / TILE;
        k_bytes = size * k_stride;
        offset = row * k_bytes + size * (first + amdc_thread() % TILE);
    }
    MEMBER void load(unsigned k, unsigned shift = 0) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) data[p] = amdc_bits<size>::load(buffer, offset + ((k + p * rows) * k_bytes + shift));
    }
    template <class Prologue> MEMBER void store(float *lds, unsigned k, unsigned limit, Prologue prologue) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            float value = amdc_type<T>::decode(data[p]);
            if (!Prologue::identity) value = k + p * rows + row < limit ? prologue(value, k + p * rows + row) : 0.0f;
            lds[p * AMDC_BLOCK + amdc_thread()] = value;
        }
    }
};

template <int TILE, class T> struct Panel<TILE, PANEL_COLUMNS, T> {
    // 4 floats of padding a row: the writes of one wave, TILE_K apart in k, then fall on different banks, and rows stay 16-byte aligned.
    static constexpr unsigned columns = AMDC_BLOCK / TILE_K, passes = TILE / columns, stride = TILE + 4;
    static_assert(columns * passes == TILE && columns * TILE_K == AMDC_BLOCK, "a pass fills whole columns");
    static constexpr unsigned size = amdc_size<T>;
    typename amdc_type<T>::bits data[passes];
    amdc_buffer buffer;
    unsigned offset, k_bytes, column_bytes, row, limit;

    // `count`: k values there are.
    MEMBER void start(amdc_buffer from, unsigned first, unsigned k_stride, unsigned column_stride, unsigned count) {
        buffer = from;
        row = amdc_thread() % TILE_K;
        k_bytes = size * k_stride;
        column_bytes = size * column_stride;
        limit = count;
        offset = row * k_bytes + (first + amdc_thread() / TILE_K) * column_bytes;
    }
    MEMBER void load(unsigned k, unsigned shift = 0) {
        unsigned at = k + row < limit ? offset + (k * k_bytes + shift) : BEHIND;
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) data[p] = amdc_bits<size>::load(buffer, at + p * columns * column_bytes);
    }
    template <class Prologue> MEMBER void store(float *lds, unsigned k, unsigned, Prologue prologue) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            float value = amdc_type<T>::decode(data[p]);
            if (!Prologue::identity) value = k + row < limit ? prologue(value, k + row) : 0.0f;
            lds[row * stride + amdc_thread() / TILE_K + p * columns] = value;
        }
    }
};
