"""Descriptor of kernels/hip/conv_waves.hip, and the tiles that it offers."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.kernels.conv import KERNEL, TYPES
from amdc.kernels.gemm import BIAS
from amdc.kernels.template import KernelTemplate, Parameter

FILTERS = 64  # of a work-group
WAVES = 8


@dataclass(frozen=True)
class WavesShape:
    """Output positions of a lane, and sets of lanes of a wave that share its input channels."""

    positions: int
    sets: int

    @property
    def tile(self) -> int:
        """Positions of a work-group."""
        return self.positions * 4 // self.sets

    @property
    def name(self) -> str:
        sets = f"s{self.sets}" if self.sets > 1 else ""
        return f"waves {FILTERS}x{self.tile}{sets}"


SHAPES = (WavesShape(11, 1), WavesShape(11, 2), WavesShape(12, 1), WavesShape(12, 2))
CONV_WAVES = KernelTemplate(
    name="conv_waves",
    file="conv_waves.hip",
    computes="2-d convolution, each wave a whole tile for input channels of its own, with bias and epilogue",
    parameters=(
        Parameter("POSITIONS", "output positions of a lane", 1, 16),
        Parameter("SETS", "sets of lanes of a wave that share its input channels", values=(1, 2)),
        Parameter("CHANNELS", "input channels of a stage and set", 1, 8),
        *KERNEL,
        Parameter("VECTOR", "1: planes are multiples of 4, and outputs stored four at once", values=(0, 1)),
        BIAS,
        *(of for of in TYPES if of.name in ("TYPE_Y", "TYPE_BIAS")),
    ),
)
