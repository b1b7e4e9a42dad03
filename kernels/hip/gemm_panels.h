// gemm_panels.h: how a TILE_K-row slice ("panel") of A or B comes from memory into registers and from there into LDS.
//
// A panel holds TILE columns (rows m of A, columns n of B) for TILE_K values of k. In LDS it lies k-major, column c of k at float `at(k, c)`,
// so that a lane's part of one k is read by ds_read_b128. For k = k1 + k2, k1 a multiple of 4, that is also `at(k2, at(k1, c))`; `further`
// columns on it is `at(k, c, further)`, where c is less than `further`'s lowest bit; `at<4>` gives and takes bytes. `load(k, shift)` fetches the slice that starts at k,
// `shift` bytes further; `store(lds)` writes what was fetched. Four layouts:
//   PANEL_VECTORS  columns contiguous in memory, multiples of 4 aligned to 16 bytes (fp32) or 4 (narrower): dwordx4
//   PANEL_ROWS     columns contiguous, any size: dword
//   PANEL_COLUMNS  k contiguous (or any stride): dword, transposed on the way into LDS
//   PANEL_DEEP     k contiguous, K and the column stride multiples of 4, aligned like PANEL_VECTORS: dwordx4, transposed likewise
// T is the element type (amdc_types.h); narrow ones are kept as loaded, and become fp32 on the way into LDS.
// Bounds: reads behind the resource's end give 0, so a k-major matrix whose resource ends with it needs no test for k >= K. PANEL_COLUMNS
// and PANEL_DEEP test k, because there the next column follows. Columns beyond the matrix may read the next row: they are never written to C.
// Offsets go into the lane's offset and never into MUBUF's soffset, because LLVM documents that one as excluded from the bounds check.
// Banks: 32 lanes a clock. PANEL_COLUMNS pads each k by 4 floats (free of conflicts for TILE_K 8, pairs for 16). In PANEL_DEEP 32 lanes are
// TILE_K / 4 groups of k by 128 / TILE_K columns; to fall on 32 banks, the columns of each four k are exchanged with those `turn` floats off
// (exclusive or). Padding by `turn` does so too, but 128x128x16 would then take more than half of LDS. Both keep groups of 4 together.
#define PANEL_VECTORS 0
#define PANEL_ROWS 1
#define PANEL_COLUMNS 2
#define PANEL_DEEP 3
#define MEMBER __attribute__((device, always_inline))
#define INLINE __attribute__((always_inline)) // of a lambda in a kernel
#ifndef PLAIN_DEEP
#define PLAIN_DEEP 0 // 4, 2: PANEL_DEEP loads so many k at once, and without the exchange: as the kernels do that the timing model is held against
#endif
#define BEHIND 0x80000000u // an offset in bytes behind every buffer

// Stores through a pointer to a vector keep its alignment of 16 bytes; clang would take an array element's 4 and split the store.
AMDC_DEVICE void lds_write4(float *at, amdc_f4 value) { *(amdc_f4 *)at = value; }

struct Unchanged { // the prologue of a panel that has none
    static constexpr bool identity = true, by_pass = false; // `by_pass`: it depends on the column too, and a PANEL_DEEP calls of(value, pass, i)
    MEMBER float operator()(float value, unsigned) const { return value; }
};

// How the lanes share WIDTH * ROWS items, WIDTH of them a row: pass p of a lane is item p * AMDC_BLOCK + thread. Its column repeats every
// `period` passes, `step` rows further, so that a lane keeps a few offsets and not one a pass. Where the last pass has too few items, the
// lanes without one read behind the buffer and write behind the panel: a branch there makes clang 19 spill (128x96x16: 200 bytes a lane).
template <unsigned WIDTH, unsigned ROWS> struct Spread {
    static constexpr unsigned divisor(unsigned a, unsigned b) { return b ? divisor(b, a % b) : a; }
    static constexpr unsigned count = WIDTH * ROWS, passes = (count + AMDC_BLOCK - 1) / AMDC_BLOCK, partial = count % AMDC_BLOCK != 0;
    static constexpr unsigned period = WIDTH / divisor(WIDTH, AMDC_BLOCK), step = period * AMDC_BLOCK / WIDTH;
    static constexpr unsigned covered = passes * AMDC_BLOCK; // items, with those that do not exist

    MEMBER static unsigned column(unsigned p) { return (p % period * AMDC_BLOCK + amdc_thread()) % WIDTH; }
    MEMBER static unsigned row(unsigned p) { return (p % period * AMDC_BLOCK + amdc_thread()) / WIDTH + below(p); }
    // The rows that pass p lies below pass p % period.
    static constexpr unsigned below(unsigned p) { return p / period * step; }
    // Where pass p starts from, of `offset`, and whether that is the pass itself.
    static constexpr unsigned starts = (passes < period ? passes : period) + (partial && passes > period);
    static constexpr bool own(unsigned p) { return partial && p + 1 == passes; }
    static constexpr unsigned start(unsigned p) { return own(p) ? starts - 1 : p % period; }
    static constexpr unsigned rest(unsigned p) { return own(p) ? 0 : below(p); }

    // offset[start(p)] = place(row, column) for all p.
    template <class Place> MEMBER static void fill(unsigned (&offset)[starts], Place place) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p)
            if (p < period || own(p)) offset[start(p)] = !own(p) || p * AMDC_BLOCK + amdc_thread() < count ? place(row(p), column(p)) : BEHIND;
    }
};

