"""ONNX tensors and dtypes as torch's."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, numpy_helper
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


def dtype_name(elem_type: int) -> str:
    """ONNX's name of a tensor element type."""
    return TensorProto.DataType.Name(elem_type) if elem_type in TensorProto.DataType.values() else f"element type {elem_type}"


def torch_dtype(elem_type: int, where: str) -> torch.dtype:
    """Raises ModelError where torch has no such dtype (strings, complex and 4-bit types)."""
    if elem_type not in DTYPES:
        raise ModelError(
            f"{where} has the dtype {dtype_name(elem_type)}, which amdc does not support; convert it to FLOAT or an integer type"
        )
    return DTYPES[elem_type]


class TensorReader:
    """Turns the TensorProtos of one model into torch tensors, without copying where the bytes lie in a file.

    `spans` says where in the model file `content` the raw bytes of an initializer stand: name -> (offset, length).
    """

    def __init__(
        self, directory: Path | None, content: np.ndarray | None = None, spans: dict[str, tuple[int, int]] | None = None
    ) -> None:
        self._directory = directory
        self._content = content
        self._spans = spans or {}
        self._files: dict[str, np.ndarray] = {}

    def read_initializer(self, proto: TensorProto) -> Tensor:
        """A weight of the model, from where it lies in the file."""
        where = f"initializer '{proto.name}'"
        if self._content is None or proto.name not in self._spans:
            return self.read(proto, where)
        offset, length = self._spans[proto.name]
        return _view(self._content[offset : offset + length], torch_dtype(proto.data_type, where), tuple(proto.dims), where)

    def read(self, proto: TensorProto, where: str) -> Tensor:
        """Any tensor; `where` names it in errors (ModelError: dtype, size, missing or short external file)."""
        dtype, shape = torch_dtype(proto.data_type, where), tuple(proto.dims)
        if proto.data_location == TensorProto.EXTERNAL:
            return _view(self._external(proto, where), dtype, shape, where)
        if proto.HasField("raw_data"):
            return _view(np.frombuffer(proto.raw_data, np.uint8), dtype, shape, where)
        return _from_fields(proto, dtype, shape, where)

    def _external(self, proto: TensorProto, where: str) -> np.ndarray:
        """The bytes of an external tensor, mapped from its file."""
        entries = {entry.key: entry.value for entry in proto.external_data}
        location = entries.get("location", "")
        if self._directory is None:
            raise ModelError(f"{where} is stored in the file '{location}'; give the model as a path, so that it can be found")
        path = self._directory / location
        if not location or ".." in Path(location).parts or Path(location).is_absolute():
            raise ModelError(f"{where} is stored in '{location}', which must be a relative path below the model's folder")
        if not path.is_file():
            raise ModelError(f"{where} is stored in '{path}', but there is no such file; put it beside the model")
        if location not in self._files:
            empty = path.stat().st_size == 0
            self._files[location] = np.empty(0, np.uint8) if empty else np.memmap(path, np.uint8, mode="c")
        data, offset = self._files[location], int(entries.get("offset", 0))
        length = int(entries.get("length", data.size - offset))
        if offset + length > data.size:
            raise ModelError(
                f"{where} needs bytes {offset} to {offset + length} of '{path}', which has {data.size}; the file is cut off"
            )
        return data[offset : offset + length]


def _view(data: np.ndarray, dtype: torch.dtype, shape: tuple[int, ...], where: str) -> Tensor:
    """Little-endian bytes as a tensor; copies only what is not aligned for its dtype."""
    needed = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if data.size != needed:
        raise ModelError(f"{where} holds {data.size} bytes, but its shape {list(shape)} of {dtype} needs {needed}")
    if needed == 0:
        return torch.empty(shape, dtype=dtype)
    if data.ctypes.data % dtype.itemsize:
        data = data.copy()
    with warnings.catch_warnings():  # bytes objects are read-only; nothing writes to constants
        warnings.filterwarnings("ignore", message="The given (buffer|NumPy array) is not writable")
        return torch.from_numpy(data).view(dtype).reshape(shape)


def _from_fields(proto: TensorProto, dtype: torch.dtype, shape: tuple[int, ...], where: str) -> Tensor:
    """A tensor whose values stand in the typed fields (float_data, int32_data...)."""
    try:
        array = np.ascontiguousarray(numpy_helper.to_array(proto)).reshape(shape)
    except (ValueError, TypeError) as problem:
        raise ModelError(f"{where}: its values do not fill its shape {list(shape)} ({problem})") from problem
    flat = array.reshape(-1)
    if array.dtype.kind == "V" or not hasattr(np, array.dtype.name):  # bfloat16 and float8 come as extension dtypes
        return torch.from_numpy(flat.view(f"u{array.itemsize}")).view(dtype).reshape(shape)
    return torch.from_numpy(flat).reshape(shape)


def attribute_value(attribute: onnx.AttributeProto, reader: TensorReader, where: str) -> object:
    """An attribute as Python's int, float, str, list of them, or a tensor."""
    if attribute.type == onnx.AttributeProto.TENSOR:
        return reader.read(attribute.t, f"attribute '{attribute.name}' of {where}")
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (int, float, str)):
        return value
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in value]
