"""The constants of a bundle as a safetensors file, written and read with numpy alone.

Source: the safetensors format: eight bytes with the length of a JSON header (little endian), the header, and the tensors' bytes
without gaps; for each tensor the header holds "dtype", "shape" and "data_offsets" (begin, end) behind the header.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from amdc.bundle.archive import ALIGNMENT, Archive, Buffers, sha256
from amdc.program import numpy_dtype

DTYPES = {
    "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64", "bool": "BOOL",
    "int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8",
    "uint64": "U64", "uint32": "U32", "uint16": "U16", "uint8": "U8",
    "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2", "float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ",
}  # fmt: skip
NAMES = {short: name for name, short in DTYPES.items()}


def to_buffers(constants: Mapping[str, np.ndarray]) -> Buffers:
    """The parts of the file. Tensors with larger elements come first, so that each is aligned to its element size."""
    ordered = sorted(constants, key=lambda name: -constants[name].dtype.itemsize)
    header: dict[str, Any] = {}
    end = 0
    for name in ordered:
        array = constants[name]
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": DTYPES[array.dtype.name], "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    return [struct.pack("<Q", len(text)), text, *(_bytes_of(constants[name]) for name in ordered)]


def _bytes_of(array: np.ndarray) -> memoryview:
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


class StoredWeights(Mapping[str, np.ndarray]):
    """The constants of a bundle on disk, mapped into memory (read only). The first access checks the hash of them all."""

    def __init__(self, archive: Archive, member: str, digest: str) -> None:
        self._archive, self._member, self._digest = archive, member, digest
        self._arrays: dict[str, np.ndarray] | None = None

    def _opened(self) -> dict[str, np.ndarray]:
        if self._arrays is None:
            offset, size = self._archive.span(self._member)
            data = np.memmap(self._archive.path, np.uint8, "r", offset, (size,))
            if sha256([data.data]) != self._digest:
                raise self._archive.error(f"its member {self._member} is damaged")
            try:
                self._arrays = _parse(data)
            except (KeyError, TypeError, ValueError, AttributeError, struct.error) as error:
                raise self._archive.error(f"its member {self._member} is no valid safetensors file ({error!r})") from None
        return self._arrays

    def __getitem__(self, name: str) -> np.ndarray:
        return self._opened()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened())

    def __len__(self) -> int:
        return len(self._opened())


def _parse(data: np.ndarray) -> dict[str, np.ndarray]:
    """Views of each tensor in the file's bytes. Raises KeyError, TypeError, ValueError or struct.error for another format."""
    (length,) = struct.unpack("<Q", data[:8].tobytes())
    header = json.loads(bytes(data[8 : 8 + length]))
    body = data[8 + length :]
    arrays = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        (begin, end), shape, dtype = entry["data_offsets"], tuple(entry["shape"]), numpy_dtype(NAMES[entry["dtype"]])
        if not 0 <= begin <= end <= body.size or end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"tensor {name}: bytes {begin} to {end} of {body.size} for {dtype} {list(shape)}")
        arrays[name] = body[begin:end].view(dtype).reshape(shape)
    return arrays
