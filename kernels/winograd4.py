"""Descriptors of the kernels around the products of F(4x4, 3x3): kernels/hip/winograd4_*.hip."""

from __future__ import annotations

from amdc.kernels.conv import TYPES
from amdc.kernels.gemm import BIAS
from amdc.kernels.template import KernelTemplate, Parameter

MOST_ELEMENTS = 1 << 28  # of each tensor that they read or write

WINOGRAD4_INPUT = KernelTemplate(
    name="winograd4_input",
    file="winograd4_input.hip",
    computes="the 6x6 windows of a 3x3 convolution's input, transformed for F(4x4, 3x3), with prologue",
    parameters=(
        Parameter("QUADS", "1: rows of fp32, one column of padding: four columns of a window are loaded at once", values=(0, 1)),
        Parameter("CUT", "columns that the last window of a row has too many, with QUADS", values=(0, 1, 2, 3)),
        *(of for of in TYPES if of.name == "TYPE_X"),
    ),
)
WINOGRAD4_OUTPUT = KernelTemplate(
    name="winograd4_output",
    file="winograd4_output.hip",
    computes="4x4 tiles of a 3x3 convolution's output from the products of F(4x4, 3x3), with bias and epilogue",
    parameters=(
        BIAS,
        Parameter("VECTOR", "1: rows of the output are a multiple of 4 wide and stored by fours", values=(0, 1)),
        Parameter("POOL", "1: the largest of each 2x2 outputs is the result", values=(0, 1), default=0),
        *(of for of in TYPES if of.name in ("TYPE_Y", "TYPE_BIAS")),
    ),
)
