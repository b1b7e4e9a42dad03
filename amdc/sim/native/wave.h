// wave.h: the state of a wave, a work-group and a launch, as translated kernels see it. No system header is included, so that any C
// compiler serves. amdc/sim/structures.py mirrors Launch, Fault and Allocations for ctypes: keep both in the same order.
#ifndef AMDC_WAVE_H
#define AMDC_WAVE_H

typedef __UINT8_TYPE__ u8;
typedef __UINT16_TYPE__ u16;
typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;
typedef __INT8_TYPE__ i8;
typedef __INT16_TYPE__ i16;
typedef __INT32_TYPE__ i32;
typedef __INT64_TYPE__ i64;
typedef float f32;
typedef double f64;
typedef u64 __attribute__((may_alias, aligned(4))) u64_pair; // two consecutive scalar registers

#define LANES 64
#define LAST_HITS 8
typedef u32 (*Registers)[LANES]; // consecutive vector registers
#define ALL_LANES (~(u64)0)
#define NOINLINE __attribute__((noinline, unused)) static
// Functions of one object file that another one of the same library calls.
#define SHARED __attribute__((noinline, visibility("hidden")))
#define IMPORTED extern __attribute__((visibility("hidden")))
#define INLINE __attribute__((always_inline, unused)) static inline
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define LIKELY(x) __builtin_expect(!!(x), 1)
// The lanes of a loop are independent of each other, although a destination may be a source.
#ifdef __clang__
#define LANE_LOOP _Pragma("clang loop vectorize(assume_safety)") for (int lane = 0; lane < LANES; ++lane)
#else
#define LANE_LOOP _Pragma("GCC ivdep") for (int lane = 0; lane < LANES; ++lane)
#endif

// Numbers of scalar registers, as encoded [GCN3, table 5.1]
enum { S_FLAT_SCRATCH = 102, S_XNACK_MASK = 104, S_VCC = 106, S_TBA = 108, S_TMA = 110, S_M0 = 124, S_EXEC = 126 };

enum { STOP_END, STOP_BARRIER, STOP_FAULT }; // why a wave's code returned

// Kinds of Fault.kind; amdc/sim/faults.py holds their texts.
enum {
    FAULT_NONE,
    FAULT_OUT_OF_BOUNDS, // a global address outside every allocation
    FAULT_MISALIGNED,
    FAULT_LDS_RANGE,
    FAULT_LDS_MISALIGNED,
    FAULT_LDS_RACE,
    FAULT_SCRATCH_RANGE,
    FAULT_UNWRITTEN_VGPR,
    FAULT_UNWRITTEN_SGPR,
    FAULT_BARRIER, // a wave ended while others wait at a barrier
    FAULT_JUMP,    // to an address that is no translated code
    FAULT_BUDGET,  // more instructions than max_instructions
    FAULT_TRAP     // s_trap
};

typedef struct {
    u32 kind;
    u32 lane;
    u32 wave; // of the work-group
    u32 size; // bytes accessed, or the register's number
    u64 pc;   // virtual address, in the code object, of the instruction
    u64 group;
    u64 address;
} Fault;

typedef struct { // live allocations in ascending order; `end` is one past the last byte, `place` the start in the device's own space
    const u64 *start, *end, *place;
    u64 count;
} Allocations;

#define LDS_PATTERNS 64
typedef struct { // an LDS access: the lanes' addresses relative to the first one's, and what it took
    u32 relative[LANES];
    u64 exec;
    u32 start, form, clocks;
} LdsPattern;
typedef struct { // a worker's stream of what sampled work-groups did: see trace.h
    u32 *words;
    u64 size, used;         // words
    u64 start, end, place;  // the allocation that was met last
    u64 full;
    LdsPattern patterns[LDS_PATTERNS]; // the last access of each slot
} TraceBuffer;

