"""Descriptor of kernels/hip/depthwise_planes.hip."""

from __future__ import annotations

from amdc.kernels.conv import KERNEL, STRIDE, TYPES
from amdc.kernels.gemm import BIAS
from amdc.kernels.template import KernelTemplate, Parameter

ROWS = (1, 2, 4, 7, 14)  # outputs of a lane
PLANES = (1, 2, 3, 4)  # of a work-group
WAVES = (1, 2, 4)

DEPTHWISE_PLANES = KernelTemplate(
    name="depthwise_planes",
    file="depthwise_planes.hip",
    computes="depthwise convolution of planes that fit into LDS, with bias, prologue and epilogue",
    parameters=(
        *KERNEL,
        STRIDE,
        Parameter("H", "rows of the input", 1, 1 << 12),
        Parameter("W", "columns of the input", 1, 1 << 12),
        Parameter("OUT_H", "rows of the output", 1, 1 << 12),
        Parameter("OUT_W", "columns of the output", 1, 64 * WAVES[-1]),
        Parameter("PAD_TOP", "padding above the input", 0, 1 << 12),
        Parameter("PAD_LEFT", "padding left of the input", 0, 1 << 12),
        Parameter("OUT_ROWS", "outputs of a lane, one below the other", values=ROWS),
        Parameter("PLANES", "neighbouring planes of a work-group", values=PLANES),
        BIAS,
        *(of for of in TYPES if of.name == "TYPE_Y"),
    ),
)
