"""Random inputs for a model, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from amdc.program import Port, numpy_dtype


def random_inputs(ports: Iterable[Port], seed: int) -> dict[str, np.ndarray]:
    """Standard normal floats, integers from 0 to 7, fair coins, for each input by name."""
    rng = np.random.default_rng(seed)

    def make(port: Port) -> np.ndarray:
        if "float" in port.dtype:
            return rng.standard_normal(port.shape).astype(numpy_dtype(port.dtype))
        return rng.integers(0, 2 if port.dtype == "bool" else 8, port.shape).astype(port.dtype)

    return {port.name: make(port) for port in ports}
