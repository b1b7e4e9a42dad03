"""Finds the raw bytes of initializers inside an ONNX file, so that they can be mapped instead of copied.

Reads the protobuf wire format (protobuf.dev/programming-guides/encoding) of three messages of onnx.proto: ModelProto.graph,
GraphProto.initializer, TensorProto.name and raw_data.
"""

from __future__ import annotations

from collections.abc import Iterator

MODEL_GRAPH, GRAPH_INITIALIZER, TENSOR_NAME, TENSOR_RAW_DATA = 7, 5, 8, 9  # field numbers
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
SMALLEST = 256  # bytes; shorter data is not worth a view of its own


class Truncated(ValueError):
    """The bytes are no sequence of whole protobuf fields."""


def raw_data_spans(data: memoryview) -> dict[str, tuple[int, int]]:
    """Name of an initializer -> (offset, length) of its raw data in `data`. Raises Truncated."""
    spans = {}
    for number, start, end in _fields(data, 0, len(data)):
        if number != MODEL_GRAPH:
            continue
        for inner, tensor_start, tensor_end in _fields(data, start, end):
            if inner == GRAPH_INITIALIZER:
                parts = {field: (a, b) for field, a, b in _fields(data, tensor_start, tensor_end)}
                name_start, name_end = parts.get(TENSOR_NAME, (0, 0))
                raw_start, raw_end = parts.get(TENSOR_RAW_DATA, (0, 0))
                if raw_end - raw_start >= SMALLEST:
                    spans[str(data[name_start:name_end], "utf-8", "replace")] = (raw_start, raw_end - raw_start)
    return spans


def _fields(data: memoryview, position: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of the length-delimited fields in data[position:end]; the others are passed over."""
    while position < end:
        start = position
        key, position = _varint(data, position, end)
        kind = key & 7
        if kind == VARINT:
            _, position = _varint(data, position, end)
        elif kind in (FIXED64, FIXED32):
            position += 8 if kind == FIXED64 else 4
        elif kind == BYTES:
            length, position = _varint(data, position, end)
            if position + length > end:
                raise Truncated(f"the field at byte {start} should be {length} bytes long, but only {end - position} follow")
            yield key >> 3, position, position + length
            position += length
        else:
            raise Truncated(f"byte {start} starts no protobuf field")


def _varint(data: memoryview, position: int, end: int) -> tuple[int, int]:
    """(value, position behind it) of a base-128 number."""
    value = shift = 0
    while position < end and shift < 64:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
    raise Truncated(f"the number at byte {position} does not end")
