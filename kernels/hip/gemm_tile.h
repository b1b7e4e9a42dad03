// gemm_tile.h: the multiply loop and the write-back that GEMM and implicit-GEMM convolution share.
//
// A work-group computes a TILE_M x TILE_N tile of C = A x B, TILE_K values of k at a time; a lane keeps THREAD_M x THREAD_N of it in
// registers, in groups of 4 x 4 that lie LANES * 4 apart: then 16 lanes read 256 contiguous bytes of LDS, without bank conflicts.
// LDS holds two stages: while one is multiplied, the next one's loads are under way; one barrier a stage. The fragments of k + 1 are read
// from LDS while those of k are multiplied; sched_barrier keeps that order (without it clang 19 reads each fragment just before its use:
// 84 instead of 112 VGPRs for 8 x 8 a lane, but every LDS and memory latency is exposed).
#define LANES_M (TILE_M / THREAD_M)
#define LANES_N (TILE_N / THREAD_N)
#define GROUP_M (THREAD_M < 4 ? THREAD_M : 4)
#define GROUP_N (THREAD_N < 4 ? THREAD_N : 4)
#define NO_ROW 0x20000000u    // an element behind every tensor, also with ...
#define NO_COLUMN 0x10000000u // ... this added: 4 * (both) stays below 2^32
static_assert(LANES_M * LANES_N == AMDC_BLOCK, "each lane has one thread tile");

template <int WIDTH> struct Group { typedef float type __attribute__((ext_vector_type(WIDTH))); };

struct Fragment {
    float a[THREAD_M], b[THREAD_N];

    template <int COUNT, int WIDTH, int LANES> MEMBER static void read(float *to, const float *from) {
        typedef typename Group<WIDTH>::type group;
#pragma unroll
        for (int g = 0; g < COUNT / WIDTH; ++g) {
            group value = *(const group *)(from + g * WIDTH * LANES);
#pragma unroll
            for (int i = 0; i < WIDTH; ++i) to[g * WIDTH + i] = value[i];
        }
    }
    MEMBER void read(const float *from_a, const float *from_b) {
        read<THREAD_M, GROUP_M, LANES_M>(a, from_a);
        read<THREAD_N, GROUP_N, LANES_N>(b, from_b);
    }
};

// This lane's part of C. Row i of it is row `row(i)` of the tile, column j `column(j)`.
struct Tile {
    float c[THREAD_M][THREAD_N] = {};

    MEMBER static unsigned lane_row() { return amdc_thread() / LANES_N * GROUP_M; }
    MEMBER static unsigned lane_column() { return amdc_thread() % LANES_N * GROUP_N; }
    MEMBER static unsigned row(unsigned i) { return lane_row() + i / GROUP_M * GROUP_M * LANES_M + i % GROUP_M; }
    MEMBER static unsigned column(unsigned j) { return lane_column() + j / GROUP_N * GROUP_N * LANES_N + j % GROUP_N; }

    MEMBER void multiply(const Fragment &f) {
#pragma unroll
        for (int i = 0; i < THREAD_M; ++i)
#pragma unroll
            for (int j = 0; j < THREAD_N; ++j) c[i][j] += f.a[i] * f.b[j];
    }
    // One stage: a and b point at this lane's first row and column of k = 0.
    template <int STRIDE_A, int STRIDE_B> MEMBER void multiply(const float *a, const float *b) {
        Fragment f[2];
        f[0].read(a, b);
#pragma unroll
        for (int k = 0; k < TILE_K; ++k) {
            if (k + 1 < TILE_K) f[(k + 1) & 1].read(a + (k + 1) * STRIDE_A, b + (k + 1) * STRIDE_B);
            __builtin_amdgcn_sched_barrier(0);
            multiply(f[k & 1]);
            __builtin_amdgcn_sched_barrier(0);
        }
    }

    // Write back. `columns[j]` is the element of C that column j has in row 0, NO_COLUMN for one outside; `row_element(i)` is what row i
    // adds, NO_ROW for one outside; `row_place(i)` the same in memory, where C is not dense. `finish(value, i, j, element)` is the value
    // to store, as T. With VECTORS, groups of 4 are stored as one.
    template <class T, bool VECTORS, class RowElement, class RowPlace, class Finish>
    MEMBER void store(amdc_buffer to, const unsigned (&columns)[THREAD_N], RowElement row_element, RowPlace row_place, Finish finish) {
        static_assert(THREAD_N % 4 == 0 || !VECTORS, "a group of 4 is within a lane");
#pragma unroll
        for (int i = 0; i < THREAD_M; ++i) {
            unsigned first = row_element(i), at = row_place(i);
            amdc_value<T> four[4];
#pragma unroll
            for (int j = 0; j < THREAD_N; ++j) {
                four[j % 4] = finish(c[i][j], i, j, first + columns[j]);
                if (!VECTORS) amdc_store<T>(to, amdc_size<T> * (at + columns[j]), four[j % 4]);
                if (VECTORS && j % 4 == 3) amdc_four<T>::store(to, amdc_size<T> * (at + columns[j - 3]), four);
            }
            __builtin_amdgcn_sched_barrier(0); // else the loads of all rows' fused operands are hoisted, and the registers spill
        }
    }
};

// C += A x B over `stages` slices of k. `walk` gives the slices: load(a, b) fetches the one it stands at, store(a, b, lds_a, lds_b) puts what
// was fetched into LDS, advance() moves on. The slice behind the last one is fetched too (bounds checked), and not used.
template <class A, class B, class Walk> AMDC_DEVICE void multiply_all(Tile &tile, A &a, B &b, Walk &walk, unsigned stages) {
    constexpr unsigned SIZE_A = TILE_K * A::stride, STAGE = SIZE_A + TILE_K * B::stride;
    AMDC_SHARED static __attribute__((aligned(16))) float lds[2 * STAGE];
    const float *read_a = lds + Tile::lane_row(), *read_b = lds + SIZE_A + Tile::lane_column();
    unsigned stage = 0;
    stages = __builtin_amdgcn_readfirstlane(stages); // a count in a VGPR would cost the loop VALU instructions
    walk.load(a, b);
    walk.store(a, b, lds, lds + SIZE_A);
    amdc_barrier();
    do {
        walk.advance();
        walk.load(a, b);
        tile.template multiply<A::stride, B::stride>(read_a + stage, read_b + stage);
        stage ^= STAGE;
        walk.store(a, b, lds + stage, lds + SIZE_A + stage);
        amdc_barrier();
    } while (--stages);
}
