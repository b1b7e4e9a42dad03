"""Optional values, where the import knows whether they are there: a tensor is, a missing input is not."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported, onnx_op


@onnx_op("OptionalHasElement", since=15, shape_only=True)
def optional_has_element(x: Tensor | None = None, /) -> Tensor:
    return torch.tensor(x is not None)


@onnx_op("OptionalGetElement", since=15)
def optional_get_element(x: Tensor | None = None, /) -> Tensor:
    if x is None:
        raise NotSupported("it has no element to give")
    return x
