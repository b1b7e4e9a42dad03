"""The templates for everything but matrix products and convolutions."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter
from amdc.kernels.types import FLOAT_TAGS, TAGS, element_type

ANY_TYPE, ANY_OUT = element_type("TYPE", "x"), element_type("OUT", "the result")
FLOAT_TYPE = element_type("TYPE", "x", FLOAT_TAGS)
INPUT = Parameter("INPUT", "element type of x in memory, before a fused prologue", values=TAGS)

ELEMENTWISE = KernelTemplate(
    "elementwise",
    "elementwise.hip",
    "a point-wise expression, or a copy through strides, of any inputs",
)
TRANSPOSE = KernelTemplate(
    "transpose",
    "transpose.hip",
    "a copy that turns the contiguous dimension into another one",
    (
        Parameter("BYTES", "size of an element", values=(1, 2, 4, 8)),
        Parameter("TILE", "elements of a tile's side", values=(32, 64)),
    ),
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
        Parameter("KD", "window depth", 1, 1024),
        Parameter("KH", "window height", 1, 1024),
        Parameter("KW", "window width", 1, 1024),
        Parameter("MODE", "0 max, 1 average that counts padding, 2 average that does not", values=(0, 1, 2)),
        Parameter("INDICES", "1: also write where each maximum lies", values=(0, 1)),
        ANY_TYPE,
        ANY_OUT,
    ),
)
MOST_HELD = 16  # vectors of a row that a lane keeps in registers
MOST_KEPT = 48  # elements that a lane of 1,024 keeps of a row that would be read twice otherwise: 64 VGPRs with the rest
MOST_OF_SOFTMAX = 51  # the same where no gains and biases come in between
ROW_PARAMETERS = (
    Parameter("ROW_LANES", "lanes that share a row", values=(16, 64, 256, 512, 1024)),
    Parameter("VECTOR", "elements that a lane takes at once", values=(1, 2, 4, 8, 16)),
    Parameter("HELD", "vectors that a lane keeps in registers", 1, MOST_OF_SOFTMAX),
    Parameter("LOOP", "1: rows are longer than what is held", values=(0, 1)),
)
COLUMN_LANES = (256, 64, 16, 4, 1)
COLUMN_PARAMETERS = (
    Parameter("COLUMN_LANES", "lanes that have different columns", values=COLUMN_LANES),
    Parameter("VECTOR", "columns that a lane takes at once", values=(1, 2, 4)),
    Parameter("ALONG", "1: neighbouring lanes share a column", values=(0, 1)),
)
MOST_OF_COLUMN, MOST_OF_COLUMNS = (
    16,
    32,
)  # values of one column, and of all its columns, that a lane of softmax_columns keeps in registers
SPLIT = Parameter("SPLIT", "1: several work-groups share a row, the last one finishes it", values=(0, 1))
_OPS = ("SUM", "MEAN", "MAX", "MIN", "PROD", "VAR")
REDUCE_ROWS = KernelTemplate(
    "reduce_rows",
    "reduce_rows.hip",
    "a reduction of contiguous rows of floats of any width",
    (
        Parameter("OP", "what is reduced", values=tuple(f"OP_{op}" for op in _OPS)),
        *ROW_PARAMETERS,
        SPLIT,
        INPUT,
        FLOAT_TYPE,
        ANY_OUT,
    ),
)
REDUCE_COLUMNS = KernelTemplate(
    "reduce_columns",
    "reduce_columns.hip",
    "a reduction along one dimension",
    (
        *COLUMN_PARAMETERS,
        Parameter("OP", "what is reduced", values=tuple(f"OP_{op}" for op in (*_OPS, "ARGMAX", "ARGMIN", "ANY", "ALL"))),
        Parameter("SPLIT", "1: several work-groups share columns, the last one finishes them", values=(0, 1), default=0),
        ANY_TYPE,
        ANY_OUT,
    ),
)
LOG = Parameter("LOG", "1: the logarithm of softmax", values=(0, 1))
SOFTMAX_ROWS = KernelTemplate(
    "softmax_rows", "softmax_rows.hip", "softmax of contiguous rows", (LOG, *ROW_PARAMETERS, INPUT, FLOAT_TYPE, ANY_OUT)
)
SOFTMAX_COLUMNS = KernelTemplate(
    "softmax_columns",
    "softmax_columns.hip",
    "softmax over an outer dimension",
    (
        LOG,
        *COLUMN_PARAMETERS,
        Parameter("HELD", "elements of a column that a lane keeps in registers", 1, MOST_OF_COLUMN),
        Parameter("LOOP", "1: columns are longer than what is held", values=(0, 1)),
        FLOAT_TYPE,
        ANY_OUT,
    ),
)
NORMALIZE_ROWS = KernelTemplate(
    "normalize_rows",
    "normalize_rows.hip",
    "layer, RMS, group or instance normalisation",
    (
        *ROW_PARAMETERS,
        Parameter("AFFINE", "0 plain, 1 with gamma, 2 with gamma and beta", values=(0, 1, 2)),
        Parameter("PER_CHANNEL", "1: gamma and beta per channel (group norm)", values=(0, 1)),
        Parameter("CENTRED", "0: no mean is subtracted (RMS norm)", values=(0, 1)),
        Parameter("STATISTICS", "1: also write mean and reciprocal deviation", values=(0, 1)),
        Parameter("RESIDUAL", "1: another tensor is added before, and the sum written too", values=(0, 1)),
        INPUT,
        FLOAT_TYPE,
        element_type("WEIGHT", "gamma and beta", FLOAT_TAGS),
        ANY_OUT,
        element_type("STATISTIC", "mean and deviation", FLOAT_TAGS),
    ),
)
LRN = KernelTemplate(
    "lrn",
    "lrn.hip",
    "local response normalisation across channels",
    (
        Parameter("SIZE", "channels in the window", 1, 1024),
        Parameter("POWER", "1: beta is 0.75, by square roots", values=(0, 1)),
        FLOAT_TYPE,
    ),
)
RESIZE = KernelTemplate(
    "resize",
    "resize.hip",
    "interpolation along two neighbouring dimensions, from tables",
    (
        Parameter("TAPS0", "input rows of one output", 1, 4096),
        Parameter("TAPS1", "input columns of one output", 1, 4096),
        Parameter("NEAREST", "1: no weights", values=(0, 1)),
        ANY_TYPE,
        ANY_OUT,
    ),
)
