"""Descriptor of kernels/hip/norm_gemv.hip."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter
from amdc.kernels.types import COMPUTED_IN_FLOAT, element_type

MOST_ROWS, LANES = 4, 256
MOST_HELD = 16  # values of a row that a lane keeps in registers

NORM_GEMV = KernelTemplate(
    name="norm_gemv",
    file="norm_gemv.hip",
    computes="y[r,o] = sum over k of norm(x)[r,k] * W[k,o] for a few rows r, with epilogue",
    parameters=(
        Parameter("X_ROWS", "rows that share the reading of W", 1, MOST_ROWS),
        Parameter("HELD", "values of a row a lane", 1, MOST_HELD),
        Parameter("CENTRED", "1: layer norm, 0: RMS norm", values=(0, 1)),
        Parameter("AFFINE", "0: neither gain nor shift, 1: gain, 2: both", values=(0, 1, 2)),
        element_type("TYPE_X", "x", COMPUTED_IN_FLOAT),
        element_type("TYPE_W", "W", COMPUTED_IN_FLOAT),
        element_type("TYPE_AFFINE", "gain and shift", COMPUTED_IN_FLOAT),
        element_type("TYPE_Y", "y"),
    ),
    block=(LANES, 1, 1),
)
