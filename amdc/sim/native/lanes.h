// lanes.h: exchanges between lanes: DPP, ds_swizzle, ds_permute, and registers addressed through M0.
#ifndef AMDC_LANES_H
#define AMDC_LANES_H
#include "wave.h"

// One word (0 or 1) a lane.
INLINE void lane_bits(u32 *to, u64 mask) {
    u32 half[2] = {(u32)mask, (u32)(mask >> 32)};
    for (int h = 0; h < 2; ++h)
        for (int lane = 0; lane < 32; ++lane) to[32 * h + lane] = half[h] >> lane & 1;
}
INLINE void copy_lanes(Wave *W, u32 *to, const u32 *from, u64 exec) {
    const u32 *active = lane_mask(W, exec);
    LANE_LOOP to[lane] = (from[lane] & active[lane]) | (to[lane] & ~active[lane]);
}
// The active lanes of a result of one or two registers.
NOINLINE void merge_lanes(Wave *W, u32 *to, const u32 *result, u64 exec, int registers) {
    for (int i = 0; i < registers; ++i) copy_lanes(W, to + i * LANES, result + i * LANES, exec);
}
INLINE void set_lanes(Wave *W, u32 *to, u32 value, u64 exec) {
    const u32 *active = lane_mask(W, exec);
    LANE_LOOP to[lane] = (value & active[lane]) | (to[lane] & ~active[lane]);
}
// Register `index` + M0; out of range it is v0 [GCN3, 6.3 "Out-of-range"].
INLINE u32 relative_vgpr(Wave *W, u32 index) {
    u64 at = (u64)index + M0;
    return at < W->vgpr_count ? (u32)at : 0;
}
INLINE u32 relative_sgpr(Wave *W, u32 index) {
    u64 at = (u64)index + M0;
    return at < 104 ? (u32)at : 0;
}

// The lane that DPP control `control` makes `lane` read, or -1 [GCN3, "DPP_CTRL enumerations"].
INLINE int dpp_source(u32 control, int lane) {
    int row = lane & ~15, at = lane & 15, by = control & 15;
    if (control < 0x100) return (lane & ~3) + (int)(control >> 2 * (lane & 3) & 3);                 // quad_perm
    if (control >= 0x101 && control <= 0x10f) return at + by < 16 ? lane + by : -1;                  // row_shl
    if (control >= 0x111 && control <= 0x11f) return at >= by ? lane - by : -1;                      // row_shr
    if (control >= 0x121 && control <= 0x12f) return row + ((at - by) & 15);                         // row_ror
    switch (control) {
    case 0x130: return lane < 63 ? lane + 1 : -1;      // wave_shl:1
    case 0x134: return (lane + 1) & 63;                // wave_rol:1
    case 0x138: return lane > 0 ? lane - 1 : -1;       // wave_shr:1
    case 0x13c: return (lane - 1) & 63;                // wave_ror:1
    case 0x140: return row + 15 - at;                  // row_mirror
    case 0x141: return row + (at ^ 7);                 // row_half_mirror
    case 0x142: return row ? row - 1 : -1;             // row_bcast:15
    case 0x143: return lane >= 32 ? 31 : -1;           // row_bcast:31
    }
    return -1;
}
// Moves lanes of `from` into `to` and returns those that the instruction writes. A lane without a source, or whose source is not
// active, reads 0 where `bound` is set and else is not written.
NOINLINE u64 move_lanes(Wave *W, u32 *to, const u32 *from, u32 control, u32 row_mask, u32 bank_mask, u32 bound) {
    u64 exec = EXEC, writes = 0;
    for (int lane = 0; lane < LANES; ++lane) {
        int source = dpp_source(control, lane);
        int valid = source >= 0 && (exec >> source & 1);
        to[lane] = valid ? from[source] : 0;
        int wanted = row_mask >> (lane >> 4) & 1 && bank_mask >> (lane >> 2 & 3) & 1;
        writes |= (u64)(wanted && (valid || bound)) << lane;
    }
    return writes & exec;
}

// The lane that ds_swizzle_b32 makes `lane` read [GCN3, "DS_SWIZZLE_B32"].
INLINE int swizzle_source(u32 pattern, int lane) {
    if (pattern & 0x8000) return (lane & ~3) + (int)(pattern >> 2 * (lane & 3) & 3);
    int at = lane & 31;
    return (lane & 32) + (((at & (int)(pattern & 31)) | (int)(pattern >> 5 & 31)) ^ (int)(pattern >> 10 & 31));
}
NOINLINE void swizzle_lanes(Wave *W, u32 *to, const u32 *from, u32 pattern, u64 exec) {
    u32 result[LANES];
    for (int lane = 0; lane < LANES; ++lane) {
        int source = swizzle_source(pattern, lane);
        result[lane] = exec >> source & 1 ? from[source] : 0;
    }
    copy_lanes(W, to, result, exec);
}
NOINLINE void permute_lanes(Wave *W, u32 *to, const u32 *address, const u32 *from, u32 offset, u64 exec) {
    u32 result[LANES] = {0};
    for (int lane = 0; lane < LANES; ++lane)
        if (exec >> lane & 1) result[(address[lane] + offset) / 4 % LANES] = from[lane];
    copy_lanes(W, to, result, exec);
}
NOINLINE void bpermute_lanes(Wave *W, u32 *to, const u32 *address, const u32 *from, u32 offset, u64 exec) {
    u32 result[LANES];
    for (int lane = 0; lane < LANES; ++lane) {
        u32 source = (address[lane] + offset) / 4 % LANES;
        result[lane] = exec >> source & 1 ? from[source] : 0;
    }
    copy_lanes(W, to, result, exec);
}
#endif
