"""The simulated GPU's memory: blocks of the host's own memory, so that a device address is a host address, and a table of them.

A new block holds 0xff bytes, which read as NaN and as -1: a kernel that uses what nobody wrote gives results that show it.
"""

from __future__ import annotations

import bisect
import ctypes
import threading
from dataclasses import dataclass

import numpy

from amdc.errors import UsageError

ALIGNMENT = 256  # bytes; what hipMalloc guarantees
GUARD = 256  # bytes before and after each block that belong to no allocation
POISON = 0xFF
PAGE = 4096  # allocations start on pages of the device's own address space


@dataclass(frozen=True)
class Block:
    """One allocation of `size` bytes at `address`; `label` says what it is in messages."""

    address: int
    size: int
    label: str
    storage: numpy.ndarray
    place: int  # where it starts in the device's own address space, which does not depend on the host's addresses

    @property
    def end(self) -> int:
        return self.address + self.size


class Memory:
    """All live allocations of a device. Addresses and sizes are in bytes."""

    def __init__(self) -> None:
        self._blocks: dict[int, Block] = {}
        self._lock = threading.Lock()
        self._table: tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray] | None = None
        self._next_place = PAGE

    def allocate(self, nbytes: int, label: str = "allocation", poison: bool = True) -> int:
        """The 256-byte aligned address of a new block. Raises `UsageError` for a negative size or a host without more memory."""
        if nbytes < 0:
            raise UsageError(f"cannot allocate {nbytes} bytes")
        try:
            storage = numpy.empty(nbytes + 2 * GUARD + ALIGNMENT, numpy.uint8)
        except MemoryError:
            raise UsageError(f"the host has no {nbytes} bytes left for device memory") from None
        base = storage.ctypes.data
        address = -(-(base + GUARD) // ALIGNMENT) * ALIGNMENT
        if poison:
            storage[address - base : address - base + nbytes] = POISON
        with self._lock:
            self._blocks[address] = Block(address, nbytes, label, storage, self._next_place)
            self._next_place += -(-max(nbytes, 1) // PAGE) * PAGE
            self._table = None
        return address

    def free(self, address: int) -> None:
        """Release the block at `address`. Raises `UsageError` where none starts there."""
        with self._lock:
            if self._blocks.pop(address, None) is None:
                raise UsageError(f"0x{address:x} is not the address of a live allocation, so it cannot be freed")
            self._table = None

    def write(self, address: int, data: bytes | bytearray | memoryview | numpy.ndarray) -> None:
        """Copy bytes to the device. Raises `UsageError` unless they fit in one allocation."""
        source = numpy.ascontiguousarray(data if isinstance(data, numpy.ndarray) else numpy.frombuffer(data, numpy.uint8))
        self._require(address, source.nbytes)
        ctypes.memmove(address, source.ctypes.data, source.nbytes)

    def read(self, address: int, nbytes: int) -> bytes:
        """Copy `nbytes` bytes from the device. Raises `UsageError` unless they lie in one allocation."""
        self._require(address, nbytes)
        return ctypes.string_at(address, nbytes)

    def table(self) -> tuple[numpy.ndarray, numpy.ndarray, numpy.ndarray]:
        """The starts, the ends and the places of all live blocks, ascending (uint64)."""
        with self._lock:
            if self._table is None:
                blocks = [self._blocks[address] for address in sorted(self._blocks)]
                columns = ([b.address for b in blocks], [b.end for b in blocks], [b.place for b in blocks])
                starts, ends, places = (numpy.array(column, numpy.uint64) for column in columns)
                self._table = starts, ends, places
            return self._table

    def nearest(self, address: int) -> tuple[Block, int] | None:
        """The live block nearest to `address` and the distance in bytes: negative before it, 0 within, positive behind it."""
        with self._lock:
            blocks = [self._blocks[start] for start in sorted(self._blocks)]
        if not blocks:
            return None
        after = bisect.bisect_right([block.address for block in blocks], address)
        candidates = [(block, _distance(block, address)) for block in blocks[max(after - 1, 0) : after + 1]]
        return min(candidates, key=lambda candidate: abs(candidate[1]))

    def _require(self, address: int, nbytes: int) -> None:
        near = self.nearest(address)
        if near is None or not (near[0].address <= address and address + nbytes <= near[0].end):
            raise UsageError(f"the {nbytes} bytes at 0x{address:x} do not lie within one live allocation{describe_nearest(near)}")


def _distance(block: Block, address: int) -> int:
    if address < block.address:
        return address - block.address
    return 0 if address < block.end else address - block.end + 1


def describe_nearest(near: tuple[Block, int] | None) -> str:
    """' (nearest: ...)' for messages, or '' where nothing is allocated."""
    if near is None:
        return " (nothing is allocated)"
    block, distance = near
    where = f"{-distance} bytes before" if distance < 0 else f"{distance - 1} bytes past the end of" if distance else "inside"
    return f" ({where} the {block.size}-byte {block.label} at 0x{block.address:x})"