// A matrix in memory. `from(at)`: its resource from byte `at` on (of no bytes behind its end): what all lanes move on by costs the scalar
// ALU a few instructions so, and the vector ALU none.
struct Matrix {
    const char *base;
    unsigned bytes;

    MEMBER Matrix(const void *start, unsigned size) : base((const char *)start), bytes(size) {}
    // (As a signed maximum: clang has a saturating subtraction in vector registers only, and would loop over a resource made by one.)
    MEMBER amdc_buffer from(unsigned at) const {
        int left = (int)bytes - (int)at;
        return amdc_make(base + at, left > 0 ? left : 0);
    }
};

template <int TILE, int LAYOUT, class T> struct Panel;

template <int TILE, class T> struct Panel<TILE, PANEL_VECTORS, T> {
    typedef Spread<TILE / 4, TILE_K> Items;
    static constexpr unsigned passes = Items::passes, size = amdc_size<T>, floats = 4 * Items::covered;
    template <unsigned UNIT = 1> MEMBER static unsigned at(unsigned k, unsigned column, unsigned further = 0) {
        return UNIT * (k * TILE + further) + column;
    }
    amdc_four<T> data[passes];
    const Matrix &matrix;
    unsigned offset[Items::starts], k_bytes;

    MEMBER Panel(const Matrix &of) : matrix(of) {}

    // `first`: the panel's first column; strides in elements.
    MEMBER void start(unsigned first, unsigned k_stride, unsigned, unsigned) {
        k_bytes = size * k_stride;
        Items::fill(offset, [&](unsigned row, unsigned column) INLINE { return row * k_bytes + size * (first + 4 * column); });
    }
    MEMBER void load(unsigned k, unsigned shift = 0) {
        amdc_buffer buffer = matrix.from(k * k_bytes + shift);
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) data[p].load(buffer, offset[Items::start(p)] + Items::rest(p) * k_bytes);
    }
    template <class Prologue> MEMBER void store(float *lds, unsigned k, unsigned limit, Prologue prologue) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            amdc_f4 values = {data[p].get(0), data[p].get(1), data[p].get(2), data[p].get(3)};
            unsigned at = k + Items::row(p);
            if (!Prologue::identity)
                for (int i = 0; i < 4; ++i) values[i] = at < limit ? prologue(values[i], at) : 0.0f;
            lds_write4(lds + 4 * (p * AMDC_BLOCK + amdc_thread()), values);
        }
    }
};

template <int TILE, class T> struct Panel<TILE, PANEL_ROWS, T> {
    typedef Spread<TILE, TILE_K> Items;
    static constexpr unsigned passes = Items::passes, size = amdc_size<T>, floats = Items::covered;
    template <unsigned UNIT = 1> MEMBER static unsigned at(unsigned k, unsigned column, unsigned further = 0) {
        return UNIT * (k * TILE + further) + column;
    }
    typename amdc_type<T>::bits data[passes];
    const Matrix &matrix;
    unsigned offset[Items::starts], k_bytes;

    MEMBER Panel(const Matrix &of) : matrix(of) {}

    MEMBER void start(unsigned first, unsigned k_stride, unsigned, unsigned) {
        k_bytes = size * k_stride;
        Items::fill(offset, [&](unsigned row, unsigned column) INLINE { return row * k_bytes + size * (first + column); });
    }
    MEMBER void load(unsigned k, unsigned shift = 0) {
        amdc_buffer buffer = matrix.from(k * k_bytes + shift);
#pragma unroll
        for (unsigned p = 0; p < passes; ++p)
            data[p] = amdc_bits<size>::load(buffer, offset[Items::start(p)] + Items::rest(p) * k_bytes);
    }
    template <class Prologue> MEMBER void store(float *lds, unsigned k, unsigned limit, Prologue prologue) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            float value = amdc_type<T>::decode(data[p]);
            unsigned at = k + Items::row(p);
            if (!Prologue::identity) value = at < limit ? prologue(value, at) : 0.0f;
            lds[p * AMDC_BLOCK + amdc_thread()] = value;
        }
    }
};

