// conv.hip: 2-d convolution (groups, strides, dilation, any padding) as an implicit GEMM, with bias, fused prologue and epilogue.
//
// Shapes   input [batch][groups * I][H][W], output [batch][groups * M][OH][OW]. C = A x B with A the weights of one group (M x I*KH*KW)
//          and B gathered from the input (conv_gather.h): one column a position of the output.
//          A's element (m, channel i, tap t) lies at w_group * group + m * w_column + (i * KH * KW + t) * w_k:
//          packed weights [I*KH*KW][ld] have w_k = ld, w_column = 1 (LAYOUT_A 0 where all is a multiple of 4, else 1); OIHW has w_k = 1 (LAYOUT_A 2).
//          MODE 0 (TAPS) and 1 (LINEAR): N = batch * OH * OW, grid z = group. MODE 2 (POINTWISE): 1x1, stride 1, no padding,
//          planes of 4 positions or more: B is the input as it lies, by dwordx4. A plane counts as a multiple of 4 columns: the last 4
//          begin 4 before its end (so narrow types want OH * OW a multiple of 4). Either all images are one product, N = batch * (OH * OW
//          rounded up to 4), grid z = group, where channels are a multiple of TILE_K, or N is one image's, z = image * groups + group.
// Fused    AMDC_PROLOGUE(value, input channel) before the zero padding; AMDC_EPILOGUE(value, output channel, element). BIAS 1: bias[channel].
// Types    TYPE_X, TYPE_W, TYPE_BIAS: float or narrower (amdc_types.h), TYPE_Y: any; arithmetic in fp32; sums are sequential in the order of k, with v_mac (multiply and add round each).
// Launch   AMDC_BLOCK = TILE_M * TILE_N / (THREAD_M * THREAD_N) * LOCAL_SPLIT lanes; grid (ceil(N / TILE_N), ceil(M / TILE_M), z).
//          SPLIT 1: grid z counts `parts` times the above, the part slowest; part p takes `chunk` values of k (of each tap, a multiple of
//          TILE_K) from p * chunk on, and the last work-group of a tile adds the parts and finishes it (split_finish.h).
// Limits   tensors below 1 GiB; mode 0: TILE_N a multiple of 64, or EXACT 1, which wants channels a multiple of TILE_K and less than 33 lanes
//          beyond whole rows of TILE_N; mode 1: TILE_N a multiple of 64, I * KH * KW <= 8192, KH * KW <= 128.
// Static   clang 19, packed weights, BIAS 1; the share of v_mac in the loop's instructions, and in its VALU instructions (VGPRs):
//            tile         POINTWISE           3x3 TAPS            7x7 LINEAR
//            128x128x8    0.886 0.990 (114)   0.823 0.983 (119)   0.727 0.938 (117)
//            128x64x16    0.853 0.987 (81)    0.795 0.979 (83)    0.705 0.934 (83)
//            64x64x16     0.793 0.981 (50)    0.698 0.966 (55)    0.570 0.883 (53)
//            32x64x16     0.780 0.973 (56)    0.648 0.952 (59)    0.416 0.795 (57)
//            32x64x32     0.683 0.973 (46)    0.579 0.952 (49)    0.386 0.795 (47)
//            16x64x16     0.762 0.966 (66)    0.569 0.924 (67)    0.279 0.663 (65)
//            128x28x16s4  0.775 0.978 (109)
//            64x28x16s4   0.659 0.957 (68)
//          LDS as in gemm.hip; no spills. The scalar ALU has the rest: in TAPS about 10 of its instructions a gathered value.
//          The tiles are kernels/gemm_tiles.py's; those with LOCAL_SPLIT sets of lanes fill the card with few of them.
// Versions k in the order of the weights (LINEAR) for all: address and padding test for each value, 8 VALU instructions; by taps they are
//          made once a tap, and a value costs one v_add. The input is then read once a tap, from L2 where it does not fit into L1.
//          Predicted for an RX 580, batch 1, without the launch (the fp32 peak's share):
//            bias loaded where it is added: between the stores clang loads and awaits it once an element; all rows' at once: 1x1 1024->256 on
//              14x14 (128x28x16s4 in 5 parts) 40.4 us -> 35.8 us (47 %), 256->1024 on 14x14 (128x28x16s4) 41.9 -> 35.9 us (46 %).
//            tiles 32 and 64 wide waste a quarter of 14x14 and 7x7 planes: those 28 and 56 wide, 7 columns a lane, fit; a lane's columns
//              stand apart, so 28 wide ones store 16 bytes a row: 64->256 on 56x56 takes 72.6 us with 64x28x16s4, 35.0 with 128x64x16.
//            whole channels: 2048->512 on 7x7 has few tiles, 73.4 us; in 4 parts 38.9 us (43 %); 960->320 on 7x7 37.4 us -> 16.9 us (29 %).
//            3x3/2 512->512 to 7x7: 128x64x16 in 16 parts 86.9 us, EXACT with 128x28x16s4 in 8 parts 80.1 us (47 %; its weights take DRAM
//              43 us); 1x1/2 1024->2048 to 7x7: 84.4 us -> 69.6 us (48 %), 512->1024 to 14x14: 72.8 us -> 65.1 us (51 %).
//            a residual that the epilogue adds, read dword by dword and row by row, each row's before its store: 1x1 64->256 on 56x56
//              (64x64x32s2) 52.5 us, 256->1024 on 14x14 (128x56x16s2) 49.5 us; by dwordx4, which clang makes of four neighbours' dwords:
//              51.4 and 49.3 us; those of four rows before the first store: 46.7 and 42.1 us; with arguments.h 45.6 us for the first.
//            64x28x16s4 held to 64 VGPRs, four waves a SIMD and not three: 35.7 us and not 36.1 for 256->1024 on 14x14: not kept.
//          What is lost there: 256->1024 on 14x14 with 64x28x16s4 takes 48,000 clocks, 22,200 of them multiply-adds. Starting, joining the
//          sets and writing take a wave 4,600, the loop 26,400. SIMDs serve their older wave first: the first of 112 work-groups ends at
//          27,500, and the younger ones, alone by then, wait for their own loads and barriers.
#include "amdc.h"
#include "amdc_types.h"
#ifndef TILE_M
#define TILE_M 64
#define TILE_N 64
#define TILE_K 16
#define THREAD_M 4
#define THREAD_N 4
#define KH 3
#define KW 3
#define MODE 0
#define LAYOUT_A 0
#define VECTOR_C 1
#define SPLIT 0
#define EXACT 0
#define BIAS 0
#define TYPE_X float
#define TYPE_W float
#define TYPE_Y float
#define TYPE_BIAS float
#endif
#include "arguments.h"
#include "gemm_panels.h"
#include "gemm_tile.h"
#include "conv_gather.h"
#include "split_finish.h"
#ifndef AMDC_EPILOGUE
#define AMDC_EPILOGUE_PARAMS
#define AMDC_EPILOGUE(value, channel, offset) (value)
#endif
#ifdef AMDC_PROLOGUE
#define HAS_PROLOGUE 1
#else
#define HAS_PROLOGUE 0
#define AMDC_PROLOGUE_PARAMS
#define AMDC_PROLOGUE(value, channel) (value)
#endif
#define TAPS 0
#define LINEAR 1
#define POINTWISE 2

