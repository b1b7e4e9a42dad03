"""The timing table: clocks, latencies and rates of a card, each with its source, or marked as a guess or as fitted.

Sources: [GCN3] AMD GCN3 ISA manual · [CLRX] CLRX documentation, "GCN ISA instruction timings" · [clpeak] clpeak's logs of an
RX 570 and an R9 Nano · [perftest] S. Aaltonen, "perftest", on an R9 Fury ·
[AMD] AMD OpenCL Optimization Guide (2015), chapter 2 ·
[Linux] drivers/gpu/drm/amd/amdgpu/gfx_v8_0.c · [Mesa] src/amd/common/ac_gpu_info.c · [LLVM] SISchedule.td.
"""

from __future__ import annotations

from dataclasses import dataclass

from amdc.target import Card

TICKS = 256  # of the engine, a clock

VALU_CLOCKS = 4  # a wave64 on a SIMD16 [GCN3]
QUARTER_RATE = 16  # [CLRX]
DOUBLE_ADD, DOUBLE_MULTIPLY = 32, 64  # [CLRX], the consumer cards' 1/16 rate
ISSUE = 4  # a wave issues at most every 4 clocks [CLRX]
# Least clocks of the address unit by dwords a lane: linear dwords 4, two 18, three and four 16 [perftest].
LOAD_CLOCKS = {1: 4, 2: 18, 3: 16, 4: 16}
STORE_CLOCKS = 16  # whatever the width [clpeak, as GFX803 notes]
BRANCH_NOT_TAKEN, BRANCH_TAKEN = 4, 16  # [CLRX]
EXCHANGE_CLOCKS = 2  # ds_bpermute, ds_swizzle: as a dword read, 32 lanes a clock [GCN3]


@dataclass(frozen=True)
class Machine:
    """A card as the engine sees it: clocks of the shader clock, bytes, counts."""

    clock_ghz: float
    loaded_ghz: float  # with all VALUs busy
    compute_units: int
    l2_channels: int
    dram_channels: int
    dram_bytes_per_clock: float
    lds_latency: int = 64  # guess; no source for Polaris
    l1_latency: int = 114  # guess
    l2_latency: int = 190  # guess
    dram_latency: int = 350  # guess
    scalar_latency: int = 64  # guess: a hit in the scalar cache
    scalar_bytes: int = 64  # guess: a clock of a scalar cache
    scalar_sharers: int = 4  # CUs that share a scalar cache of 16 KB [behardware's article on Tahiti]; 3 on some cards
    store_latency: int = 190  # guess: as an L2 hit
    lds_queue: int = 64  # guess: clocks of work that LDS accepts before waves stall
    address_queue: int = 64  # guess: the same of the address unit
    l2_queue: int = 64  # guess: lines that wait at an L2 channel before the L1s that want more of it stall
    dram_queue: int = 32  # guess: lines that wait at a DRAM channel before its L2 channel stalls
    dispatch_wave: int = 4  # guess: clocks between the starts of two waves, whole card
    start: int = 200  # guess: from the dispatch of a wave to its first instruction
    barrier: int = 16  # guess: from the last arrival to the next instruction
    interleave: int = 256  # bytes that lie together in an L2 channel [Mesa: GB_ADDR_CONFIG's pipe interleave]
    l1_ways: int = 4  # [AMD]
    l2_ways: int = 16  # [AMD]
    port_bytes: int = 64  # a clock from L2 to one CU [AMD]
    l2_bytes: int = 64  # a clock of one L2 channel [AMD]


def machine(card: Card) -> Machine:
    """The timing model of a card."""
    return Machine(
        clock_ghz=card.clock_ghz,
        loaded_ghz=card.sustained_ghz or card.clock_ghz,
        compute_units=card.compute_units,
        l2_channels=card.l2_channels,
        dram_channels=card.dram_channels,
        dram_bytes_per_clock=card.dram_gbps * card.dram_efficiency / card.clock_ghz,
    )
