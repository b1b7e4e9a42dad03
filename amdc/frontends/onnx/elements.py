"""ONNX element types: the torch dtype that holds each in a Graph, and the way between a user's arrays and those tensors.

torch computes on no type narrower than 8 bits. Values of such types (and of FLOAT8E8M0, powers of two) are held exactly, as
values and not as codes, in the narrowest torch dtype that computes: integers of 2 and 4 bits in 8 bits, the narrow floats in
float32. Only the import and the ports know the user's type.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import TensorProto
from torch import Tensor

from amdc.errors import ModelError

DTYPES: dict[int, torch.dtype] = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.UINT8: torch.uint8,
    TensorProto.INT8: torch.int8,
    TensorProto.UINT16: torch.uint16,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
    TensorProto.BOOL: torch.bool,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.DOUBLE: torch.float64,
    TensorProto.UINT32: torch.uint32,
    TensorProto.UINT64: torch.uint64,
    TensorProto.BFLOAT16: torch.bfloat16,
    TensorProto.FLOAT8E4M3FN: torch.float8_e4m3fn,
    TensorProto.FLOAT8E4M3FNUZ: torch.float8_e4m3fnuz,
    TensorProto.FLOAT8E5M2: torch.float8_e5m2,
    TensorProto.FLOAT8E5M2FNUZ: torch.float8_e5m2fnuz,
}
ELEMENT_OF = {dtype: element for element, dtype in DTYPES.items()}
NARROW: dict[int, torch.dtype] = {
    getattr(TensorProto, name): held
    for name, held in {
        "UINT4": torch.uint8,
        "INT4": torch.int8,
        "UINT2": torch.uint8,
        "INT2": torch.int8,
        "FLOAT4E2M1": torch.float32,
        "FLOAT8E8M0": torch.float32,
        "FLOAT6E2M3": torch.float32,
        "FLOAT6E3M2": torch.float32,
    }.items()
    if hasattr(TensorProto, name)  # the newest came with onnx 1.19 to 1.23
}
HELD = DTYPES | NARROW
BITS = {"UINT4": 4, "INT4": 4, "UINT2": 2, "INT2": 2, "FLOAT4E2M1": 4, "FLOAT8E8M0": 8, "FLOAT6E2M3": 6, "FLOAT6E3M2": 6}


def element_name(element: int) -> str:
    """ONNX's name of a tensor element type."""
    return TensorProto.DataType.Name(element) if element in TensorProto.DataType.values() else f"element type {element}"


def held_dtype(element: int, where: str) -> torch.dtype:
    """The dtype that holds an element type in a Graph. Raises ModelError for strings and complex numbers."""
    if element not in HELD:
        raise ModelError(
            f"{where} has the dtype {element_name(element)}, which amdc does not support; convert it to FLOAT or an integer type"
        )
    return HELD[element]


def integer_range(element: int) -> tuple[int, int] | None:
    """Smallest and largest value of an integer type; None for any other."""
    name = element_name(element)
    if element in DTYPES:
        dtype = DTYPES[element]
        if dtype.is_floating_point or dtype == torch.bool:
            return None
        return torch.iinfo(dtype).min, torch.iinfo(dtype).max
    if "INT" not in name:
        return None
    bits = BITS[name]
    return (0, 2**bits - 1) if name.startswith("U") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def to_held(array: np.ndarray, element: int) -> Tensor:
    """A user's array as the tensor that holds it; its own copy."""
    dtype = held_dtype(element, "an input")
    if element in NARROW:
        return torch.from_numpy(widened(array, element)).reshape(array.shape)
    if array.dtype.kind == "V" or not hasattr(np, array.dtype.name):  # bfloat16 and float8 are extension dtypes of numpy
        bits = array.copy().reshape(-1).view(f"u{array.dtype.itemsize}")
        return torch.from_numpy(bits).view(dtype).reshape(array.shape)
    return torch.from_numpy(np.array(array, order="C"))


def to_user(tensor: Tensor, element: int) -> np.ndarray:
    """The array of ONNX's own dtype (an extension dtype for what numpy lacks) for a tensor that holds values of it."""
    kind = onnx.helper.tensor_dtype_to_np_dtype(element)
    if element in NARROW:
        return narrowed(tensor.numpy(), element)
    if tensor.dtype in (torch.bfloat16, *(d for d in DTYPES.values() if "float8" in str(d))):
        bits = tensor.contiguous().reshape(-1).view(torch.uint16 if tensor.dtype == torch.bfloat16 else torch.uint8)
        return bits.numpy().view(kind).reshape(tuple(tensor.shape))
    return tensor.numpy()


def widened(array: np.ndarray, element: int) -> np.ndarray:
    """A user's array in the dtype in which a session takes it: another one for the narrow types alone."""
    return array.astype(str(NARROW[element]).removeprefix("torch.")) if element in NARROW else array


def narrowed(array: np.ndarray, element: int) -> np.ndarray:
    """The reverse of `widened`."""
    return array.astype(onnx.helper.tensor_dtype_to_np_dtype(element)) if element in NARROW else array