template <class Function> struct Changed : Function {
    static constexpr bool identity = !HAS_PROLOGUE;
    MEMBER Changed(const Function &f) : Function(f) {}
};

// The input of a 1x1 convolution as it lies: a panel whose columns are positions of one image's plane after the other's. Only where a lane
// starts takes a division, so neither batches nor odd planes need another layout: dwordx4 wants no more than whole dwords.
struct Planes : Panel<TILE_N, PANEL_VECTORS, TYPE_X> {
    MEMBER Planes(const Matrix &of) : Panel(of) {}
    MEMBER static unsigned columns(const Geometry &g) { return (g.plane_out + 3) & ~3u; } // of an image
    MEMBER void start(unsigned first, unsigned count, const Geometry &g) {
        k_bytes = size * g.plane_out;
        Items::fill(offset, [&](unsigned row, unsigned column) INLINE {
            unsigned n = first + 4 * column, image = g.image(n), at = n - image * columns(g), last = g.plane_out - 4;
            return n < count ? row * k_bytes + size * (image * g.image_in + (at < last ? at : last)) : BEHIND;
        });
    }
    // The position of column n in its image's plane; NO_COLUMN for one that a column before has too.
    MEMBER static unsigned position(unsigned n, unsigned image, const Geometry &g) {
        unsigned at = n - image * columns(g), last = g.plane_out - 4;
        if ((at & ~3u) <= last) return at;
        return last + (at & 3u) >= (at & ~3u) ? last + (at & 3u) : NO_COLUMN;
    }
};

