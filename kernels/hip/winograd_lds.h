// winograd_lds.h: how stages of winograd_lds.hip pass from memory through registers and LDS into sums. Its macros are those of that file.
//
// While a stage is multiplied, the one behind it goes to LDS, and the one behind that is loaded; both a piece at a time behind the products
// of a tile, so that address unit and LDS never keep waves waiting for long. Versions and their figures: winograd_lds.hip.
static_assert(LOADS <= TILES && STORES <= TILES, "a piece at most behind the products of each tile");

// As amdc_barrier(), for LDS alone: in front of a barrier that it knows clang 19 waits for the loads of the next stage, too.
AMDC_DEVICE void meet() { __asm__ volatile("s_waitcnt lgkmcnt(0)\n\ts_barrier" ::: "memory"); }

AMDC_DEVICE float *in_lds(float *lds, unsigned byte, unsigned more) { return (float *)((char *)lds + byte) + more; }

// A lane's half of a 4x4 window of one channel: three of its rows give it two of the four rows of B^T d B.
//   half 0: rows 0 1 2 of d give rows 0 1; half 1: rows 3 2 1 give rows 3 (negated, as the filters' row is) and 2.
struct Patch {
    typedef typename amdc_type<TYPE_X>::bits bits;
    bits data[3][4];
    unsigned row[3]; // bytes from the first channel's plane, of the second channel: never negative; OUTSIDE: a row of padding
    bool there[3], inside[4]; // rows, columns
    float sign;

    MEMBER void start(unsigned half, bool live, unsigned image, int y, int x, unsigned H, unsigned W) {
#pragma unroll
        for (int i = 0; i < 3; ++i) {
            int at = y + (half ? 3 - i : i);
            there[i] = live && (unsigned)at < H;
            row[i] = there[i] ? amdc_size<TYPE_X> * (image + (at + H) * W + x) : OUTSIDE;
        }
#pragma unroll
        for (int j = 0; j < 4; ++j) inside[j] = (unsigned)(x + j) < W;
        sign = half ? -1.0f : 1.0f;
    }
    // Of channel 0, where a window may begin in front of the tensor. `plane`: its bytes; the other channels are counted from the next one.
    MEMBER void load_first(amdc_buffer from, unsigned plane) {
#pragma unroll
        for (int i = 0; i < 3; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) data[i][j] = load_one(from, inside[j] && there[i] ? row[i] - plane + j * amdc_size<TYPE_X> : OUTSIDE, 0);
    }
    MEMBER void load(amdc_buffer from, unsigned channel, int i) {
        if constexpr (sizeof(bits) == 4) {
            amdc_u4 four = amdc_load_u32x4(from, row[i], channel);
#pragma unroll
            for (int j = 0; j < 4; ++j) data[i][j] = four[j];
        } else {
#pragma unroll
            for (int j = 0; j < 4; ++j) data[i][j] = load_one(from, row[i] + j * amdc_size<TYPE_X>, channel);
        }
    }
    MEMBER static bits load_one(amdc_buffer from, unsigned offset, unsigned channel) {
        if constexpr (sizeof(bits) == 4) return amdc_load_u32(from, offset, channel);
        else return __builtin_amdgcn_raw_buffer_load_b16(from, (int)offset, (int)channel, 0);
    }
    template <class Prologue> MEMBER void transform(float (&to)[8], Prologue prologue) const {
        float d[3][4], t[2][4];
#pragma unroll
        for (int i = 0; i < 3; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) {
                d[i][j] = amdc_type<TYPE_X>::decode(data[i][j]);
                if (HAS_PROLOGUE) d[i][j] = there[i] ? prologue(d[i][j]) : 0.0f;
            }
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            t[0][j] = d[0][j] - d[2][j];
            t[1][j] = d[1][j] + sign * d[2][j];
            if (EDGES >> j & 1) t[0][j] = inside[j] ? t[0][j] : 0.0f, t[1][j] = inside[j] ? t[1][j] : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < 2; ++i)
            to[4 * i] = t[i][0] - t[i][2], to[4 * i + 1] = t[i][1] + t[i][2], to[4 * i + 2] = t[i][2] - t[i][1], to[4 * i + 3] = t[i][1] - t[i][3];
    }
};

// One channel at a lane's point: its tiles and its filters.
struct Fragment {
    float v[8], u[FILTERS];

