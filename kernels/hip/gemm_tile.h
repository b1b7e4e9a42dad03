// gemm_tile.h: the multiply loop and the write-back that GEMM and implicit-GEMM convolution share.
//
// A work-group computes a TILE_M x TILE_N tile of C = A x B, TILE_K values of k at a time; a lane keeps THREAD_M x THREAD_N of it in
// registers, in groups of 4 x 4 that lie LANES * 4 apart: then 16 lanes read 256 contiguous bytes of LDS, without bank conflicts. A thread
// tile whose side is no multiple of 4 has groups of 2 or 1 behind those of 4. With LOCAL_SPLIT, that many sets of lanes hold the whole tile
// each and share a stage's k; their sums are added through LDS at the end, in a fixed order (more waves for few tiles, at one launch).
// LDS holds two stages: while one is multiplied, the next one's loads are under way; one barrier a stage. The fragments of k + 1 are read
// from LDS while those of k are multiplied; sched_barrier keeps that order (without it clang 19 reads each fragment just before its use:
// 84 instead of 112 VGPRs for 8 x 8 a lane, but every LDS and memory latency is exposed).
#ifndef LOCAL_SPLIT
#define LOCAL_SPLIT 1
#endif
#define LANES_M (TILE_M / THREAD_M)
#define LANES_N (TILE_N / THREAD_N)
#define LANES (LANES_M * LANES_N)
#define PART_K (TILE_K / LOCAL_SPLIT) // values of k of a stage that one set of lanes multiplies
#define NO_ROW 0x20000000u    // an element behind every tensor, also with ...
#define NO_COLUMN 0x10000000u // ... this added: 4 * (both) stays below 2^32
static_assert(LANES * LOCAL_SPLIT == AMDC_BLOCK, "each lane has one thread tile");
static_assert(LANES_M * THREAD_M == TILE_M && LANES_N * THREAD_N == TILE_N, "thread tiles fill the tile");
static_assert(PART_K * LOCAL_SPLIT == TILE_K && (LOCAL_SPLIT == 1 || PART_K % 4 == 0), "panels' rows repeat every four k");
static_assert(PART_K % 2 == 0, "the last k of a stage is in the second fragment");

template <int WIDTH> struct Group { typedef float type __attribute__((ext_vector_type(WIDTH))); };

// One side of the tile, COUNT values a lane of APART lanes: groups of 4, then one of 2 and one of 1 where COUNT leaves them;
// 6 are groups of 2, of which clang reads two at once.
template <unsigned COUNT, unsigned APART> struct Side {
    static constexpr unsigned fours = COUNT == 6 ? 0 : COUNT / 4 * 4, pairs = COUNT / 2 * 2;
    static constexpr unsigned width(unsigned i) { return i < fours ? 4 : i < pairs ? 2 : 1; }
    static constexpr unsigned begin(unsigned i) { return i < fours ? i / 4 * 4 : i < pairs ? i / 2 * 2 : pairs; }
    MEMBER static unsigned place(unsigned lane, unsigned i) { return begin(i) * APART + width(i) * lane + (i - begin(i)); }

    unsigned at[3]; // bytes from k = 0 of the panel to the lane's first of a group of 4, of 2, of 1, see gemm_panels.h

    template <class Panel> MEMBER void start(unsigned k, unsigned lane) {
        for (unsigned w = 0; w < 3; ++w) at[w] = 4 * Panel::at(k, (4 >> w) * lane);
    }
    // Hidden from clang, which would keep a register for each exchange of columns otherwise (131 instead of 124 for 128x128x16 of two
    // PANEL_DEEP).
    MEMBER void hide() {
        if (fours) asm volatile("" : "+v"(at[0]));
        if (fours < pairs) asm volatile("" : "+v"(at[1]));
        if (pairs < COUNT) asm volatile("" : "+v"(at[2]));
    }
    MEMBER void advance(unsigned bytes) {
        for (unsigned w = 0; w < 3; ++w) at[w] += bytes;
    }
    template <class Panel, unsigned WIDTH> MEMBER void read(float *to, const void *lds, unsigned k, unsigned i) const {
        typedef typename Group<WIDTH>::type group;
        group value = *(const group *)((const char *)lds + Panel::template at<4>(k, at[WIDTH == 4 ? 0 : WIDTH == 2 ? 1 : 2], i * APART));
#pragma unroll
        for (unsigned n = 0; n < WIDTH; ++n) to[i + n] = value[n];
    }
    template <class Panel> MEMBER void read(float *to, const void *lds, unsigned k) const {
#pragma unroll
        for (unsigned i = 0; i < fours; i += 4) read<Panel, 4>(to, lds, k, i);
#pragma unroll
        for (unsigned i = fours; i < pairs; i += 2) read<Panel, 2>(to, lds, k, i);
        if constexpr (pairs < COUNT) read<Panel, 1>(to, lds, k, pairs);
    }
};
typedef Side<THREAD_M, LANES_M> SideM;
typedef Side<THREAD_N, LANES_N> SideN;