typedef struct {
    u64 entry;              // virtual address of the kernel's first instruction
    u64 image;              // host address of the code object's virtual address 0
    u32 groups[3], size[3]; // grid in work-groups; a work-group in work-items
    u32 sgprs[32];          // initial values of s0, s1, ...
    u32 sgpr_count;         // how many of them the launch sets
    i32 group_id[3];        // the scalar registers that receive the work-group's number, or -1
    i32 wave_offset;        // the one that receives the wave's byte offset in the scratch memory
    u32 work_item_ids;      // how many of v0, v1, v2 receive the work-item's number
    u32 vgpr_count;
    u32 lds_size;
    u32 scratch_per_lane; // bytes
    u32 mode;             // the MODE register: bits 0-7 FLOAT_MODE, 8 DX10_CLAMP, 9 IEEE
    u64 scratch;          // host address of the scratch memory of all workers
    u64 scratch_bytes;
    u64 next;             // the next work-group to run; workers count it up
    u64 total;            // work-groups
    u64 max_instructions; // of one wave; 0: no limit
    Allocations allocations;
    u64 *counts; // how often each basic block ran, one row of them a worker; null where not asked for
    u64 blocks;  // entries of a row
    const u64 *picked;   // the work-groups to run, `total` of them, or null for all
    const u8 *sampled;   // one byte a work-group: whether it is traced; null: all that run are
    TraceBuffer *traces; // one a worker; null: nothing is traced
    u32 lock;
    Fault fault; // of the lowest-numbered faulting work-group
} Launch;

typedef struct Wave {
    u32 s[128]; // scalar registers by their encoded numbers: vcc is s[106:107], exec s[126:127]
    u32 scc;
    u32 mode;
    u32 number; // in the work-group
    u32 vgpr_count;
    u32 stop; // STOP_*
    u64 resume; // virtual address of the block to run next
    u64 pc;     // of the instruction being run, kept up to date where it may fault
    u64 budget; // instructions left
    u64 clock;
    u32 (*v)[LANES];
    u64 *written;       // for each vector register the lanes that something wrote
    u64 s_written[2];   // one bit a scalar register
    u64 image;
    u64 last_start[LAST_HITS], last_end[LAST_HITS]; // allocations of the last global accesses
    u64 scratch_base;         // of this wave
    u32 scratch_per_lane;
    u32 lds_size;
    u8 *lds;
    struct Races *races; // see races.h; null: unwatched
    u64 *counts;
    u64 mask_of; // the mask that `mask` expands
    u32 mask[LANES] __attribute__((aligned(64)));
    Launch *launch;
    u64 group;
    TraceBuffer *trace; // null: this work-group is not traced
} Wave;

#define SGPR(n) (W->s[n])
#define SGPR64(n) (*(u64_pair *)&W->s[n])
#define VGPR(n) (W->v[n])
#define EXEC SGPR64(S_EXEC)
#define VCC SGPR64(S_VCC)
#define M0 SGPR(S_M0)
#define SCC (W->scc)

// All-ones words for the lanes of `exec`, zeros for the others.
NOINLINE void expand_mask(Wave *W, u64 exec) {
    u32 half[2] = {(u32)exec, (u32)(exec >> 32)};
    W->mask_of = exec;
    for (int h = 0; h < 2; ++h)
        for (int lane = 0; lane < 32; ++lane) W->mask[32 * h + lane] = -(half[h] >> lane & 1);
}
INLINE const u32 *lane_mask(Wave *W, u64 exec) {
    if (UNLIKELY(W->mask_of != exec)) expand_mask(W, exec);
    return W->mask;
}
// One bit a lane from one byte a lane (0 or 1): eight bytes at a time, gathered by a multiplication.
INLINE u64 pack_bits(const u8 *bytes) {
    u64 mask = 0;
    for (int i = 0; i < 8; ++i) {
        u64 eight;
        __builtin_memcpy(&eight, bytes + 8 * i, 8);
        mask |= (eight * 0x0102040810204080ull >> 56) << (8 * i);
    }
    return mask;
}
INLINE int first_lane(u64 exec) { return exec ? __builtin_ctzll(exec) : 0; }

// Record a fault of this wave. Always returns STOP_FAULT, so that `return fault(...)` ends the wave.
NOINLINE int fault(Wave *W, u32 kind, u32 lane, u64 address, u32 size) {
    Launch *L = W->launch;
    while (__atomic_exchange_n(&L->lock, 1, __ATOMIC_ACQUIRE)) {
    }
    if (!L->fault.kind || W->group < L->fault.group)
        L->fault = (Fault){kind, lane, W->number, size, W->pc, W->group, address};
    __atomic_store_n(&L->lock, 0, __ATOMIC_RELEASE);
    return STOP_FAULT;
}
NOINLINE int unwritten_vgpr(Wave *W, u32 number, u64 pc) {
    W->pc = pc;
    return fault(W, FAULT_UNWRITTEN_VGPR, first_lane(EXEC & ~W->written[number]), 0, number);
}
NOINLINE int unwritten_sgpr(Wave *W, u32 number, u64 pc) {
    W->pc = pc;
    return fault(W, FAULT_UNWRITTEN_SGPR, 0, 0, number);
}
#endif
