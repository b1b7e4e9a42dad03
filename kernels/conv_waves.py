"""Descriptor of kernels/hip/conv_waves.hip, and the tiles that it offers."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.kernels.conv import KERNEL, TYPES
from amdc.kernels.gemm import BIAS
from amdc.kernels.template import KernelTemplate, Parameter

WAVES = 8


@dataclass(frozen=True)
class WavesShape:
    """How conv_waves.hip spreads its work. A lane has `positions` times 4 filters; of four lanes, `lanes` stand beside each other
    along the positions. Sixteen lanes have a span of these; four times sixteen divide `sets` of the input channels, `spans`, and
    the filters of a block."""

    positions: int
    lanes: int
    sets: int
    spans: int

    @property
    def span(self) -> int:
        """Positions."""
        return self.lanes * self.positions

    def has_whole_fours(self, plane: int, images: int) -> bool:
        """Whether, with `plane` positions an image, no four that a lane stores at once reaches over the end of a plane."""
        fours = self.lanes * (self.positions // 4 * 4)  # of a span, its first positions
        ends = (image * plane % self.span for image in range(1, images + 1))  # within their spans
        return plane % 4 == 0 and all(end % 4 == 0 or end >= fours for end in ends)

    @property
    def filters(self) -> int:
        """Of a block."""
        return 256 // (self.lanes * self.sets * self.spans)

    @property
    def name(self) -> str:
        spans, sets = (f"{mark}{count}" if count > 1 else "" for mark, count in (("x", self.spans), ("s", self.sets)))
        return f"waves {self.filters}x{self.span}{spans}{sets}"


SHAPES = (
    WavesShape(11, 4, 1, 1),
    WavesShape(11, 2, 2, 1),
    WavesShape(11, 2, 2, 2),
    WavesShape(13, 4, 1, 1),
    WavesShape(11, 2, 1, 2),
    WavesShape(7, 4, 2, 1),
)
STAGE_CHANNELS = {1: 8, 3: 2, 4: 2, 9: 1}  # of a set, by the filter's taps: a lane holds their weights
CONV_WAVES = KernelTemplate(
    name="conv_waves",
    file="conv_waves.hip",
    computes="2-d convolution, each wave a whole tile for input channels of its own, with bias and epilogue",
    parameters=(
        Parameter("POSITIONS", "output positions of a lane", 1, 16),
        Parameter("LANES", "of four, along the positions", values=(1, 2, 4)),
        Parameter("SETS", "of lanes, that share the input channels", values=(1, 2)),
        Parameter("SPANS", "of positions, of a wave", values=(1, 2, 4)),
        Parameter("CHANNELS", "of the input, of a stage and set", 1, 8),
        *KERNEL,
        Parameter("VECTOR", "1: outputs are stored four at once, and no four reaches over the end of a plane", values=(0, 1)),
        Parameter("READS", "1: the epilogue loads other tensors, all before the first store", values=(0, 1)),
        BIAS,
        *(of for of in TYPES if of.name in ("TYPE_Y", "TYPE_BIAS")),
    ),
)
