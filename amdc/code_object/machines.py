"""Chips by EF_AMDGPU_MACH, the low byte of an AMD GPU ELF file's flags.

The flags name the chip in every producer's code objects; the metadata's target string differs among producers.
Source: LLVM, "User Guide for AMDGPU Backend", "AMDGPU EF_AMDGPU_MACH Values".
"""

from __future__ import annotations

MACHINES = {
    0x20: "gfx600", 0x21: "gfx601", 0x22: "gfx700", 0x23: "gfx701", 0x24: "gfx702", 0x25: "gfx703", 0x26: "gfx704",
    0x28: "gfx801", 0x29: "gfx802", 0x2A: "gfx803", 0x2B: "gfx810", 0x2C: "gfx900", 0x2D: "gfx902", 0x2E: "gfx904",
    0x2F: "gfx906", 0x30: "gfx908", 0x31: "gfx909", 0x32: "gfx90c", 0x33: "gfx1010", 0x34: "gfx1011", 0x35: "gfx1012",
    0x36: "gfx1030", 0x37: "gfx1031", 0x38: "gfx1032", 0x39: "gfx1033", 0x3D: "gfx1035", 0x3E: "gfx1034", 0x3F: "gfx90a",
    0x40: "gfx940", 0x41: "gfx1100", 0x44: "gfx1103", 0x45: "gfx1036", 0x46: "gfx1101", 0x47: "gfx1102", 0x4C: "gfx942",
}  # fmt: skip


def arch_name(flags: int) -> str:
    """The chip that ELF flags name, or "unknown (EF_AMDGPU_MACH 0x..)"."""
    machine = flags & 0xFF
    return MACHINES.get(machine, f"unknown (EF_AMDGPU_MACH 0x{machine:02x})")
