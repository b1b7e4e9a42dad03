"""Inputs compiled as constants, because the model uses their values as shapes or parameters ("specialised")."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from torch import Tensor

from amdc.errors import UsageError
from amdc.frontends.onnx.elements import to_held
from amdc.frontends.onnx.inputs import BoundInput


def read_specialized(model: str, bound: Mapping[str, BoundInput], given: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """The given values as tensors. Raises UsageError with all that do not fit the model's inputs."""
    problems, known = [], {}
    for name, value in given.items():
        array = np.asarray(value)
        if name not in bound:
            problems.append(f"no input is called '{name}'; the inputs are: {', '.join(bound)}")
            continue
        port = bound[name]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(port.element)
        tensor = to_held(array, port.element) if array.dtype == dtype else None
        if tensor is None or tuple(tensor.shape) != port.shape:
            wanted = f"{dtype} {list(port.shape)}"
            problems.append(f"input '{name}' is {wanted}; its value is given as {array.dtype} {list(array.shape)}")
        else:
            known[name] = tensor
    if problems:
        raise UsageError(f"{model}: inputs cannot be specialised\n  " + "\n  ".join(problems))
    return known
