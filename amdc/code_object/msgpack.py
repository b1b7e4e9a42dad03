"""A reader of MessagePack, the encoding of a code object's metadata note.

Source: the MessagePack specification (https://github.com/msgpack/msgpack/blob/master/spec.md).
"""

from __future__ import annotations

import struct
from typing import Any

from amdc.errors import BundleError

_SCALARS = {
    0xCA: ">f",
    0xCB: ">d",
    0xCC: ">B",
    0xCD: ">H",
    0xCE: ">I",
    0xCF: ">Q",
    0xD0: ">b",
    0xD1: ">h",
    0xD2: ">i",
    0xD3: ">q",
}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_LENGTHS = {  # byte -> (what follows, format of its length)
    0xC4: ("bytes", ">B"), 0xC5: ("bytes", ">H"), 0xC6: ("bytes", ">I"),
    0xD9: ("text", ">B"), 0xDA: ("text", ">H"), 0xDB: ("text", ">I"),
    0xDC: ("list", ">H"), 0xDD: ("list", ">I"), 0xDE: ("map", ">H"), 0xDF: ("map", ">I"),
}  # fmt: skip
_MAX_DEPTH = 32


class _Stream:
    def __init__(self, data: bytes, name: str) -> None:
        self.data, self.name, self.offset = data, name, 0

    def error(self, what: str) -> BundleError:
        return BundleError(
            f"{self.name}: damaged metadata: {what} at byte {self.offset} of {len(self.data)}; rebuild the code object"
        )

    def take(self, count: int) -> bytes:
        if self.offset + count > len(self.data):
            raise self.error(f"{count} more bytes expected")
        self.offset += count
        return self.data[self.offset - count : self.offset]

    def number(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]


def unpack(data: bytes, name: str) -> Any:
    """The first value in `data` as dict, list, str, bytes, int, float, bool or None. Raises `BundleError` naming `name`."""
    return _value(_Stream(data, name), 0)


def _value(stream: _Stream, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise stream.error(f"more than {_MAX_DEPTH} nested values")
    head = stream.take(1)[0]
    if head < 0x80:
        return head
    if head >= 0xE0:
        return head - 0x100
    if head < 0xC0:
        kind, length = ("map", head & 15) if head < 0x90 else ("list", head & 15) if head < 0xA0 else ("text", head & 31)
        return _compound(stream, kind, length, depth)
    if head in _CONSTANTS:
        return _CONSTANTS[head]
    if head in _SCALARS:
        return stream.number(_SCALARS[head])
    if head in _LENGTHS:
        kind, layout = _LENGTHS[head]
        return _compound(stream, kind, stream.number(layout), depth)
    raise stream.error(f"unknown type byte 0x{head:02x}")


def _compound(stream: _Stream, kind: str, length: int, depth: int) -> Any:
    if kind == "bytes":
        return stream.take(length)
    if kind == "text":
        return stream.take(length).decode("utf-8", "replace")
    if kind == "list":
        return [_value(stream, depth + 1) for _ in range(length)]
    pairs = {}
    for _ in range(length):
        key = _value(stream, depth + 1)
        if not isinstance(key, str):
            raise stream.error(f"a map's key is {type(key).__name__}, not text")
        pairs[key] = _value(stream, depth + 1)
    return pairs
