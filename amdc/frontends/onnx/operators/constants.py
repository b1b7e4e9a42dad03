"""Operators that make tensors from attributes or from shapes."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported, onnx_op
from amdc.frontends.onnx.tensors import torch_dtype


@onnx_op("Constant")
def constant(
    *,
    value: Tensor | None = None,
    value_float: float | None = None,
    value_floats: list[float] | None = None,
    value_int: int | None = None,
    value_ints: list[int] | None = None,
) -> Tensor:
    if value is not None:
        return value
    floats = value_float if value_float is not None else value_floats
    if floats is not None:
        return torch.tensor(floats, dtype=torch.float32)
    integers = value_int if value_int is not None else value_ints
    if integers is None:
        raise NotSupported("it has no value of a supported kind (a dense tensor, floats or integers)")
    return torch.tensor(integers, dtype=torch.int64)


@onnx_op("ConstantOfShape", since=9, static=("shape",))
def constant_of_shape(shape: list[int], /, *, value: Tensor | None = None) -> Tensor:
    """One stored element, expanded; it is written out only where the graph uses it."""
    fill = torch.zeros(1) if value is None else value
    return fill.reshape(()).clone().expand(shape)


@onnx_op("Shape", shape_only=True)
def shape(x: Tensor, /, *, start: int = 0, end: int | None = None) -> Tensor:
    return torch.tensor(tuple(x.shape)[start:end], dtype=torch.int64)


@onnx_op("Size", shape_only=True)
def size(x: Tensor, /) -> Tensor:
    return torch.tensor(x.numel(), dtype=torch.int64)


@onnx_op("EyeLike", since=9, shape_only=True)
def eye_like(x: Tensor, /, *, dtype: int | None = None, k: int = 0) -> Tensor:
    rows, columns = x.shape
    kind = x.dtype if dtype is None else torch_dtype(dtype, "EyeLike's output")
    return (torch.arange(columns)[None, :] - torch.arange(rows)[:, None] == k).to(kind)


@onnx_op("Range", since=11, static=("start", "limit", "delta"))
def range_(start: float, limit: float, delta: float, /, *, stash_type: int = 1, elements: tuple[int, ...] = (1, 1, 1)) -> Tensor:
    """Of constants: otherwise the shape would depend on values."""
    bounds = [bound[0] if isinstance(bound, list) else bound for bound in (start, limit, delta)]  # some exporters write [1]
    return torch.arange(*bounds, dtype=torch_dtype(elements[0], "its output"))
