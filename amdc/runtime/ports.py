"""Checks a user's input arrays against the model's inputs, all at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from amdc.errors import InputError
from amdc.program import Port, numpy_dtype


def check_inputs(ports: Sequence[Port], given: Mapping[str, Any], shapes: bool = True) -> dict[str, np.ndarray]:
    """The inputs as C-contiguous arrays by name. Raises `InputError` with a line for each missing, unexpected or wrong one;
    with `shapes` False any shape is right."""
    arrays = {name: np.asarray(value, order="C") for name, value in given.items()}
    wrong = list(_problems(ports, arrays, shapes))
    if wrong:
        expected = [f"  {port.name}: {describe(port.dtype, port.shape) if shapes else port.dtype}" for port in ports]
        raise InputError("\n".join([*wrong, "the model takes:", *expected]))
    return arrays


def describe(dtype: str, shape: Sequence[int]) -> str:
    """Such as float32 [1, 3, 224, 224]."""
    return f"{dtype} {list(shape)}"


def _problems(ports: Sequence[Port], arrays: Mapping[str, np.ndarray], shapes: bool) -> Iterator[str]:
    known = {port.name: port for port in ports}
    for name in arrays.keys() - known.keys():
        close = difflib.get_close_matches(name, known, 1)
        yield f"the model has no input '{name}'" + (f"; did you mean '{close[0]}'?" if close else "")
    for name, port in known.items():
        array = arrays.get(name)
        if array is None:
            yield f"input '{name}' is missing"
        elif array.dtype != numpy_dtype(port.dtype):
            yield f"input '{name}' is {array.dtype}, expected {port.dtype}; convert it with .astype('{port.dtype}')"
        elif shapes and array.shape != port.shape:
            yield f"input '{name}' has shape {list(array.shape)}, expected {list(port.shape)}; another one needs another --shape"
