"""The environment variables that amdc reads. Any other AMDC_* variable is a typing error, and is warned about."""

from __future__ import annotations

import difflib
import os

VARIABLES = {
    "AMDC_CLANG": "the clang (>= 19, with the AMDGPU target) that compiles kernels",
    "AMDC_HOST_CC": "the C compiler that the simulated GPU uses",
    "AMDC_CACHE_DIR": "where compiled kernels are cached (default: ~/.cache/amdc)",
    "AMDC_DEVICE": "the device that torch.compile(backend='amdc') runs on: sim, hip or host",
    "AMDC_CACHE_BYTES": "the most bytes that each cache keeps: compiled kernels, translated kernels (default: 1 GiB each)",
}


def unknown_variables() -> list[str]:
    """A warning line for each AMDC_* variable that amdc does not know."""
    lines = []
    for name in sorted(os.environ):
        if name.startswith("AMDC_") and name not in VARIABLES:
            close = difflib.get_close_matches(name, VARIABLES, 1)
            lines.append(f"unknown environment variable {name} is ignored" + (f"; did you mean {close[0]}?" if close else ""))
    return lines
