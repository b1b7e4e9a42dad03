"""Random inputs for a model, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from amdc.program import Port, Program, numpy_dtype


def inputs_for(program: Program, seed: int) -> dict[str, np.ndarray]:
    """Random inputs for a program; an input that it is compiled for one value of has that value."""
    compiled = program.metadata.get("specialized", {})
    arrays = random_inputs(program.inputs, seed)
    return arrays | {name: np.asarray(value, arrays[name].dtype) for name, value in compiled.items()}


def random_inputs(ports: Iterable[Port], seed: int) -> dict[str, np.ndarray]:
    """Standard normal floats, integers from 0 to 7, fair coins, for each input by name."""
    rng = np.random.default_rng(seed)

    def make(port: Port) -> np.ndarray:
        if "float" in port.dtype:
            return rng.standard_normal(port.shape).astype(numpy_dtype(port.dtype))
        return rng.integers(0, 2 if port.dtype == "bool" else 8, port.shape).astype(port.dtype)

    return {port.name: make(port) for port in ports}
