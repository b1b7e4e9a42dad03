"""Descriptors of the matrix-product kernels: kernels/hip/gemm.hip and gemv.hip."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter

VECTORS, ROWS, COLUMNS = 0, 1, 2  # a panel's layout, see kernels/hip/gemm_panels.h

GEMV_ROWS = (1, 2, 4, 8, 16)

TILE_PARAMETERS = (
    Parameter("TILE_M", "rows of C of a work-group", values=(16, 32, 64, 128)),
    Parameter("TILE_N", "columns of C of a work-group", values=(32, 64, 128)),
    Parameter("TILE_K", "values of k a stage", values=(8, 16, 32)),
    Parameter("THREAD_M", "rows of C of a lane", values=(2, 4, 8)),
    Parameter("THREAD_N", "columns of C of a lane", values=(4, 8)),
)
LAYOUT_A = Parameter(
    "LAYOUT_A", "how A lies in memory: 0 columns contiguous and aligned, 1 contiguous, 2 strided", values=(0, 1, 2)
)
VECTOR_C = Parameter("VECTOR_C", "1: groups of 4 columns are stored at once (N a multiple of 4)", values=(0, 1))
BIAS = Parameter("BIAS", "1: a bias is added", values=(0, 1))

GEMM = KernelTemplate(
    name="gemm",
    file="gemm.hip",
    computes="C[z,m,n] = sum over k of A[z,m,k] * B[z,k,n], with bias, prologue and epilogue",
    parameters=(
        *TILE_PARAMETERS,
        LAYOUT_A,
        Parameter("LAYOUT_B", "how B lies in memory", values=(0, 1, 2)),
        VECTOR_C,
        BIAS,
    ),
)

GEMV = KernelTemplate(
    name="gemv",
    file="gemv.hip",
    computes="y[z,r,o] = sum over k of W[z,o,k] * x[z,r,k] for a few rows r, with bias, prologue and epilogue",
    parameters=(
        Parameter("LAYOUT", "what of W is contiguous: 0 the outputs, 1 k", values=(0, 1)),
        BIAS,
        Parameter("X_ROWS", "rows that share the reading of W", values=GEMV_ROWS),
    ),
)
