"""Arrays in the simulated GPU's memory."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy


@dataclass(frozen=True)
class DeviceArray:
    """A dense row-major array at a device address."""

    address: int
    shape: tuple[int, ...]
    dtype: numpy.dtype

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize
