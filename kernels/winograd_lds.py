"""Descriptor of kernels/hip/winograd_lds.hip, and the ways in which it spreads its work."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.kernels.conv import TYPES
from amdc.kernels.gemm import BIAS
from amdc.kernels.template import KernelTemplate, Parameter

FILTERS = 32  # of a work-group
LANES = 4  # of a point along tiles
STEP = 4  # channels of a stage, of one set of lanes
POINTS = 16


@dataclass(frozen=True)
class LdsShape:
    """Tiles of a lane, and sets of 256 lanes that share the channels."""

    lane_tiles: int
    sets: int

    @property
    def groups_per_cu(self) -> int:
        """As LDS and registers of the compiled kernel allow."""
        return 2 // self.sets

    @property
    def tiles(self) -> int:
        """Of a work-group."""
        return LANES * self.lane_tiles

    @property
    def waves(self) -> int:
        return 4 * self.sets

    @property
    def step(self) -> int:
        """Channels of a stage."""
        return STEP * self.sets

    @property
    def name(self) -> str:
        sets = f"s{self.sets}" if self.sets > 1 else ""
        return f"winograd2x2 lds {FILTERS}x{self.tiles}{sets}"


SHAPES = tuple(LdsShape(tiles, sets) for sets in (1, 2) for tiles in (8, 7, 6))
PARTS = (1, 2, 3, 4, 5, 6, 8)  # into which the input channels are split among work-groups
WINOGRAD_LDS = KernelTemplate(
    name="winograd_lds",
    file="winograd_lds.hip",
    computes="3x3 convolution with stride 1 by F(2x2, 3x3), operands from LDS, with bias, prologue and epilogue",
    parameters=(
        Parameter("TILES", "2x2 tiles of a lane", values=(6, 7, 8)),
        Parameter("SETS", "sets of 256 lanes that share a stage's channels", values=(1, 2)),
        Parameter("PARTS", "1: work-groups share the channels, and the last of them finishes", values=(0, 1)),
        Parameter("EDGES", "a bit for each column of a tile's window that may lie in the padding", 0, 15),
        Parameter("POOL", "1: the largest of each 2x2 outputs is the result", values=(0, 1), default=0),
        BIAS,
        *(of for of in TYPES if of.name != "TYPE_W"),
    ),
)
