// conv_gather.h: the B panel of an implicit-GEMM convolution: image values gathered by position and filter tap.
//
// Column n of B is an output position (image, oh, ow); a lane keeps one column and a wave one k at a time, so channel and tap are scalars.
// TAPS    k runs over the channels of one tap, tap by tap: a lane's address and its test for padding change only with the tap.
//         EXACT: channels are whole stages. Then what a lane adds for its row is in its offset, what a stage adds is the same for all lanes,
//         and neither takes a vector instruction or a test; and tiles need not be whole waves wide.
// LINEAR  k = channel * KH * KW + tap: for few channels, where TAPS would fill TILE_K badly; address and test for each value.
#ifndef EXACT
#define EXACT 0
#endif
#define KHW (KH * KW)
#define NO_CHANNEL 0x40000000u // behind a tensor below 1 GiB; BEHIND + NO_CHANNEL + an offset stays below 2^32

struct Geometry {
    unsigned H, W, channels;                               // of the input; channels of one group
    unsigned stride_h, stride_w, dilation_h, dilation_w;   //
    int pad_h, pad_w;                                      // before the first row and column
    unsigned OW, plane_out, image_in, image_out;           // output width, OH * OW; elements of one image's input and output
    unsigned OW_multiplier, OW_shift, plane_multiplier, plane_shift; // for amdc_divide

    MEMBER unsigned image(unsigned n) const { return amdc_divide(n, plane_multiplier, plane_shift); }
};

struct Gather {
    static constexpr unsigned rows = AMDC_BLOCK / TILE_N, passes = TILE_K / rows, floats = TILE_N * TILE_K;
    template <unsigned UNIT = 1> MEMBER static unsigned at(unsigned k, unsigned column, unsigned further = 0) { // see gemm_panels.h
        return UNIT * (k * TILE_N + further) + column;
    }
    static_assert(MODE == 2 || EXACT || (TILE_N % 64 == 0 && rows >= 1 && rows * passes == TILE_K), "a wave stays within one k");
    static constexpr unsigned item = amdc_size<TYPE_X>;
    amdc_type<TYPE_X>::bits data[passes]; // as loaded; fp32 from LDS on
    bool live[passes];
    amdc_buffer buffer;
    unsigned row, offset, plane_bytes;
    int y0, x0, base; // the window's first row and column, and its byte offset: negative in the padding
    bool inside;      // the column exists, and in TAPS the tap lies within the image

    MEMBER void start(amdc_buffer from, unsigned first, unsigned size, const Geometry &g) {
        buffer = from;
        row = __builtin_amdgcn_readfirstlane(amdc_thread() / TILE_N);
        plane_bytes = item * g.H * g.W;
        unsigned n = first + amdc_thread() % TILE_N, image = g.image(n), at = n - image * g.plane_out;
        unsigned oh = amdc_divide(at, g.OW_multiplier, g.OW_shift), ow = at - oh * g.OW;
        y0 = (int)(oh * g.stride_h) - g.pad_h;
        x0 = n < size ? (int)(ow * g.stride_w) - g.pad_w : -0x40000000; // no tap moves that into the image
        base = (int)item * ((int)(image * g.image_in) + y0 * (int)g.W + x0);
    }
    MEMBER bool within(unsigned dy, unsigned dx, const Geometry &g) const { return (unsigned)y0 + dy < g.H && (unsigned)x0 + dx < g.W; }
    MEMBER void tap(unsigned kh, unsigned kw, const Geometry &g) {
        unsigned dy = kh * g.dilation_h, dx = kw * g.dilation_w;
        inside = within(dy, dx, g);
        offset = inside ? base + item * (dy * g.W + dx) : BEHIND;
    }
    MEMBER void load_taps(unsigned k, const Geometry &g) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            unsigned channel = k + row + p * rows;
            live[p] = inside && channel < g.channels;
            data[p] = amdc_bits<item>::load(buffer, offset + (channel < g.channels ? channel * plane_bytes : NO_CHANNEL));
        }
    }
    // Exact for k * KHW <= 2^20 (and the division by KW below for KHW * KW <= 2^16): gfx803's scalar ALU has no high half of a product.
    MEMBER static unsigned channel_of(unsigned k) { return KHW == 1 ? k : k * (((1u << 20) + KHW - 1) / KHW) >> 20; }
    MEMBER void load_linear(unsigned k, const Geometry &g) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            unsigned at = k + row + p * rows, channel = channel_of(at), rest = at - channel * KHW;
            unsigned kh = rest * (((1u << 16) + KW - 1) / KW) >> 16, dy = kh * g.dilation_h, dx = (rest - kh * KW) * g.dilation_w;
            live[p] = within(dy, dx, g) && channel < g.channels;
            data[p] = amdc_bits<item>::load(buffer, live[p] ? base + (channel * plane_bytes + item * (dy * g.W + dx)) : BEHIND);
        }
    }
    // Padding stays 0 whatever the prologue makes of 0.
    template <bool LINEAR, class Prologue> MEMBER void store(float *lds, unsigned k, Prologue prologue) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            unsigned at = k + row + p * rows;
            float value = amdc_type<TYPE_X>::decode(data[p]);
            if (!Prologue::identity) value = live[p] ? prologue(value, LINEAR ? channel_of(at) : at) : 0.0f;
            lds[p * AMDC_BLOCK + amdc_thread()] = value;
        }
    }
};

