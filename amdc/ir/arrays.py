"""Between tensors and numpy arrays, for dtypes too that only the package ml_dtypes gives numpy: bfloat16 and the float8 types."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

# What of the same size stands for a dtype that torch and numpy cannot hand each other.
_BITS = {
    torch.bfloat16: torch.uint16,
    torch.float8_e4m3fn: torch.uint8,
    torch.float8_e5m2: torch.uint8,
    torch.float8_e4m3fnuz: torch.uint8,
    torch.float8_e5m2fnuz: torch.uint8,
}


def to_numpy(tensor: Tensor) -> np.ndarray:
    """The tensor's values as an array, without a copy where it is dense."""
    held = tensor.detach().contiguous()
    if held.dtype not in _BITS:
        return held.numpy()
    import ml_dtypes  # onnx needs it, so where models are compiled it is there

    name = str(held.dtype).removeprefix("torch.")
    return held.reshape(-1).view(_BITS[held.dtype]).numpy().view(getattr(ml_dtypes, name)).reshape(tuple(held.shape))


def from_numpy(array: np.ndarray) -> Tensor:
    """The array's values as a tensor, without a copy where numpy's dtype is one of torch's."""
    dtype = getattr(torch, array.dtype.name)
    if dtype not in _BITS:
        return torch.from_numpy(array)
    bits = np.ascontiguousarray(array).reshape(-1).view(f"u{array.dtype.itemsize}")
    return torch.from_numpy(bits).view(dtype).reshape(array.shape)