struct Fragment {
    float a[THREAD_M], b[THREAD_N];

    template <class A, class B> MEMBER void read(const float *lds, unsigned k, const SideM &rows, const SideN &columns) {
        rows.read<A>(a, lds, k);
        columns.read<B>(b, lds + A::floats, k);
    }
    // All of it is there: what was read last comes last. Else clang waits for each part of it, 4 clocks a time.
    MEMBER void arrive() { asm volatile("" : "+v"(b[THREAD_N - 1])); }
};

// This lane's part of C. Row i of it is row `row(i)` of the tile, column j `column(j)`.
struct Tile {
    float c[THREAD_M][THREAD_N] = {};

    MEMBER static unsigned lane() { return LOCAL_SPLIT == 1 ? amdc_thread() : amdc_thread() % LANES; }
    MEMBER static unsigned part() { return LOCAL_SPLIT == 1 ? 0 : LANES % 64 ? amdc_thread() / LANES : 64 * amdc_wave() / LANES; }
    MEMBER static unsigned lane_row() { return lane() / LANES_N; }
    MEMBER static unsigned lane_column() { return lane() % LANES_N; }
    MEMBER static unsigned row(unsigned i) { return SideM::place(lane_row(), i); }
    MEMBER static unsigned column(unsigned j) { return SideN::place(lane_column(), j); }

    MEMBER void multiply(const Fragment &f) {
#pragma unroll
        for (int i = 0; i < THREAD_M; ++i)
#pragma unroll
            for (int j = 0; j < THREAD_N; ++j) c[i][j] += f.a[i] * f.b[j];
    }
    // One stage but for its last k, whose fragments are then in f[1]; f[0] holds the first k's.
    template <class A, class B> MEMBER void multiply(Fragment (&f)[2], const float *lds, SideM &rows, SideN &columns) {
        rows.hide(), columns.hide();
#pragma unroll
        for (int k = 0; k + 1 < PART_K; ++k) {
            f[(k + 1) & 1].read<A, B>(lds, k + 1, rows, columns);
            __builtin_amdgcn_sched_barrier(0);
            f[k & 1].arrive();
            __builtin_amdgcn_sched_barrier(0);
            multiply(f[k & 1]);
            __builtin_amdgcn_sched_barrier(0);
        }
    }
    // The sums of the first set of lanes become those of all: halves of the sets add the other halves', through `lds`.
    MEMBER void join(float *lds) {
        amdc_barrier(); // the other waves' first fragments of the stage behind the last one
#pragma unroll
        for (unsigned half = LOCAL_SPLIT / 2; half; half /= 2) {
            float *mine = lds + (part() % half * LANES + lane());
            if (part() >= half && part() < 2 * half) each([&](float &value, unsigned at) INLINE { mine[at * half * LANES] = value; });
            amdc_barrier();
            if (part() < half) each([&](float &value, unsigned at) INLINE { value += mine[at * half * LANES]; });
            amdc_barrier();
        }
    }
    template <class Function> MEMBER void each(Function function) {
#pragma unroll
        for (int i = 0; i < THREAD_M; ++i)
#pragma unroll
            for (int j = 0; j < THREAD_N; ++j) function(c[i][j], i * THREAD_N + j);
    }

