"""The kernarg segment: a kernel's arguments as bytes, the hidden ones included. The `hip` device packs with the same code.

Source of the hidden arguments: LLVM, "User Guide for AMDGPU Backend", "Code Object V3 Metadata" to "V5 Metadata".
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy

from amdc.code_object import ArgumentInfo, KernelInfo
from amdc.errors import UsageError

Dimensions = tuple[int, int, int]
POINTER_KINDS = ("global_buffer", "dynamic_shared_pointer")
FORMATS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}


@runtime_checkable
class HasAddress(Protocol):
    """Anything that lies in device memory."""

    @property
    def address(self) -> int: ...


@dataclass(frozen=True)
class LaunchShape:
    """`grid` in work-groups and `block` in work-items, each x, y, z; `dynamic_lds` in bytes."""

    grid: Dimensions
    block: Dimensions
    dynamic_lds: int = 0


@dataclass(frozen=True)
class Apertures:
    """What the hidden arguments about the address space hold: upper halves of flat addresses, and the queue's address."""

    shared: int = 0
    private: int = 0
    queue: int = 0


def pack_arguments(kernel: KernelInfo, arguments: Sequence[Any], shape: LaunchShape, apertures: Apertures | None = None) -> bytes:
    """The kernarg segment of `kernel`. Raises `UsageError` where the count or a size differs from the metadata."""
    visible = [argument for argument in kernel.arguments if not argument.hidden]
    if len(arguments) != len(visible):
        raise UsageError(
            f"kernel {kernel.name} takes {len(visible)} arguments ({_listing(visible)}), but {len(arguments)} were given"
        )
    segment = bytearray(max([kernel.kernarg_size, *(a.offset + a.size for a in kernel.arguments)]))
    for number, (info, value) in enumerate(zip(visible, arguments, strict=True)):
        data = _pack(info, value, f"kernel {kernel.name}, argument {number}{f' ({info.name})' if info.name else ''}")
        segment[info.offset : info.offset + info.size] = data
    for info in kernel.arguments:
        if info.hidden:
            value = _hidden(info, shape, apertures or Apertures())
            segment[info.offset : info.offset + info.size] = value.to_bytes(info.size, "little")
    return bytes(segment)


def _listing(arguments: Sequence[ArgumentInfo]) -> str:
    return ", ".join(f"{a.name or a.value_kind}: {a.size} bytes" for a in arguments) or "none"


def _pack(info: ArgumentInfo, value: Any, where: str) -> bytes:
    if info.value_kind in POINTER_KINDS:
        return _pack_pointer(info, value, where)
    if isinstance(value, HasAddress):
        if info.size != 8:
            raise UsageError(f"{where}: it takes {info.size} bytes by value, but an array was given")
        return struct.pack("<Q", value.address)
    if isinstance(value, bytes):
        data = value
    elif isinstance(value, numpy.generic | numpy.ndarray):
        data = value.tobytes()
    else:
        data = _pack_number(info, value, where)
    if len(data) != info.size:
        raise UsageError(f"{where}: it takes {info.size} bytes, but {type(value).__name__} has {len(data)}")
    return data


def _pack_pointer(info: ArgumentInfo, value: Any, where: str) -> bytes:
    if isinstance(value, HasAddress):
        value = value.address
    if not isinstance(value, int | numpy.integer):
        raise UsageError(f"{where}: it takes a device array or an address, but {type(value).__name__} was given")
    return struct.pack(FORMATS[info.size], int(value))


def _pack_number(info: ArgumentInfo, value: Any, where: str) -> bytes:
    """A plain Python number takes the argument's size: an int as an integer, a float as a float."""
    try:
        if isinstance(value, float):
            return struct.pack({2: "<e", 4: "<f", 8: "<d"}[info.size], value)
        if isinstance(value, int):
            return value.to_bytes(info.size, "little", signed=value < 0)
    except (KeyError, OverflowError):
        raise UsageError(f"{where}: {value!r} does not fit its {info.size} bytes") from None
    raise UsageError(f"{where}: pass a device array, a numpy scalar, a number or bytes, not {type(value).__name__}")


def _hidden(info: ArgumentInfo, shape: LaunchShape, apertures: Apertures) -> int:
    """The value of a hidden argument. The grid always consists of whole work-groups, so that remainders are 0."""
    kind = info.value_kind.removeprefix("hidden_")
    name, _, axis = kind.rpartition("_")
    if axis in ("x", "y", "z"):
        index = "xyz".index(axis)
        return {"block_count": shape.grid[index], "group_size": shape.block[index]}.get(name, 0)
    values = {
        "grid_dims": 3 if shape.grid[2] * shape.block[2] > 1 else 2 if shape.grid[1] * shape.block[1] > 1 else 1,
        "dynamic_lds_size": shape.dynamic_lds,
        "private_base": apertures.private,
        "shared_base": apertures.shared,
        "queue_ptr": apertures.queue,
    }
    return values.get(kind, 0)  # no printf buffer, host calls, heap, default queue, multi-grid
