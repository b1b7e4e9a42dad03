"""Descriptors of the matrix-product kernels: kernels/hip/gemm.hip, gemm_sum.hip, gemv.hip and product.hip."""

from __future__ import annotations

from dataclasses import replace

from amdc.kernels.template import KernelTemplate, Parameter
from amdc.kernels.types import COMPUTED_IN_FLOAT, element_type

VECTORS, ROWS, COLUMNS, DEEP = 0, 1, 2, 3  # a panel's layout, see kernels/hip/gemm_panels.h

MOST_WIDTH = 4096  # of a row that a product normalises first

GEMV_ROWS = (1, 2, 4, 8, 16)

SIDES = (8, 16, 24, 28, 32, 48, 56, 64, 88, 96, 112, 128, 176, 256)
THREAD_SIDES = (1, 2, 3, 4, 6, 7, 8, 11)

TILE_PARAMETERS = (
    Parameter("TILE_M", "rows of C of a work-group", values=SIDES),
    Parameter("TILE_N", "columns of C of a work-group", values=SIDES),
    Parameter("TILE_K", "values of k a stage", values=(8, 16, 32, 64)),
    Parameter("THREAD_M", "rows of C of a lane", values=THREAD_SIDES),
    Parameter("THREAD_N", "columns of C of a lane", values=THREAD_SIDES),
)
LAYOUTS = "0 columns contiguous and aligned, 1 contiguous, 2 strided, 3 k contiguous and aligned"
LAYOUT_A = Parameter("LAYOUT_A", f"how the weights lie in memory: {LAYOUTS}", values=(0, 1, 2, 3))
VECTOR_C = Parameter("VECTOR_C", "1: groups of 4 columns are stored at once (N a multiple of 4)", values=(0, 1))
BIAS = Parameter("BIAS", "1: a bias is added", values=(0, 1))
SUMS = ("float", "double", "int", "long", "amdc_u32", "amdc_u64")
TYPE_BIAS = element_type("TYPE_BIAS", "the bias")

GEMM = KernelTemplate(
    name="gemm",
    file="gemm.hip",
    computes="C[z,m,n] = sum over k of A[z,m,k] * B[z,k,n], with bias, prologue and epilogue",
    parameters=(
        *TILE_PARAMETERS,
        Parameter("LOCAL_SPLIT", "sets of lanes that share the k of a stage", values=(1, 2, 4, 8), default=1),
        Parameter("LAYOUT_A", f"how A lies in memory: {LAYOUTS}", values=(0, 1, 2, 3)),
        Parameter("LAYOUT_B", f"how B lies in memory: {LAYOUTS}", values=(0, 1, 2, 3)),
        VECTOR_C,
        BIAS,
        Parameter(
            "NORM", "1: a norm of A's rows comes first; 2: from the parts that A's product left", values=(0, 1, 2), default=0
        ),
        Parameter(
            "SPREAD",
            "start at different k, where A's rows share memory channels: 1 the columns' work-groups, 2 the rows', 3 both",
            values=(0, 1, 2, 3),
            default=0,
        ),
        Parameter("ROW_PARTS", "1: parts of the moments of C's rows are left", values=(0, 1), default=0),
        Parameter("NORM_WIDTH", "K, where a norm comes first", 4, MOST_WIDTH, default=4),
        Parameter("NORM_CENTRED", "1: layer norm, 0: RMS norm", values=(0, 1), default=0),
        Parameter("NORM_AFFINE", "0: neither gain nor shift, 1: gain, 2: both", values=(0, 1, 2), default=0),
        Parameter("MOMENTS", "1: the norm's mean and scale of each row are stored", values=(0, 1), default=0),
        Parameter(
            "SPLIT", "1: C is one piece of k for each z, for gemm_sum.hip; 2: the last one adds them", values=(0, 1, 2), default=0
        ),
        element_type("TYPE_A", "A", COMPUTED_IN_FLOAT),
        element_type("TYPE_B", "B", COMPUTED_IN_FLOAT),
        element_type("TYPE_C", "C"),
        TYPE_BIAS,
        replace(element_type("TYPE_AFFINE", "gain and shift", COMPUTED_IN_FLOAT), default="float"),
    ),
)

GEMM_SUM = KernelTemplate(
    name="gemm_sum",
    file="gemm_sum.hip",
    computes="the sum of a matrix product's pieces along k, with bias and epilogue",
    parameters=(BIAS, element_type("TYPE_C", "C"), TYPE_BIAS),
)

GEMV = KernelTemplate(
    name="gemv",
    file="gemv.hip",
    computes="y[z,r,o] = sum over k of W[z,o,k] * x[z,r,k] for a few rows r, with bias, prologue and epilogue",
    parameters=(
        Parameter("LAYOUT", "what of W is contiguous: 0 the outputs, 1 k", values=(0, 1)),
        BIAS,
        Parameter("X_ROWS", "rows that share the reading of W", values=GEMV_ROWS),
        element_type("TYPE_W", "W", COMPUTED_IN_FLOAT),
        element_type("TYPE_X", "x", COMPUTED_IN_FLOAT),
        element_type("TYPE_Y", "y"),
        TYPE_BIAS,
    ),
)

PRODUCT = KernelTemplate(
    name="product",
    file="product.hip",
    computes="C[z,m,n] = sum over k of A[z,m,k] * B[z,k,n] of any dtypes, one lane an element, with bias and epilogue",
    parameters=(
        BIAS,
        Parameter("ZEROS", "1: zero points are subtracted from A and B", values=(0, 1)),
        Parameter("SUM", "C++ type of the sums", values=SUMS),
        element_type("TYPE_A", "A"),
        element_type("TYPE_B", "B"),
        element_type("TYPE_C", "C"),
        TYPE_BIAS,
    ),
)