    static constexpr int ROWS = 32 / THREAD_N; // whose fused operands are loaded at once: a load would not pass the store before it
    // Write back. `columns[j]` is the element of C that column j has in row 0, NO_COLUMN for one outside; `row_element(i)` is what row i
    // adds, NO_ROW for one outside; `row_place(i)` the same in memory, where C is not dense. `finish(value, i, j, element)` is the value
    // to store, as T. With VECTORS, groups of 4 are stored as one. With LOCAL_SPLIT, the first set of lanes stores.
    template <class T, bool VECTORS, class RowElement, class RowPlace, class Finish>
    MEMBER void store(amdc_buffer to, const unsigned (&columns)[THREAD_N], RowElement row_element, RowPlace row_place, Finish finish) {
        static_assert(THREAD_N % 4 == 0 || !VECTORS, "a group of 4 is within a lane");
        if (part() != 0) return;
#pragma unroll
        for (int begin = 0; begin < THREAD_M; begin += ROWS) {
            amdc_value<T> finished[ROWS][THREAD_N];
            rows(begin, [&](int i, int j) INLINE {
                unsigned element = row_element(i) + (VECTORS ? columns[j / 4 * 4] + j % 4 : columns[j]);
                finished[i - begin][j] = finish(c[i][j], i, j, element);
            });
            rows(begin, [&](int i, int j) INLINE {
                unsigned at = row_place(i) + columns[VECTORS ? j / 4 * 4 : j];
                if (!VECTORS) amdc_store<T>(to, amdc_size<T> * at, finished[i - begin][j]);
                if (VECTORS && j % 4 == 0) amdc_four<T>::store(to, amdc_size<T> * at, *(const amdc_value<T>(*)[4])&finished[i - begin][j]);
            });
            __builtin_amdgcn_sched_barrier(0); // else the loads of all rows' fused operands are hoisted, and the registers spill
        }
    }
    // function(i, j) for each element of ROWS rows.
    template <class Function> MEMBER static void rows(int begin, Function function) {
#pragma unroll
        for (int i = begin; i < begin + ROWS && i < THREAD_M; ++i)
#pragma unroll
            for (int j = 0; j < THREAD_N; ++j) function(i, j);
    }
};

// LDS of the work-group: two stages of both panels, or the sums of half of the sets of lanes.
template <class A, class B> AMDC_DEVICE float *tile_lds() {
    constexpr unsigned STAGES = 2 * (A::floats + B::floats), JOIN = LOCAL_SPLIT / 2 * TILE_M * TILE_N;
    AMDC_SHARED static __attribute__((aligned(16))) float lds[STAGES > JOIN ? STAGES : JOIN];
    return lds;
}

// C += A x B over `stages` slices of k. `walk` gives the slices: load(a, b) fetches the one it stands at, store(a, b, lds_a, lds_b) puts what
// was fetched into LDS, advance() moves on. The slice behind the last one is fetched too (bounds checked), and not used.
template <class A, class B, class Walk> AMDC_DEVICE void multiply_all(Tile &tile, A &a, B &b, Walk &walk, unsigned stages) {
    constexpr unsigned SIZE_A = A::floats, STAGE = SIZE_A + B::floats;
    float *lds = tile_lds<A, B>();
    const unsigned first = Tile::part() * PART_K;
    unsigned stage = 0;
    SideM rows;
    SideN columns;
    rows.start<A>(first, Tile::lane_row()), columns.start<B>(first, Tile::lane_column());
    stages = __builtin_amdgcn_readfirstlane(stages); // a count in a VGPR would cost the loop VALU instructions
    walk.load(a, b);
    walk.store(a, b, lds, lds + SIZE_A);
    amdc_barrier();
    Fragment f[2];
    f[0].read<A, B>(lds, 0, rows, columns);
    do { // the last k of a stage is multiplied behind the barrier, while the first fragments of the next stage come from LDS
        walk.advance();
        walk.load(a, b);
        tile.template multiply<A, B>(f, lds, rows, columns);
        unsigned other = stage ? -4 * STAGE : 4 * STAGE;
        stage ^= STAGE;
        rows.advance(other), columns.advance(other);
        walk.store(a, b, lds + stage, lds + SIZE_A + stage);
        amdc_barrier();
        f[0].read<A, B>(lds, 0, rows, columns);
        __builtin_amdgcn_sched_barrier(0);
        tile.multiply(f[1]);
        __builtin_amdgcn_sched_barrier(0);
    } while (--stages);
    if (LOCAL_SPLIT > 1) tile.join(lds);
}
