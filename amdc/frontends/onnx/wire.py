"""Finds the raw bytes of initializers inside an ONNX file, so that they can be mapped instead of copied, and leaves them out.

Reads the protobuf wire format (protobuf.dev/programming-guides/encoding) of three messages of onnx.proto: ModelProto.graph,
GraphProto.initializer, TensorProto.name and raw_data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

MODEL_GRAPH, GRAPH_INITIALIZER, TENSOR_NAME, TENSOR_RAW_DATA = 7, 5, 8, 9  # field numbers
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
SMALLEST = 256  # bytes; shorter data is not worth a view of its own


class Truncated(ValueError):
    """The bytes are no sequence of whole protobuf fields."""


def raw_data_spans(data: memoryview) -> dict[str, tuple[int, int]]:
    """Name of an initializer -> (offset, length) of its raw data in `data`. Raises Truncated."""
    spans = {}
    for number, _, start, end in _fields(data, 0, len(data)):
        if number != MODEL_GRAPH:
            continue
        for inner, _, tensor_start, tensor_end in _fields(data, start, end):
            if inner == GRAPH_INITIALIZER:
                parts = {field: (a, b) for field, _, a, b in _fields(data, tensor_start, tensor_end)}
                name_start, name_end = parts.get(TENSOR_NAME, (0, 0))
                raw_start, raw_end = parts.get(TENSOR_RAW_DATA, (0, 0))
                if raw_end - raw_start >= SMALLEST:
                    spans[str(data[name_start:name_end], "utf-8", "replace")] = (raw_start, raw_end - raw_start)
    return spans


def without_raw_data(data: memoryview, spans: Mapping[str, tuple[int, int]]) -> bytes:
    """The file without the raw data at these spans: as small as the model's structure is, so cheap to parse."""
    return _without(data, 0, len(data), (MODEL_GRAPH, GRAPH_INITIALIZER), frozenset(offset for offset, _ in spans.values()))


def _without(data: memoryview, start: int, end: int, path: tuple[int, ...], dropped: frozenset[int]) -> bytes:
    """The message data[start:end]; in the messages that the field numbers of `path` lead to, fields that are `dropped` are left
    out."""
    parts: list[bytes | memoryview] = []
    copied = start
    for number, begin, inner, inner_end in _fields(data, start, end):
        if path and number == path[0]:
            held = _without(data, inner, inner_end, path[1:], dropped)
            parts += [data[copied:begin], _varint_bytes(number << 3 | BYTES), _varint_bytes(len(held)), held]
        elif not path and inner in dropped:
            parts.append(data[copied:begin])
        else:
            continue
        copied = inner_end
    return b"".join([*parts, data[copied:end]])


def _varint_bytes(value: int) -> bytes:
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*made, value])


def _fields(data: memoryview, position: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(field number, begin, start, end) of the length-delimited fields in data[position:end], of which data[start:end] are the
    contents; the others are passed over."""
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
            yield key >> 3, start, position, position + length
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
