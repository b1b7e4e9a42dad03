"""The templates for everything but matrix products and convolutions."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter

ELEMENTWISE = KernelTemplate(
    "elementwise",
    "elementwise.hip",
    "a point-wise expression, or a copy through strides, of any inputs",
)
CONCAT = KernelTemplate(
    "concat",
    "concat.hip",
    "joins up to 16 tensors along one dimension",
    (
        Parameter("COUNT", "tensors to join", 1, 16),
        Parameter("WORDS", "dwords of one access", values=(1, 4)),
    ),
)
GATHER = KernelTemplate(
    "gather",
    "gather.hip",
    "rows of a table, picked by an index tensor",
    (
        Parameter("INDEX_BYTES", "size of an index", values=(4, 8)),
        Parameter("ITEM_BYTES", "size of an element", values=(1, 2, 4, 8)),
    ),
)
POOL = KernelTemplate(
    "pool",
    "pool.hip",
    "max or average pooling over one to three dimensions",
    (
        Parameter("KD", "window depth", 1, 4096),
        Parameter("KH", "window height", 1, 4096),
        Parameter("KW", "window width", 1, 4096),
        Parameter("MODE", "0 max, 1 average", values=(0, 1)),
        Parameter("INDICES", "1: also write where each maximum lies", values=(0, 1)),
    ),
)
ADAPTIVE_POOL = KernelTemplate(
    "adaptive_pool",
    "adaptive_pool.hip",
    "average or max pooling to a given output size",
    (Parameter("MODE", "0 max, 1 average", values=(0, 1)),),
)
_REDUCTIONS = ("sum", "mean", "max", "min", "prod", "sum_squares", "norm1")
REDUCE_ROWS = KernelTemplate(
    "reduce_rows",
    "reduce_rows.hip",
    "a reduction of contiguous rows",
    (
        Parameter("OP", "what is reduced", values=tuple(f"OP_{name.upper()}" for name in _REDUCTIONS)),
        Parameter("ROW_LANES", "lanes that share a row", values=(64, 256)),
    ),
)
