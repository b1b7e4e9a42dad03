"""What read-modify-write operations leave in memory: the same rules for LDS, FLAT and buffer atomics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .floats import Array

Update = Callable[[Array, Array], Array]


def _increment(memory: Array, data: Array) -> Array:
    return np.where(memory >= data, memory.dtype.type(0), memory + memory.dtype.type(1))


def _decrement(memory: Array, data: Array) -> Array:
    return np.where((memory == 0) | (memory > data), data, memory - memory.dtype.type(1))


def _signed(function: Callable[[Array, Array], Array]) -> Update:
    def update(memory: Array, data: Array) -> Array:
        kind = {4: np.int32, 8: np.int64}[memory.dtype.itemsize]
        return function(memory.view(kind), data.view(kind)).view(memory.dtype)

    return update


# Common name: (LDS suffix, FLAT and buffer suffix, memory and data -> memory), for unsigned arrays of 32 or 64 bits.
UPDATES: dict[str, tuple[str, str, Update]] = {
    "add": ("add_u", "add", lambda m, d: m + d),
    "sub": ("sub_u", "sub", lambda m, d: m - d),
    "smin": ("min_i", "smin", _signed(np.minimum)),
    "umin": ("min_u", "umin", np.minimum),
    "smax": ("max_i", "smax", _signed(np.maximum)),
    "umax": ("max_u", "umax", np.maximum),
    "and": ("and_b", "and", lambda m, d: m & d),
    "or": ("or_b", "or", lambda m, d: m | d),
    "xor": ("xor_b", "xor", lambda m, d: m ^ d),
    "inc": ("inc_u", "inc", _increment),
    "dec": ("dec_u", "dec", _decrement),
}
