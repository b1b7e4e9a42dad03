// state.h: what the engine is given, what it reports, and the state of the card that it replays on. Times are in ticks.
// amdc/sim/timing/engine.py mirrors Op, Machine, Group, OpReport and Report: keep all in the same order.
#ifndef AMDC_STATE_H
#define AMDC_STATE_H
typedef __UINT8_TYPE__ u8;
typedef __UINT32_TYPE__ u32;
typedef __UINT64_TYPE__ u64;
typedef __INT64_TYPE__ i64;
extern void *calloc(__SIZE_TYPE__, __SIZE_TYPE__);
extern void free(void *);
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define RING 64         // outstanding accesses of a wave that are remembered
#define MOST_COUNTED 15 // accesses of a wave under way: vmcnt and lgkmcnt have four bits [GCN3 ISA, S_WAITCNT]
#define NO_TAG 0xffffffffu

enum { VALU, SALU, SMEM, LOAD, STORE, ATOMIC, LDS, EXCHANGE, WAIT, BARRIER, BRANCH, END };

typedef struct {
    u32 kind, vm, lgkm, pad; // of WAIT: the counts to wait for
    i64 ticks;               // VALU, SALU: of the run; LOAD, STORE, LDS: the least that the unit is busy; BRANCH: not taken
} Op;
typedef struct { u32 first, count; } Block;
typedef struct {
    u32 cus, simds, groups_per_cu, waves_per_group;
    u32 l1_sets, l1_ways, l2_channels, l2_sets, l2_ways, dram_channels, interleave; // interleave: lines of a channel that lie together
    u32 scalar_sharers; // compute units that share a scalar cache, which has as many sets and ways as an L1
    i64 issue, lds_latency, l1_latency, l2_latency, dram_latency, smem_latency, store_latency;
    i64 lds_queue, address_queue; // how far a unit may be behind before waves stall at it
    i64 l2_queue, dram_queue;     // the same of an L2 channel before L1s stall at it, and of a DRAM channel before its L2 channel does
    i64 scalar_line, port_line, l2_line, dram_line; // ticks a 64-byte line: a scalar cache, L2 to one CU, one L2 channel, one DRAM channel
    i64 dispatch_wave, start, barrier, taken;
} Machine;
typedef struct {
    const u32 *words;
    u64 count;
    i64 start, finish; // results
} Group;
typedef struct { u64 issues; i64 busy, stall; } OpReport;
typedef struct {
    i64 end, flushed;  // the last completion; the same with what L2 still had to write back
    i64 valu, salu, lds, address, wave_time;
    u64 l1_hits, l1_misses, scalar_hits, scalar_misses, l2_hits, l2_misses, dram_reads, write_lines, writebacks, dirty_left, events;
    i64 most_l2, most_dram; // busy ticks of the busiest channel
} Report;

typedef struct {
    i64 t;
    const u32 *at, *end, *group_end; // within the piece; the group's end
    const Op *op, *op_end;
    u32 number, block, cu, simd, group;
    u32 vm_first, vm_count, lgkm_first, lgkm_count;
    i64 vm[RING], lgkm[RING], vm_last, lgkm_last, started, wanted; // wanted: since when it waits to issue, or -1
    u32 age; // the order of dispatch
} Wave;
typedef struct { u32 left, arrived; i64 latest; u32 first_wave; } Resident; // a work-group on a CU
typedef struct { // an L1 or a scalar cache, set by set: numbers of lines, stamps of their last use, and when they arrive
    u32 *tag, *used;
    i64 *ready;
    u32 stamp;
} Cache;
typedef struct {
    i64 lds_free, address_free, port_free, requests_free, valu_free[4];
    u32 simd_waves[4];
    Cache l1;
} Cu;
typedef struct {
    i64 free;
    Cache lines;
} ScalarCache;
typedef struct { u32 tag, used; i64 ready; u32 dirty; } Line;
typedef struct { i64 t; u32 age, wave; } Event; // of several at a time the oldest wave's comes first
typedef struct {
    const Op *ops;
    const Block *blocks;
    const Machine *m;
    Group *groups;
    u64 group_count, next_group;
    OpReport *by_op;
    Report *report;
    Wave *waves;
    Resident *residents; // by slot: cu * groups_per_cu + place
    Cu *cus;
    ScalarCache *scalars;
    Line *l2;
    i64 *l2_free, *dram_free, *l2_busy, *dram_busy; // by channel
    u32 *tags;     // of all L1s and scalar caches, with the stamps of their last use
    i64 *arrivals; // of their lines
    u32 stamp;
    Event *heap;
    u32 heap_count;
    i64 dispatcher_free;
} Engine;
#endif
