"""Descriptors of the convolution kernels: kernels/hip/conv*.hip, winograd.hip and depthwise.hip."""

from __future__ import annotations

from dataclasses import dataclass

from amdc.kernels.gemm import BIAS, LAYOUT_A, SUMS, TILE_PARAMETERS, TYPE_BIAS, VECTOR_C
from amdc.kernels.gemm_tiles import GEMM_TILES, GemmTile
from amdc.kernels.template import KernelTemplate, Parameter
from amdc.kernels.types import COMPUTED_IN_FLOAT, element_type

TAPS, LINEAR, POINTWISE = 0, 1, 2  # the ways through k, see kernels/hip/conv.hip
TYPES = (
    element_type("TYPE_X", "the input", COMPUTED_IN_FLOAT),
    element_type("TYPE_W", "the weights", COMPUTED_IN_FLOAT),
    element_type("TYPE_Y", "the output"),
    TYPE_BIAS,
)
KERNEL = (Parameter("KH", "height of the filter", 1, 1 << 12), Parameter("KW", "width of the filter", 1, 1 << 12))
STRIDE = Parameter("STRIDE", "step of the window, both ways", 1, 1 << 12)
DEPTHWISE_ROWS = (4, 7, 14)  # outputs of a lane
# Within which conv_gather.h's divisions are exact: k, k times taps, and taps times columns of the filter.
LINEAR_K_LIMIT, LINEAR_PRODUCT_LIMIT, LINEAR_ROW_LIMIT = 1 << 13, 1 << 20, 1 << 16

CONV = KernelTemplate(
    name="conv",
    file="conv.hip",
    computes="2-d convolution as an implicit GEMM: weights times gathered input, with bias, prologue and epilogue",
    parameters=(
        *TILE_PARAMETERS,
        Parameter("LOCAL_SPLIT", "sets of lanes that share the k of a stage", values=(1, 2, 4, 8), default=1),
        *KERNEL,
        Parameter(
            "MODE", "k by taps (0), linear (1), or a 1x1 convolution that reads the input as a matrix (2)", values=(0, 1, 2)
        ),
        LAYOUT_A,
        Parameter("EXACT", "1: k by taps (mode 0), and channels are a multiple of TILE_K", values=(0, 1), default=0),
        Parameter("SPLIT", "1: work-groups share the input channels, and the last one finishes a tile", values=(0, 1), default=0),
        VECTOR_C,
        BIAS,
        *TYPES,
    ),
)


@dataclass(frozen=True)
class WinogradShape:
    """How winograd.hip spreads its work: 64 tiles and `filters` filters a wave, `split` sets of waves that share the channels.
    `groups_per_cu`: work-groups that a CU holds, as LDS and registers of the compiled kernel allow."""

    waves: int
    filters: int
    split: int
    groups_per_cu: int

    @property
    def filter_waves(self) -> int:
        return self.waves // self.split

    @property
    def name(self) -> str:
        split = f"s{self.split}" if self.split > 1 else ""
        return f"winograd2x2 {self.filters * self.filter_waves}x{self.waves}{split}"


# Beside those of matrix products, tiles 28 and 56 wide: planes of 14x14, 28x28 and 56x56 are whole multiples of them.
TILES = (
    *GEMM_TILES,
    GemmTile(128, 28, 16, 8, 7, 4, 112),
    GemmTile(64, 28, 16, 4, 7, 4, 68),
    GemmTile(128, 56, 16, 8, 7, 2, 120),
    GemmTile(64, 56, 16, 8, 7, 4, 108),
    GemmTile(128, 112, 16, 8, 7, 1, 124),
)
WINOGRAD_PARTS = (1, 2, 3, 4, 5, 6, 8)  # into which the input channels are split among work-groups
WINOGRAD_SHAPES = (
    WinogradShape(8, 4, 1, 1),
    WinogradShape(4, 4, 1, 2),
    WinogradShape(4, 2, 1, 2),
    WinogradShape(8, 4, 2, 1),
    WinogradShape(8, 2, 2, 1),
)
WINOGRAD = KernelTemplate(
    name="winograd",
    file="winograd.hip",
    computes="3x3 convolution with stride 1 by F(2x2, 3x3), with bias, prologue and epilogue",
    parameters=(
        Parameter("WAVES", "waves of a work-group, and channels a stage", values=(4, 8)),
        Parameter("FILTERS", "filters of a wave", values=(2, 4)),
        Parameter("SPLIT", "sets of waves that share a stage's channels", values=(1, 2)),
        Parameter("PARTS", "1: work-groups share the channels, and the last of them finishes", values=(0, 1)),
        BIAS,
        *(of for of in TYPES if of.name != "TYPE_W"),
    ),
)


