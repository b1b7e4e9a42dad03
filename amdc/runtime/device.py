"""What a session asks of a device."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

from amdc.code_object import CodeObject

Dimensions = tuple[int, int, int]


class Device(Protocol):
    """A GPU, real or simulated. Addresses are 64-bit integers, sizes are in bytes, grids count work-groups.

    Launches run in order; `read` waits for those before it. Failures are `DeviceError` or, where a simulated kernel did wrong,
    `KernelFault`.
    """

    @property
    def kind(self) -> str:
        """ "sim" or "hip"."""

    @property
    def name(self) -> str:
        """The product, for people."""

    @property
    def arch(self) -> str:
        """Such as gfx803."""

    @property
    def poison(self) -> bool:
        """Whether a session should fill its activations with NaN patterns before each run, so that stale data cannot pass."""

    @property
    def has_clock(self) -> bool:
        """Whether `mark` and `spans_ms` measure the device's own time (a simulated one has none)."""

    def allocate(self, nbytes: int) -> int:
        """The address of a new block, aligned to 256 bytes."""

    def free(self, address: int) -> None: ...

    def write(self, address: int, data: np.ndarray) -> None:
        """Copy a C-contiguous array to the device."""

    def read(self, address: int, nbytes: int) -> bytearray:
        """Copy from the device, after all launches so far."""

    def load_all(self, codes: list[tuple[CodeObject, bytes]]) -> list[Any]:
        """Load code objects; each result is passed to `launch` as `module`."""

    def launch(self, module: Any, symbol: str, grid: Dimensions, block: Dimensions, kernarg: bytes) -> None:
        """Start a kernel. `kernarg` is its packed argument segment."""

    def synchronize(self) -> None:
        """Wait for all launches."""

    def mark(self) -> Any:
        """A point in the device's time, after the launches so far."""

    def spans_ms(self, marks: list[Any]) -> list[float]:
        """Milliseconds between each mark and the next; waits for the last. The marks are used up."""

    def close(self) -> None:
        """Release modules and whatever else the device holds. Blocks are freed by who allocated them."""
