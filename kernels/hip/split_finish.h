// split_finish.h: adds up what several work-groups computed of one tile, in the same launch: the last of them to arrive finishes the tile.
//
// A second launch to add the parts would cost 26 us, more than most split work takes. Each wave acts for itself, without LDS or barriers:
// wave w of every part holds the same elements of the tile, stores its sums, counts itself on the counter of (tile, w), and where it is the
// last one adds all parts in the order of the parts, so that results repeat bit by bit whichever wave comes last.
//
// Use      The grid has tiles * parts work-groups; let the part be the slowest index (z): the parts of a tile then run beside those of others.
//            Split split = {amdc_make(partials, partials_bytes), counters, parts, part, tile};
//            if (!split_finish<VALUES, GROUP_WAVES>(split, amdc_wave(), [&](unsigned i) AMDC_INLINE -> float & { return sums[i]; })) return;
//            ... bias, epilogue, store: sums[] are the totals now.
//          VALUES: sums of a lane; GROUP_WAVES: of a work-group, those that hold sums. All lanes of a wave must be active. The result is the same
//          for a wave, not for a work-group: no barrier behind it. With one part it is true at once, and no memory is touched.
// Memory   partials: fp32, [tile][part][wave][VALUES * 64], from builder.scratch; counters: unsigned, [tile][wave], from builder.counters,
//          zeros before and after every launch, so that all launches of a session share them. Both stand in the launch's `inside`.
// Order    last_part.h says how the others' sums reach the wave that comes last.
// Static   clang 19: s_waitcnt vmcnt(0) before flat_atomic_inc, buffer_wbinvl1_vol behind it, dwordx4 loads and stores, no scratch
//          (tests/kernels/test_split_finish.py).
// Versions Counting by work-group takes two barriers and a dword of LDS (with 32 KiB a group, one group less a CU), and leaves the whole tile
//          to one CU. Own sums kept in registers at their place in the order: a branch a part, to save one load of each value.
#include "last_part.h"

struct Split {
    amdc_buffer partials;
    unsigned *counters;
    unsigned parts, part, tile; // how many parts, and this work-group's part and tile
};

// A wave's own VALUES * 64 sums of a part, from byte `start` on: in memory the lanes of four values lie side by side.
template <unsigned VALUES, class Value> AMDC_DEVICE void split_store(amdc_buffer to, unsigned start, Value value) {
    const unsigned lane = amdc_lane();
#pragma unroll
    for (unsigned i = 0; i + 3 < VALUES; i += 4) {
        amdc_f4 four = {value(i), value(i + 1), value(i + 2), value(i + 3)};
        amdc_store_f32x4(to, start + 256 * i + 16 * lane, four);
    }
#pragma unroll
    for (unsigned i = VALUES / 4 * 4; i < VALUES; ++i) amdc_store_f32(to, start + 256 * i + 4 * lane, value(i));
}
// As many of them as `loaded` holds, from value BEGIN on.
template <unsigned VALUES, unsigned BEGIN, unsigned NUMBER> AMDC_DEVICE void split_load(float (&loaded)[NUMBER], amdc_buffer from, unsigned start) {
    const unsigned lane = amdc_lane();
#pragma unroll
    for (unsigned i = BEGIN; i < BEGIN + NUMBER; ++i) {
        if (i >= VALUES / 4 * 4) loaded[i - BEGIN] = amdc_load_f32(from, start + 256 * i + 4 * lane);
        if (i >= VALUES / 4 * 4 || i % 4) continue;
        amdc_f4 four = amdc_load_f32x4(from, start + 256 * i + 16 * lane);
#pragma unroll
        for (unsigned j = 0; j < 4; ++j) loaded[i - BEGIN + j] = four[j];
    }
}
// The sums from value BEGIN on become the totals over all parts, 32 values at a time: all loads of 64 would take 130 registers.
template <unsigned VALUES, unsigned BEGIN, class Value>
AMDC_DEVICE void split_add(const Split &split, unsigned first, unsigned step, Value value) {
    constexpr unsigned number = VALUES - BEGIN < 32 ? VALUES - BEGIN : 32, ahead = 32 / number; // parts whose loads are under way
#pragma unroll
    for (unsigned i = 0; i < number; ++i) value(BEGIN + i) = 0;
#pragma unroll 1
    for (unsigned part = 0; part < split.parts; part += ahead) {
        float loaded[ahead][number];
#pragma unroll
        for (unsigned a = 0; a < ahead; ++a) // behind the last part: behind the buffer, which reads as 0
            split_load<VALUES, BEGIN>(loaded[a], split.partials, part + a < split.parts ? first + (part + a) * step : 0x80000000u);
        __builtin_amdgcn_sched_barrier(0); // else clang 19 waits for each load before it issues the next, to save registers
#pragma unroll
        for (unsigned a = 0; a < ahead; ++a)
#pragma unroll
            for (unsigned i = 0; i < number; ++i) value(BEGIN + i) += loaded[a][i];
    }
    if constexpr (BEGIN + number < VALUES) split_add<VALUES, BEGIN + number>(split, first, step, value);
}

// value(i): the lane's sum i, as a reference. Behind a result of true they are the totals.
template <unsigned VALUES, unsigned GROUP_WAVES, class Value> AMDC_DEVICE bool split_finish(const Split &split, unsigned wave, Value value) {
    constexpr unsigned step = 256 * VALUES * GROUP_WAVES; // bytes of a part
    if (split.parts == 1) return true;
    const unsigned first = split.tile * split.parts * step + 256 * VALUES * wave;
    split_store<VALUES>(split.partials, first + split.part * step, value);
    if (!last_part(split.counters + split.tile * GROUP_WAVES + wave, split.parts)) return false;
    split_add<VALUES, 0>(split, first, step, value);
    return true;
}