template <int TILE, class T> struct Panel<TILE, PANEL_COLUMNS, T> {
    typedef Spread<TILE_K, TILE> Items; // a row of items is a column of the panel
    static_assert(Items::period == 1, "a lane keeps its k");
    static constexpr unsigned passes = Items::passes, size = amdc_size<T>, stride = Items::covered / TILE_K + 4, floats = stride * TILE_K;
    template <unsigned UNIT = 1> MEMBER static unsigned at(unsigned k, unsigned column, unsigned further = 0) {
        return UNIT * (k * stride + further) + column;
    }
    typename amdc_type<T>::bits data[passes];
    const Matrix &matrix;
    unsigned offset[Items::starts], k_bytes, column_bytes, row, limit;

    MEMBER Panel(const Matrix &of) : matrix(of) {}

    // `count`: k values there are.
    MEMBER void start(unsigned first, unsigned k_stride, unsigned column_stride, unsigned count) {
        row = Items::column(0);
        k_bytes = size * k_stride;
        column_bytes = size * column_stride;
        limit = count;
        Items::fill(offset, [&](unsigned column, unsigned k) INLINE { return k * k_bytes + (first + column) * column_bytes; });
    }
    MEMBER void load(unsigned k, unsigned shift = 0) {
        amdc_buffer buffer = matrix.from(k * k_bytes + shift);
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            unsigned first = (int)row < (int)(limit - k) ? offset[Items::start(p)] : BEHIND;
            data[p] = amdc_bits<size>::load(buffer, first + Items::rest(p) * column_bytes);
        }
    }
    template <class Prologue> MEMBER void store(float *lds, unsigned k, unsigned, Prologue prologue) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            float value = amdc_type<T>::decode(data[p]);
            if (!Prologue::identity) value = k + row < limit ? prologue(value, k + row) : 0.0f;
            lds[at(row, Items::row(0)) + Items::below(p)] = value;
        }
    }
};

struct DeepPair {
    typedef unsigned pair __attribute__((ext_vector_type(2)));
    pair value;
    MEMBER void load(amdc_buffer buffer, unsigned offset) { value = __builtin_amdgcn_raw_buffer_load_b64(buffer, (int)offset, 0, 0); }
    MEMBER float get(unsigned i) const {
        unsigned bits = i ? value.y : value.x;
        return __builtin_bit_cast(float, bits);
    }
};
template <unsigned GROUP, class T> struct DeepItems { typedef amdc_four<T> type; };
template <class T> struct DeepItems<2, T> { typedef DeepPair type; };

template <int TILE, class T> struct Panel<TILE, PANEL_DEEP, T> {
    static constexpr unsigned group = PLAIN_DEEP == 2 ? 2 : 4;
    typedef Spread<TILE_K / group, TILE> Items; // four k of a column each
    static_assert(Items::period == 1, "a lane keeps its k");
    static constexpr unsigned turn = PLAIN_DEEP ? 0 : TILE_K > 32 ? 4 : 128 / TILE_K, stride = (Items::covered / (TILE_K / group) + 31) / 32 * 32;
    static constexpr unsigned passes = Items::passes, size = amdc_size<T>, floats = stride * TILE_K;
    template <unsigned UNIT = 1> MEMBER static unsigned at(unsigned k, unsigned column, unsigned further = 0) {
        return UNIT * (k * stride + further / 32 * 32) + (column ^ UNIT * (k / 4 * turn % 32 ^ further % 32));
    }
    typename DeepItems<group, T>::type data[passes];
    const Matrix &matrix;
    unsigned offset[Items::starts], column_bytes, row, limit, written; // `written`: where in LDS the lane's first value goes

    MEMBER Panel(const Matrix &of) : matrix(of) {}

    MEMBER void start(unsigned first, unsigned, unsigned column_stride, unsigned count) {
        row = group * Items::column(0);
        written = at(row, Items::row(0));
        column_bytes = size * column_stride;
        limit = count;
        Items::fill(offset, [&](unsigned column, unsigned k) INLINE { return size * group * k + (first + column) * column_bytes; });
    }
    MEMBER void load(unsigned k, unsigned shift = 0) {
        amdc_buffer buffer = matrix.from(k * size + shift);
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            unsigned first = (int)row < (int)(limit - k) ? offset[Items::start(p)] : BEHIND;
            data[p].load(buffer, first + Items::rest(p) * column_bytes);
        }
    }
    template <class Prologue> MEMBER void store(float *lds, unsigned k, unsigned, Prologue prologue) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p)
#pragma unroll
            for (unsigned i = 0; i < group; ++i) {
                float value = data[p].get(i);
                if constexpr (Prologue::by_pass) value = prologue.of(value, p, i);
                else if (!Prologue::identity) value = k + row < limit ? prologue(value, k + row + i) : 0.0f;
                lds[at(i, written, Items::below(p))] = value;
            }
    }
};
