"""The simulated GPU (amdc.sim) as a session's device."""

from __future__ import annotations

from typing import Any

import numpy as np

from amdc.code_object import CodeObject
from amdc.errors import InternalError
from amdc.runtime.device import Dimensions
from amdc.sim.device import Device as SimulatedGpu


class SimDevice:
    """`check` and `jobs` as for `amdc.sim.Device`. With a `card`'s name, `gpu.timings` gets a prediction for each launch."""

    kind = "sim"
    has_clock = False

    def __init__(self, arch: str, check: bool = True, jobs: int | None = None, card: str | None = None) -> None:
        self.arch = arch
        self.name = f"simulated {card or arch}"
        self.poison = check
        self.gpu = SimulatedGpu(arch, check=check, jobs=jobs, timing=card is not None, card=card)

    def allocate(self, nbytes: int) -> int:
        return self.gpu.allocate(nbytes)

    def free(self, address: int) -> None:
        self.gpu.free(address)

    def write(self, address: int, data: np.ndarray) -> None:
        self.gpu.write(address, data)

    def read(self, address: int, nbytes: int) -> bytearray:
        return bytearray(self.gpu.read(address, nbytes))

    def load_all(self, codes: list[tuple[CodeObject, bytes]]) -> list[Any]:
        return self.gpu.load_all([data for _, data in codes])

    def launch(self, module: Any, symbol: str, grid: Dimensions, block: Dimensions, kernarg: bytes) -> None:
        module.launch_raw(symbol, grid, block, kernarg)

    def synchronize(self) -> None:
        """Nothing to do: a simulated launch returns when it has ended."""

    def mark(self) -> Any:
        raise InternalError("a simulated device has no clock")

    def spans_ms(self, marks: list[Any]) -> list[float]:
        raise InternalError("a simulated device has no clock")

    def close(self) -> None:
        """Nothing to do: modules go with the device."""
