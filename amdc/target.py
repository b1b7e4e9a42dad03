"""The hardware table: what each GPU architecture can do, and which cards carry it.

Code asks a row (`target.packed_fp16`), never a chip's name. A fact that no source confirms is absent or False: unknown means no.
Sources: [GCN3] AMD GCN3 Instruction Set Architecture manual, [LLVM] LLVM's AMDGPU usage guide, [CLRX] CLRX "GCN timings",
[AMD] AMD's product pages, [clpeak] measurements with clpeak.
"""

from __future__ import annotations

from dataclasses import dataclass

from amdc.errors import UsageError


@dataclass(frozen=True)
class Card:
    """One product. `clock_ghz` is the boost clock; `dram_gbps` the pin rate in GB/s; `memory_gib` the sizes sold. [AMD]

    `l2_channels`: 256 KB each on Polaris, 128 KB on Fiji [Mesa, ac_gpu_info.c]. `dram_channels`: 32-bit GDDR5, or 128-bit HBM.
    `sustained_ghz`: the clock that it keeps under full arithmetic load, where that is known to be lower. `dram_efficiency`: the
    share of the pin rate that DRAM's channels give, fitted: the timing model's streams then reach those of clpeak (193 of
    224 GB/s on an RX 570, 453 of 512 on an R9 Nano).
    """

    name: str
    compute_units: int
    clock_ghz: float
    dram_gbps: float
    memory_gib: tuple[int, ...]
    l2_channels: int = 8
    dram_channels: int = 8
    sustained_ghz: float = 0.0
    dram_efficiency: float = 0.875

    @property
    def fp32_tflops(self) -> float:
        """Peak fp32 rate in TFLOP/s: 64 lanes a CU, a multiply and an add each clock. [GCN3]"""
        return self.compute_units * 64 * 2 * self.clock_ghz / 1e3


@dataclass(frozen=True)
class Target:
    """One architecture, as the compiler and the simulator see it. Sizes are in bytes unless the name says otherwise."""

    arch: str
    elf_mach: int  # EF_AMDGPU_MACH in the ELF header's e_flags [LLVM]
    cards: tuple[Card, ...]
    default_card: str
    wave_size: int = 64
    simds_per_cu: int = 4  # [GCN3]
    waves_per_simd: int = 10  # [GCN3]
    vgprs_per_lane: int = 256  # of one SIMD, shared by its waves; also the most that one wave can address [GCN3]
    vgpr_granule: int = 4  # [LLVM]
    sgprs_per_simd: int = 800  # [LLVM]
    sgpr_granule: int = 16  # [LLVM]
    max_sgprs: int = 102  # addressable by one wave [GCN3]
    lds_per_cu: int = 65536  # [GCN3]
    lds_banks: int = 32  # [GCN3]
    l1_size: int = 16384  # vector L1 of one CU [GCN3]
    l2_size: int = 2 << 20  # [AMD]
    cache_line: int = 64  # [GCN3]
    max_workgroup: int = 1024  # work-items [LLVM]
    full_rate_fma: bool = False  # v_fma_f32 is quarter rate; v_mac_f32 is full rate [CLRX]
    mac_needs_flushed_denormals: bool = True  # v_mac/v_mad flush f32 denormals, so clang emits them only when told to [LLVM]
    packed_fp16: bool = False  # [GCN3]
    dot_instructions: bool = False  # [LLVM]
    float_atomics: bool = False  # to global memory [GCN3]
    dram_efficiency: float = 0.86  # share of the pin rate that streams reach: 193 of 224 GB/s on an RX 570 [clpeak]
    launch_us: float = 26.0  # of one kernel in a stream, end to end: 26 to 43 on Polaris; SGEMMs of two launches take 26
    graphs: bool = False  # hipGraphLaunch hangs on this generation

    def card(self, name: str | None = None) -> Card:
        """The named card, or the default one. Raises `UsageError` naming those known."""
        wanted = name or self.default_card
        for card in self.cards:
            if card.name.lower() == wanted.lower():
                return card
        raise UsageError(f"unknown card '{wanted}' for {self.arch}; known: {', '.join(c.name for c in self.cards)}")


POLARIS_AND_FIJI = (
    Card("RX 580", 36, 1.340, 256, (4, 8)),
    Card("RX 480", 36, 1.266, 256, (4, 8)),
    Card("RX 570", 32, 1.244, 224, (4, 8)),
    Card("RX 470", 32, 1.206, 211, (4, 8)),
    Card("RX 580 2048SP", 32, 1.284, 224, (4, 8)),
    # sustained_ghz is fitted: clpeak's fp32 reaches 85 to 93 % of 8,192 GFLOP/s, the more registers the less, but its fp64 99 %:
    # the board's power limit.
    Card("R9 Nano", 64, 1.000, 512, (4,), l2_channels=16, dram_channels=32, sustained_ghz=0.914, dram_efficiency=0.905),
)

TARGETS = {
    "gfx803": Target(arch="gfx803", elf_mach=0x2A, cards=POLARIS_AND_FIJI, default_card="RX 580"),
}


def target(arch: str) -> Target:
    """The row of an architecture. Raises `UsageError` naming those known."""
    try:
        return TARGETS[arch]
    except KeyError:
        raise UsageError(f"unknown architecture '{arch}'; amdc compiles for: {', '.join(TARGETS)} (see `amdc targets`)") from None
