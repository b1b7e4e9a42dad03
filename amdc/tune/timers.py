"""How long the launches of a candidate take: by the simulator's timing layer, or by a card's own events."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from amdc.code_object import CodeObject
from amdc.runtime.device import Device
from amdc.runtime.hip_device import HipDevice
from amdc.runtime.kernarg import pack_launch
from amdc.sim.device import Device as SimulatedGpu
from amdc.sim.timing import LaunchTiming
from amdc.target import Target
from amdc.tune.records import CARD, MODEL
from amdc.tune.survey import Work

RUNS = 20  # of a candidate on a card, behind one that warms up; the median counts


class Timer(Protocol):
    """Times a candidate's launches, in microseconds, what launching takes included."""

    how: str
    parallel: bool

    def time(self, work: Work, code: Mapping[str, bytes]) -> float:
        """`code` holds the code objects by `Kernel.code`."""


class ModelTimer:
    """The timing layer of a simulated card: predicted times. Each call has a device of its own, so several may run at once."""

    how, parallel = MODEL, True

    def __init__(self, hardware: Target) -> None:
        self.hardware = hardware

    def time(self, work: Work, code: Mapping[str, bytes]) -> float:
        return sum(timing.total_us for timing in self.timings(work, code))

    def timings(self, work: Work, code: Mapping[str, bytes]) -> list[LaunchTiming]:
        """Of each launch, in order."""
        gpu = SimulatedGpu(self.hardware.arch, check=False, jobs=1, timing=True, card=self.hardware.card().name)
        modules = dict(zip(code, gpu.load_all(list(code.values())), strict=True))
        addresses = _place(gpu, work)
        found = []
        for launch in work.launches:
            kernel = work.kernels[launch.kernel]
            module = modules[kernel.code]
            kernarg = pack_launch(launch, module.kernel(kernel.symbol), kernel.block, addresses)
            found.append(module.time_raw(kernel.symbol, launch.grid, kernel.block, kernarg))
        return found


class CardTimer:
    """A real card behind HIP: the median of some runs, one at a time. Raises `DeviceError` where there is none of `arch`."""

    how, parallel = CARD, False

    def __init__(self, hardware: Target) -> None:
        self.device: Device = HipDevice(hardware.arch)

    def time(self, work: Work, code: Mapping[str, bytes]) -> float:
        parsed = {key: CodeObject.parse(data, key) for key, data in code.items()}
        modules = dict(zip(code, self.device.load_all([(parsed[key], data) for key, data in code.items()]), strict=True))
        addresses = _place(self.device, work)
        try:
            return self._median(work, parsed, modules, addresses)
        finally:
            for address in addresses.values():
                self.device.free(address)

    def _median(
        self, work: Work, parsed: Mapping[str, CodeObject], modules: Mapping[str, Any], addresses: Mapping[str, int]
    ) -> float:
        marks = []
        for run in range(RUNS + 1):
            if run:
                marks.append(self.device.mark())
            for launch in work.launches:
                kernel = work.kernels[launch.kernel]
                kernarg = pack_launch(launch, parsed[kernel.code].kernels[kernel.symbol], kernel.block, addresses)
                self.device.launch(modules[kernel.code], kernel.symbol, launch.grid, kernel.block, kernarg)
        marks.append(self.device.mark())
        return statistics.median(self.device.spans_ms(marks)) * 1e3


class _Memory(Protocol):
    def allocate(self, nbytes: int) -> int: ...
    def write(self, address: int, data: np.ndarray) -> None: ...


def _place(device: _Memory, work: Work) -> dict[str, int]:
    """The buffers on a device: constants with their contents, all others zeros."""
    addresses = {}
    for name, buffer in work.buffers.items():
        addresses[name] = device.allocate(max(buffer.nbytes, 1))
        content = work.constants.get(name)
        device.write(addresses[name], np.zeros(buffer.nbytes, np.uint8) if content is None else np.ascontiguousarray(content))
    return addresses
