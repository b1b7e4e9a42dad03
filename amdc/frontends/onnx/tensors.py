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
from amdc.frontends.onnx.elements import BITS, DTYPES, NARROW, element_name, held_dtype, to_held


def torch_dtype(element: int, where: str) -> torch.dtype:
    """The dtype of an element type that torch has itself. Raises ModelError for any other."""
    if element not in DTYPES:
        raise ModelError(f"{where} has the dtype {element_name(element)}, which is not supported here")
    return DTYPES[element]


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
        if proto.data_type in NARROW:
            return _narrow(proto, self._content[offset : offset + length], where)
        dtype, data = held_dtype(proto.data_type, where), self._content[offset : offset + length]
        if data.ctypes.data % dtype.itemsize and isinstance(self._content, np.memmap) and self._content.filename:
            # A copy is needed; read, so that the mapped pages do not come into memory beside it.
            data = np.fromfile(self._content.filename, np.uint8, length, offset=offset)
        return _view(data, dtype, tuple(proto.dims), where)

    def read(self, proto: TensorProto, where: str) -> Tensor:
        """Any tensor; `where` names it in errors (ModelError: dtype, size, missing or short external file)."""
        dtype, shape = held_dtype(proto.data_type, where), tuple(proto.dims)
        if proto.data_type in NARROW:
            return _narrow(proto, self._external(proto, where) if proto.data_location == TensorProto.EXTERNAL else None, where)
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
        array = numpy_helper.to_array(proto)
        return to_held(array, proto.data_type).reshape(shape)
    except (ValueError, TypeError, RuntimeError) as problem:
        raise ModelError(f"{where}: its values do not fill its shape {list(shape)} ({problem})") from problem


def _narrow(proto: TensorProto, external: np.ndarray | None, where: str) -> Tensor:
    """A tensor of a type that ONNX files pack, or that torch lacks."""
    dtype, shape = held_dtype(proto.data_type, where), tuple(proto.dims)
    raw = proto.raw_data if external is None else external.tobytes()
    needed = -(-int(np.prod(shape, dtype=np.int64)) * BITS[element_name(proto.data_type)] // 8)
    if raw and len(raw) != needed:
        raise ModelError(f"{where} holds {len(raw)} bytes, but its shape {list(shape)} needs {needed}")
    whole = proto if external is None else TensorProto(dims=proto.dims, data_type=proto.data_type, raw_data=raw)
    return _from_fields(whole, dtype, shape, where)


def sparse_tensor(proto: onnx.SparseTensorProto, reader: TensorReader, where: str) -> Tensor:
    """A sparse tensor, densified. Its indices are places in the flattened tensor, or one index a dimension."""
    values, shape = reader.read(proto.values, where), tuple(proto.dims)
    places = reader.read(proto.indices, f"the indices of {where}")
    if places.dim() == 2:
        strides = [int(np.prod(shape[d + 1 :], dtype=np.int64)) for d in range(len(shape))]
        places = (places * torch.tensor(strides)).sum(1)
    dense = torch.zeros(int(np.prod(shape, dtype=np.int64)), dtype=values.dtype)
    outside = len(places) and not 0 <= int(places.min()) <= int(places.max()) < len(dense)
    if values.dim() != 1 or places.shape != values.shape or outside:
        raise ModelError(f"{where}: its indices do not fit {len(values)} values in the shape {list(shape)}")
    dense[places] = values
    return dense.reshape(shape)


def attribute_value(attribute: onnx.AttributeProto, reader: TensorReader, where: str) -> object:
    """An attribute as Python's int, float, str, list of them, or a tensor."""
    if attribute.type == onnx.AttributeProto.TENSOR:
        return reader.read(attribute.t, f"attribute '{attribute.name}' of {where}")
    if attribute.type == onnx.AttributeProto.SPARSE_TENSOR:
        return sparse_tensor(attribute.sparse_tensor, reader, f"attribute '{attribute.name}' of {where}")
    value = onnx.helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (int, float, str)):
        return value
    return [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in value]
