"""Descriptors of the attention kernels: kernels/hip/attention.hip and attention_decode.hip."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter

GROUP_ROWS = 16  # of a work-group of attention.hip
HELD_ROWS = (1, 2, 4, 8)
MOST_COLUMNS = 256  # of the result by one launch
DECODE_QUADS = 8  # rows times groups of 64 values that a lane of attention_decode.hip keeps in registers
STORED_TAGS = ("float", "amdc_f16", "amdc_bf16")

_COMMON = (
    Parameter("TYPE", "how q, k, v and the result are stored", values=STORED_TAGS),
    Parameter("MASK_TYPE", "how the mask is stored", values=("bool", *STORED_TAGS)),
    Parameter("CAUSAL", "1: a row sees the columns up to its own", values=(0, 1)),
    Parameter("MASK", "0 none, 1 the same for all rows, 2 by row", values=(0, 1, 2)),
    Parameter("SOFTCAP", "1: scores are capped softly", values=(0, 1)),
    Parameter("VECTORS", "1: dwordx4 loads and stores", values=(0, 1)),
    Parameter("WIDTH", "values of a query and of a key", 1, 1 << 16),
    Parameter("V_WIDTH", "values of a value and of the result", 1, MOST_COLUMNS),
)

ATTENTION = KernelTemplate(
    name="attention",
    file="attention.hip",
    computes="softmax(scale * Q K^T + mask) V by online softmax over tiles of 64 keys",
    parameters=_COMMON,
)

ATTENTION_DECODE = KernelTemplate(
    name="attention_decode",
    file="attention_decode.hip",
    computes="attention of a few rows over all keys, parallel over the keys",
    parameters=(
        Parameter("HELD", "rows of a work-group", values=HELD_ROWS),
        Parameter("SPLIT", "1: a work-group takes a part of the keys, the last one combines the parts", values=(0, 1)),
        Parameter("JOINED", "1: the last keys and values lie apart from the others", values=(0, 1)),
        *_COMMON,
    ),
)