// Stands at a slice of k: `k` counts channels in TAPS and POINTWISE, and channels times taps in LINEAR, from `first` to `end` of each tap.
template <class Prologue> struct Walk {
    Prologue prologue;
    const Geometry &g;
    unsigned w_k, first, end, k, tap = 0, kh = 0, kw = 0;
    bool new_tap = MODE == TAPS;

    MEMBER Walk(const Prologue &p, const Geometry &geometry, unsigned weights_k, unsigned from, unsigned to)
        : prologue(p), g(geometry), w_k(weights_k), first(from), end(to), k(from) {}
    template <class A, class B> MEMBER void load(A &a, B &b) {
        if (new_tap) b.tap(kh, kw, g);
        a.load(k, amdc_size<TYPE_W> * tap * w_k);
        if constexpr (MODE == TAPS) b.load_taps(k, g);
        else b.load_linear(k, g);
    }
    template <class A> MEMBER void load(A &a, Planes &b) {
        a.load(k);
        b.load(k);
    }
    template <class A, class B> MEMBER void store(A &a, B &b, float *to_a, float *to_b) {
        a.store(to_a, k, 0, Unchanged());
        b.template store<MODE == LINEAR>(to_b, k, prologue);
    }
    template <class A> MEMBER void store(A &a, Planes &b, float *to_a, float *to_b) {
        a.store(to_a, k, 0, Unchanged());
        b.store(to_b, k, g.channels, prologue);
    }
    MEMBER void advance() {
        k += TILE_K;
        if (MODE != TAPS || KHW == 1) return;
        new_tap = k >= end;
        if (!new_tap) return;
        k = first;
        ++tap;
        kw = kw + 1 == KW ? 0 : kw + 1;
        kh += kw == 0;
    }
};

