"""The simulated cards that kernels are timed on, and buffers that take no memory until something is written there."""

from __future__ import annotations

from functools import cache

import numpy as np

import amdc.sim
from amdc.sim.array import DeviceArray

ARCH = "gfx803"


@cache
def card(name: str) -> amdc.sim.Device:
    """A timing device of that card, on one core: several rows are timed at once. Raises `UsageError` naming those known."""
    return amdc.sim.Device(ARCH, check=False, jobs=1, timing=True, card=name)


class Buffers:
    """Arrays for one launch, released when the `with` ends. The host's pages behind them appear only where a work-group that is
    really run reads or writes: what the arrays hold does not matter to a timing."""

    def __init__(self, gpu: amdc.sim.Device) -> None:
        self.gpu = gpu
        self._addresses: list[int] = []

    def floats(self, count: int) -> DeviceArray:
        """`count` floats of any value."""
        self._addresses.append(self.gpu.memory.allocate(4 * count, poison=False))
        return DeviceArray(self._addresses[-1], (count,), np.dtype(np.float32))

    def __enter__(self) -> Buffers:
        return self

    def __exit__(self, *error: object) -> None:
        for address in self._addresses:
            self.gpu.free(address)
