"""The templates that depend on order or on index tensors: running totals, sorting, scattering."""

from __future__ import annotations

from amdc.kernels.template import KernelTemplate, Parameter

_SCANS = ("SUM", "PROD", "LOGSUMEXP")
SCAN = KernelTemplate(
    "scan",
    "scan.hip",
    "a running total along one dimension, a lane a column",
    (
        Parameter("OP", "how values are put together", values=tuple(f"OP_{op}" for op in (*_SCANS, "MAX", "MIN"))),
        Parameter("INDICES", "1: also write where the extreme lies", values=(0, 1)),
    ),
)
SCAN_ROWS = KernelTemplate(
    "scan_rows",
    "scan_rows.hip",
    "a running total along one long dimension, a work-group a column",
    (Parameter("OP", "how values are put together", values=tuple(f"OP_{op}" for op in _SCANS)),),
)
