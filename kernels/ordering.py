"""The templates that depend on order or on index tensors: running totals, sorting, scattering."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter

_DIRECTION = (
    Parameter("EXCLUSIVE", "1: an element is not part of its own total", values=(0, 1)),
    Parameter("REVERSE", "1: from the end", values=(0, 1)),
)
_SCANS = ("SUM", "PROD", "LOGSUMEXP")
SCAN = KernelTemplate(
    "scan",
    "scan.hip",
    "a running total along one dimension, a lane a column",
    (
        Parameter("OP", "how values are put together", values=tuple(f"OP_{op}" for op in (*_SCANS, "MAX", "MIN"))),
        Parameter("INDICES", "1: also write where the extreme lies", values=(0, 1)),
        *_DIRECTION,
    ),
)
SCAN_ROWS = KernelTemplate(
    "scan_rows",
    "scan_rows.hip",
    "a running total along one long dimension, a work-group a column",
    (Parameter("OP", "how values are put together", values=tuple(f"OP_{op}" for op in _SCANS)), *_DIRECTION),
)
_DESCENDING = Parameter("DESCENDING", "1: the largest first", values=(0, 1))
_FINAL = Parameter("FINAL", "1: writes the result, 0: sorted runs to be merged", values=(0, 1))
SORT_CHUNKS = KernelTemplate(
    "sort_chunks",
    "sort_chunks.hip",
    "sorts rows in chunks, stably",
    (Parameter("CHUNK", "elements of a chunk", values=(64, 128, 256, 512, 1024, 2048)), _DESCENDING, _FINAL),
)
MERGE_RUNS = KernelTemplate("merge_runs", "merge_runs.hip", "merges neighbouring sorted runs of each row", (_DESCENDING, _FINAL))
SCATTER_REDUCE = KernelTemplate(
    "scatter_reduce",
    "scatter_reduce.hip",
    "values put at the places that an index holds, several at one place put together",
    (
        Parameter("OP", "how", values=tuple(f"OP_{op}" for op in ("SUM", "PROD", "MAX", "MIN", "MEAN", "LAST"))),
        Parameter("SELF", "1: what was there takes part", values=(0, 1)),
        Parameter("WALK", "0 a lane an output element, 1 a lane a column", values=(0, 1)),
    ),
)
SEARCH_SORTED = KernelTemplate(
    "search_sorted",
    "search_sorted.hip",
    "where values stand in sorted rows",
    (Parameter("RIGHT", "1: behind equal elements", values=(0, 1)),),
)
