"""Descriptor of kernels/hip/pool_conv.hip."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.kernels.conv import KERNEL
from amdc.kernels.template import KernelTemplate, Parameter

LANES = 256
PIXELS = (8, 16, 32, 64)
LANES_N = (1, 2, 4, 8, 16, 32)
MOST_LDS = 48 << 10  # bytes of a work-group


@dataclass(frozen=True)
class PoolTile:
    """How pool_conv.hip spreads its work: `pixels` of a work-group, `lanes_n` lanes along the filters, 4 each at a time."""

    pixels: int
    lanes_n: int

    @property
    def name(self) -> str:
        return f"{self.pixels}x{4 * self.lanes_n}"

    @property
    def parts(self) -> int:
        """Sets of lanes that share the channels."""
        return LANES // (self.pixels // 4 * self.lanes_n)

    def lds_bytes(self, channels: int) -> int:
        return 4 * channels * self.pixels + (64 * LANES if self.parts > 1 else 0)

    def takes(self, channels: int) -> bool:
        """Whether the kernel takes this many input channels."""
        return self.parts >= 1 and channels % (LANES // self.pixels) == 0 and self.lds_bytes(channels) <= MOST_LDS


POOL_CONV = KernelTemplate(
    name="pool_conv",
    file="pool_conv.hip",
    computes="max pooling and the 1x1 convolution behind it, with bias and epilogue",
    parameters=(
        *KERNEL,
        Parameter("K", "input channels", 1, 1 << 12),
        Parameter("PIXELS", "results of the pooling of a work-group", values=PIXELS),
        Parameter("LANES_N", "lanes along the filters", values=LANES_N),
        Parameter("BIAS", "1: a bias", values=(0, 1)),
    ),
    block=(LANES, 1, 1),
)
