"""The 64-byte kernel descriptor: how the hardware starts a wave of the kernel.

Source: LLVM, "User Guide for AMDGPU Backend", "Kernel Descriptor" (compute_pgm_rsrc1 and compute_pgm_rsrc2 for GFX6-GFX9) and
"Initial Kernel Execution State".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

DESCRIPTOR_SIZE = 64

# Enabled user SGPRs are set up in this order; each entry is (name, bit of kernel_code_properties, number of SGPRs).
USER_SGPRS = (
    ("private_segment_buffer", 0, 4),
    ("dispatch_ptr", 1, 2),
    ("queue_ptr", 2, 2),
    ("kernarg_segment_ptr", 3, 2),
    ("dispatch_id", 4, 2),
    ("flat_scratch_init", 5, 2),
    ("private_segment_size", 6, 1),
)
# Enabled system SGPRs follow the user SGPRs in this order; each is one SGPR, enabled by this bit of compute_pgm_rsrc2.
SYSTEM_SGPRS = (
    ("workgroup_id_x", 7),
    ("workgroup_id_y", 8),
    ("workgroup_id_z", 9),
    ("workgroup_info", 10),
    ("scratch_wave_offset", 0),
)


@dataclass(frozen=True)
class RegisterRange:
    """SGPRs [first, first + count) hold `name` when a wave starts."""

    name: str
    first: int
    count: int


@dataclass(frozen=True)
class Descriptor:
    """The fields as stored; sizes in bytes. Modes and enables are properties."""

    group_segment_size: int
    private_segment_size: int
    kernarg_size: int
    entry_offset: int  # from the descriptor's own address
    rsrc1: int
    rsrc2: int
    rsrc3: int
    properties: int

    @property
    def vgprs(self) -> int:
        """VGPRs allocated a lane, in granules of 4."""
        return ((self.rsrc1 & 0x3F) + 1) * 4

    @property
    def sgprs(self) -> int:
        """SGPRs asked for (VCC and the like included), in granules of 8."""
        return ((self.rsrc1 >> 6 & 0xF) + 1) * 8

    @property
    def float_mode(self) -> int:
        """MODE bits 7:0 at start: round f32 (1:0), round f64 and f16 (3:2), denormals f32 (5:4), denormals f64 and f16 (7:6)."""
        return self.rsrc1 >> 12 & 0xFF

    @property
    def round_32(self) -> int:
        """0 nearest even, 1 up, 2 down, 3 to zero."""
        return self.float_mode & 3

    @property
    def round_16_64(self) -> int:
        return self.float_mode >> 2 & 3

    @property
    def denorm_32(self) -> int:
        """0 flush sources and results, 1 flush results, 2 flush sources, 3 keep."""
        return self.float_mode >> 4 & 3

    @property
    def denorm_16_64(self) -> int:
        return self.float_mode >> 6 & 3

    @property
    def dx10_clamp(self) -> bool:
        """Clamp turns NaN into 0."""
        return bool(self.rsrc1 >> 21 & 1)

    @property
    def ieee_mode(self) -> bool:
        """Signalling NaNs are quieted, and min and max follow IEEE 754-2008."""
        return bool(self.rsrc1 >> 23 & 1)

    @property
    def user_sgpr_count(self) -> int:
        return self.rsrc2 >> 1 & 0x1F

    @property
    def workitem_id_dimensions(self) -> int:
        """How many of v0, v1, v2 hold the work-item's id x, y, z at start: 1 to 3."""
        return min((self.rsrc2 >> 11 & 3) + 1, 3)

    @property
    def uses_scratch(self) -> bool:
        return bool(self.rsrc2 & 1)

    @property
    def sgpr_layout(self) -> tuple[RegisterRange, ...]:
        """What each SGPR holds when a wave starts: enabled user SGPRs, then system SGPRs behind `user_sgpr_count`."""
        found, first = [], 0
        for name, bit, count in USER_SGPRS:
            if self.properties >> bit & 1:
                found.append(RegisterRange(name, first, count))
                first += count
        first = max(first, self.user_sgpr_count)
        for name, bit in SYSTEM_SGPRS:
            if self.rsrc2 >> bit & 1:
                found.append(RegisterRange(name, first, 1))
                first += 1
        return tuple(found)


def decode_descriptor(data: bytes) -> Descriptor:
    """Decodes `data`, which holds exactly DESCRIPTOR_SIZE bytes."""
    group, private, kernarg, entry, rsrc3, rsrc1, rsrc2, properties = struct.unpack("<III4xq20xIIIH6x", data)
    return Descriptor(group, private, kernarg, entry, rsrc1, rsrc2, rsrc3, properties)