@dataclass(frozen=True)
class PhaseShape:
    """How winograd_phases.hip spreads its work: a work-group holds `tiles` times `filters`, a lane 7 times 8 of a sum."""

    tile_lanes: int
    waves: int = 8
    channels: int = 2  # of a stage
    sums: int = 32  # of a lane, when the work-group's waves have joined theirs

    @property
    def tiles(self) -> int:
        return 7 * self.tile_lanes

    @property
    def filters(self) -> int:
        return 512 // self.tile_lanes

    @property
    def name(self) -> str:
        return f"phases {self.tiles}x{self.filters}"


PHASE_SHAPES = (PhaseShape(4), PhaseShape(8))
PHASE_PARTS = (1, 2, 3, 4, 5, 6, 8, 9, 12, 18)  # into which the input channels are split among work-groups
WINOGRAD_PHASES = KernelTemplate(
    name="winograd_phases",
    file="winograd_phases.hip",
    computes="3x3 convolution with stride 2 by Winograd's algorithm on the input's phases, with bias and epilogue",
    parameters=(
        Parameter("TILE_LANES", "lanes of a wave along the tiles, 7 each", values=(4, 8)),
        Parameter("PARTS", "1: work-groups share the channels, and the last of them finishes", values=(0, 1)),
        Parameter(
            "VECTOR", "1: a work-group has whole rows of tiles, none of them cut, and stores four outputs at once", values=(0, 1)
        ),
        BIAS,
        *(of for of in TYPES if of.name in ("TYPE_Y", "TYPE_BIAS")),
    ),
)

SCALAR_WAVES = (2, 4, 8)
SCALAR_PARTS = (1, 2, 3, 4, 5, 6, 8, 9)
CONV_SCALAR = KernelTemplate(
    name="conv_scalar",
    file="conv_scalar.hip",
    computes="2-d convolution of small planes, a lane a filter, inputs in scalar registers, with bias and epilogue",
    parameters=(
        *KERNEL,
        STRIDE,
        Parameter("IN_H", "rows of the input", 1, 1 << 20),
        Parameter("IN_W", "columns of the input", 1, 1 << 12),
        Parameter("OUT_H", "rows of the output", 1, 1 << 20),
        Parameter("OUT_W", "columns of the output", 1, 1 << 12),
        Parameter("PAD_TOP", "padding above the input", 0, 1 << 12),
        Parameter("PAD_LEFT", "padding left of the input", 0, 1 << 12),
        Parameter("OUT_ROWS", "rows of the output of a wave", 1, 70),
        Parameter("OUT_COLUMNS", "columns of the output of a wave", 1, 28),
        Parameter("WAVES", "waves of a work-group, which share the input channels", values=SCALAR_WAVES),
        Parameter("PARTS", "of work-groups that share them, too; the last of them finishes", values=SCALAR_PARTS, default=1),
        Parameter("CHANNELS", "channels of the input, of a group", 1, 1 << 20),
        Parameter("W_K", "elements between two taps of the weights", 1, 1 << 24),
        BIAS,
        *(of for of in TYPES if of.name != "TYPE_X"),
    ),
)

DEPTHWISE = KernelTemplate(
    name="depthwise",
    file="depthwise.hip",
    computes="2-d convolution where each output reads one input channel, with bias, prologue and epilogue",
    parameters=(
        *KERNEL,
        STRIDE,
        Parameter("OUT_ROWS", "outputs of a lane, one below the other", values=DEPTHWISE_ROWS),
        BIAS,
        *TYPES,
    ),
)

CONV_DIRECT = KernelTemplate(
    name="conv_direct",
    file="conv_direct.hip",
    computes="3-d or transposed convolution, one lane an output element, with bias, prologue and epilogue",
    parameters=(
        Parameter("TRANSPOSED", "1: the transposed convolution", values=(0, 1)),
        BIAS,
        Parameter("ZEROS", "1: zero points are subtracted from input and weights", values=(0, 1), default=0),
        Parameter("SUM", "C++ type of the sums", values=SUMS, default="float"),
        element_type("TYPE_X", "the input"),
        element_type("TYPE_W", "the weights"),
        element_type("TYPE_Y", "the output"),
        TYPE_BIAS,
    ),
)