// TAPS where channels are a multiple of TILE_K. A lane keeps one column and one row of k modulo `rows`; the lanes left over, less than 32,
// do what those 32 before them in their wave do.
struct ExactGather {
    static constexpr unsigned rows = AMDC_BLOCK / TILE_N, passes = (TILE_K + rows - 1) / rows, held = rows * TILE_N, floats = passes * held;
    template <unsigned UNIT = 1> MEMBER static unsigned at(unsigned k, unsigned column, unsigned further = 0) {
        return UNIT * (k * TILE_N + further) + column;
    }
    static_assert(!EXACT || AMDC_BLOCK - held <= 32, "the lanes left over have others to follow");
    static constexpr unsigned item = amdc_size<TYPE_X>;
    amdc_type<TYPE_X>::bits data[passes]; // as loaded; fp32 from LDS on
    amdc_buffer buffer;
    unsigned place, offset, plane_bytes; // `place`: of the lane among those that hold the first `rows` rows
    int y0, x0, base;                    // as in Gather; `base` with the lane's row
    bool inside;

    MEMBER void start(amdc_buffer from, unsigned first, unsigned size, const Geometry &g) {
        buffer = from;
        place = amdc_thread() < held ? amdc_thread() : amdc_thread() - 32;
        plane_bytes = item * g.H * g.W;
        unsigned n = first + place % TILE_N, image = g.image(n), at = n - image * g.plane_out;
        unsigned oh = amdc_divide(at, g.OW_multiplier, g.OW_shift), ow = at - oh * g.OW;
        y0 = (int)(oh * g.stride_h) - g.pad_h;
        x0 = n < size ? (int)(ow * g.stride_w) - g.pad_w : -0x40000000; // no tap moves that into the image
        base = (int)(item * image * g.image_in + place / TILE_N * plane_bytes) + (int)item * (y0 * (int)g.W + x0);
    }
    MEMBER void tap(unsigned kh, unsigned kw, const Geometry &g) {
        unsigned dy = kh * g.dilation_h, dx = kw * g.dilation_w;
        inside = (unsigned)y0 + dy < g.H && (unsigned)x0 + dx < g.W;
        offset = inside ? base + item * (dy * g.W + dx) : BEHIND;
    }
    // The slice behind the last one of a single tap would begin behind the image: its place may not wrap the bounds check.
    MEMBER void load_taps(unsigned k, const Geometry &g) {
        unsigned from = (k < g.channels ? k : 0) * plane_bytes;
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            unsigned further = from + p * rows * plane_bytes; // within the image, so that the base, which no bounds check counts, is safe
            if constexpr (item == 4) data[p] = amdc_load_u32(buffer, offset, further);
            else data[p] = amdc_bits<item>::load(buffer, offset + further);
        }
    }
    template <bool, class Prologue> MEMBER void store(float *lds, unsigned k, Prologue prologue) {
#pragma unroll
        for (unsigned p = 0; p < passes; ++p) {
            float value = amdc_type<TYPE_X>::decode(data[p]);
            if (!Prologue::identity) value = inside ? prologue(value, k + place / TILE_N + p * rows) : 0.0f;
            lds[p * held + place] = value;
        }
    }
};