AMDC_KERNEL void AMDC_SYMBOL(const void *x, unsigned x_bytes, const void *w, unsigned w_bytes, void *y, unsigned y_bytes, unsigned M,
                             unsigned N, unsigned groups, unsigned groups_multiplier, unsigned groups_shift, unsigned w_group, unsigned w_column,
                             unsigned w_k, unsigned channels, unsigned H, unsigned W, unsigned OW, unsigned plane_out, unsigned stride_h,
                             unsigned stride_w, unsigned dilation_h, unsigned dilation_w, unsigned pad_h, unsigned pad_w, unsigned OW_multiplier,
                             unsigned OW_shift, unsigned plane_multiplier, unsigned plane_shift
#if SPLIT
                             , const void *partials, unsigned partials_bytes, unsigned *counters, unsigned counters_bytes, unsigned parts,
                             unsigned chunk, unsigned products, unsigned products_multiplier, unsigned products_shift, unsigned tiles_m,
                             unsigned tiles_n
#endif
#if BIAS
                             , const void *bias, unsigned bias_bytes
#endif
                             AMDC_PROLOGUE_PARAMS AMDC_EPILOGUE_PARAMS) {
    amdc_fetch_arguments<decltype(AMDC_SYMBOL)>();
    const Geometry g = {H, W, channels, stride_h, stride_w, dilation_h, dilation_w, (int)pad_h, (int)pad_w, OW, plane_out,
                        groups * channels * H * W, groups * M * plane_out, OW_multiplier, OW_shift, plane_multiplier, plane_shift};
    unsigned z = amdc_group_z(), first_m = amdc_group_y() * TILE_M, first_n = amdc_group_x() * TILE_N;
    unsigned size = MODE == LINEAR ? channels * KHW : channels, begin = 0, end = size;
#if SPLIT
    unsigned part = __builtin_amdgcn_readfirstlane(amdc_divide(z, products_multiplier, products_shift));
    z -= part * products, begin = part * chunk;
    end = size - begin < chunk ? size : begin + chunk;
    Split split = {amdc_make(partials, partials_bytes), counters, parts, part, (z * tiles_m + amdc_group_y()) * tiles_n + amdc_group_x()};
#endif
    unsigned group = __builtin_amdgcn_readfirstlane(z - amdc_divide(z, groups_multiplier, groups_shift) * groups);
    unsigned before = amdc_size<TYPE_X> * z * channels * H * W; // z = image * groups + group: dense in both tensors
    bool taps = MODE == TAPS;
    unsigned per_k = taps ? KHW : 1;

    Matrix weights((const char *)w + amdc_size<TYPE_W> * group * w_group, amdc_size<TYPE_W> * w_group);
    Panel<TILE_M, LAYOUT_A, TYPE_W> a(weights);
    a.start(first_m, per_k * w_k, w_column, size);
#if MODE == POINTWISE
    Matrix input((const char *)x + before, N > Planes::columns(g) ? x_bytes - before : amdc_size<TYPE_X> * channels * plane_out);
    Planes b(input);
    b.start(first_n, N, g);
#else
#if EXACT
    ExactGather b;
#else
    Gather b;
#endif
    b.start(amdc_make((const char *)x + before, x_bytes - before), first_n, N, g);
#endif
    auto prologue = [&](float value, unsigned channel) INLINE { return AMDC_PROLOGUE(value, group * channels + channel); };
    Walk<Changed<decltype(prologue)>> walk(prologue, g, w_k, begin, end);
    Tile tile;
    multiply_all(tile, a, b, walk, per_k * ((end - begin + TILE_K - 1) / TILE_K));
#if SPLIT
    static_assert(LANES % 64 == 0, "waves hold whole sums or none");
    if (Tile::part() != 0) return;
    auto sum = [&](unsigned i) INLINE -> float & { return tile.c[i / THREAD_N][i % THREAD_N]; };
    if (!split_finish<THREAD_M * THREAD_N, LANES / 64>(split, amdc_wave(), sum)) return;
#endif

    unsigned columns[THREAD_N], first_row = MODE == POINTWISE ? z * M : group * M;
    for (int j = 0; j < THREAD_N; ++j) {
        unsigned n = first_n + Tile::column(j), image = g.image(n);
        unsigned at = MODE == POINTWISE ? Planes::position(n, image, g) : n - image * plane_out;
        columns[j] = n < N && at != NO_COLUMN ? image * g.image_out + at : NO_COLUMN;
    }
    auto row_element = [&](int i) INLINE {
        unsigned m = first_m + Tile::row(i);
        return m < M ? (first_row + m) * plane_out : NO_ROW;
    };
#if BIAS
    float added[THREAD_M]; // all at once: between the stores, clang would load each again for every column, and wait for it
    for (int i = 0; i < THREAD_M; ++i) added[i] = amdc_read<TYPE_BIAS>(amdc_make(bias, bias_bytes), group * M + first_m + Tile::row(i));
#endif
    auto finish = [&](float value, int i, int, unsigned element) INLINE {
#if BIAS
        value += added[i];
#endif
        return AMDC_EPILOGUE(value, group * M + first_m + Tile::row(i), element);
    };
    tile.store<TYPE_Y, VECTOR_C>(amdc_make(y, y_bytes), columns, row_element, row_element, finish);
}
