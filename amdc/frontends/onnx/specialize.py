"""Inputs compiled as constants, because the model uses their values as shapes or parameters ("specialised")."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto
from torch import Tensor

from amdc.errors import UsageError
from amdc.frontends.onnx.elements import to_held
from amdc.frontends.onnx.inputs import BoundInput, model_inputs

INTEGERS = {TensorProto.DataType.Value(f"{sign}INT{bits}") for sign in ("", "U") for bits in (8, 16, 32, 64)}


def split_bindings(proto: onnx.ModelProto, bindings: Mapping[str, int]) -> tuple[dict[str, int], dict[str, int]]:
    """The bindings of dimensions' symbols, and those that name an integer input (and no symbol)."""
    inputs = model_inputs(proto)
    symbols = {dim.dim_param for value in inputs for dim in value.type.tensor_type.shape.dim}
    integers = {value.name for value in inputs if value.type.tensor_type.elem_type in INTEGERS} - symbols
    values = {name: number for name, number in bindings.items() if name in integers}
    return {name: extent for name, extent in bindings.items() if name not in values}, values


def bound_values(model: str, bound: Mapping[str, BoundInput], numbers: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The arrays of inputs that bindings give the values of. Raises UsageError for one with several elements."""
    if wrong := [
        f"'{name}' is an input of shape {list(bound[name].shape)}" for name in numbers if math.prod(bound[name].shape) != 1
    ]:
        raise UsageError(f"{model}: a number can only be bound to an input with one element: {'; '.join(wrong)}")
    return {
        name: np.full(bound[name].shape, number, onnx.helper.tensor_dtype_to_np_dtype(bound[name].element))
        for name, number in numbers.items()
    }


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