    MEMBER void read(const float *inputs, const float *weights) {
#pragma unroll
        for (int g = 0; g < 2; ++g) {
            amdc_f4 four = *(const amdc_f4 *)(inputs + 16 * g);
#pragma unroll
            for (int i = 0; i < 4; ++i) v[4 * g + i] = four[i];
        }
#pragma unroll
        for (int g = 0; g < FILTERS / 4; ++g) {
            amdc_f4 four = *(const amdc_f4 *)(weights + 16 * g);
#pragma unroll
            for (int i = 0; i < 4; ++i) u[4 * g + i] = four[i];
        }
    }
    // `beside(t)` is done behind the products of tile t.
    template <class Beside> MEMBER void multiply(float (&sums)[TILES][FILTERS], Beside beside) const {
        __asm__ volatile("" ::"v"(u[FILTERS - 1]), "v"(v[7])); // what was read last: one wait for all of it
#pragma unroll
        for (int t = 0; t < TILES; ++t) {
#pragma unroll
            for (int f = 0; f < FILTERS; ++f) sums[t][f] += v[t] * u[f];
            __builtin_amdgcn_sched_barrier(0);
            beside(t);
            __builtin_amdgcn_sched_barrier(0);
        }
        if (TILES < 8) __asm__ volatile("" ::"v"(v[6]), "v"(v[7])); // else clang gives its register to the next load, which then waits for this one
    }
};

// What work-groups load from: `weight` is the byte of u at which the wave's part of the stage begins.
struct Source {
    const void *x, *u;
    unsigned x_bytes, u_bytes, plane_bytes, channel, end, weight;

    // Behind this part's channels nothing is loaded: the last stages would fetch what others, or nobody, need.
    MEMBER amdc_buffer inputs() const { return amdc_make(x, channel < end ? x_bytes : 0); }
    MEMBER amdc_buffer filters() const { return amdc_make(u, channel < end ? u_bytes : 0); }
    MEMBER void advance() { channel += SETS * STEP, weight += 4 * SETS * WEIGHTS; }
};

// A lane's part of a stage on its way from memory to LDS, in LOADS and STORES pieces.
struct Feed {
    Patch patch;
    amdc_f4 brought[QUADS];
    float transformed[8];
    unsigned own, to_inputs, to_weights; // bytes: of u from `weight`, and in LDS

    MEMBER void load(const Source &from, int piece) {
        if (piece < 3) patch.load(from.inputs(), (from.channel - 1) * from.plane_bytes, piece);
        else brought[piece - 3] = amdc_load_f32x4(from.filters(), own + (piece - 3) * 1024, from.weight);
    }
    MEMBER void load_first(const Source &from) {
        if (from.channel == 0) patch.load_first(from.inputs(), from.plane_bytes);
#pragma unroll
        for (int i = 0; i < LOADS; ++i)
            if (i >= 3 || from.channel) load(from, i);
    }
    MEMBER void store(float *lds, int piece) const {
        if (piece >= 4) *(amdc_f4 *)in_lds(lds, to_weights, (piece - 4) * 256) = brought[piece - 4];
        else
            for (int i = 2 * piece; i < 2 * piece + 2; ++i) *in_lds(lds, to_inputs, i * SLOTS) = transformed[i];
    }
};

// All stages of a part: the sums of this lane's point. `inputs`, `weights`: bytes of LDS at which its first channel lies; `transform` turns what
// `feed` has loaded into what it stores.
template <class Transform>
AMDC_DEVICE void multiply_all(float (&sums)[TILES][FILTERS], Feed &feed, Source &from, float *lds, unsigned inputs, unsigned weights, unsigned stages,
                              Transform transform) {
    Fragment f[2];
    auto read = [&](Fragment &to, int k) INLINE { to.read(in_lds(lds, inputs, k * POINTS * SLOTS), in_lds(lds, weights, k * POINTS * ROW)); };
    unsigned other = 4 * STAGE; // bytes from the stage that is multiplied to the one that is filled
    feed.load_first(from);
    transform();
#pragma unroll
    for (int i = 0; i < STORES; ++i) feed.store(lds, i);
    from.advance();
#pragma unroll
    for (int i = 0; i < LOADS; ++i) feed.load(from, i);
    meet();
    read(f[0], 0);
    feed.to_inputs += other, feed.to_weights += other;
    for (unsigned left = stages; left; --left) {
#pragma unroll
        for (int k = 0; k < STEP - 1; ++k) {
            read(f[(k + 1) & 1], k + 1);
            __builtin_amdgcn_sched_barrier(0);
            if (k == STEP - 2) transform();
            f[k & 1].multiply(sums, [&](int t) INLINE {
                if (k == STEP - 2 && t < STORES) feed.store(lds, t);
            });
        }
        feed.to_inputs -= other, feed.to_weights -= other, inputs += other, weights += other, other = -other;
        from.advance();
        f[(STEP - 1) & 1].multiply(sums, [&](int t) INLINE {
            if (t == MEET) {
                meet();
                read(f[0], 0);
            }
            if (t < LOADS) feed.load(from, t);
        });
    }
}
