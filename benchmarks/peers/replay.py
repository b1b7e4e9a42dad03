"""Runs a peer's compiled model (launch_folder.py) on the simulated GPU."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from amdc.sim import Device
from amdc.sim.timing.report import LaunchTiming
from benchmarks.peers.launch_folder import Argument, Folder, Launch, Port


class Replay:
    """A folder's code objects, buffers and weights on `gpu`."""

    def __init__(self, gpu: Device, folder: Folder) -> None:
        self.gpu, self.folder = gpu, folder
        self.modules = gpu.load_all(list(folder.code))
        self.buffers = [gpu.allocate(nbytes) for nbytes in folder.buffers]
        for number, data in folder.weights.items():
            gpu.write(self.buffers[number], data)

    def run(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Every launch in order; the outputs by name."""
        self.set_inputs(inputs)
        for launch in self.folder.launches:
            self.modules[launch.code].launch(
                launch.kernel, launch.grid, launch.block, self.arguments(launch), dynamic_lds=launch.dynamic_lds
            )
        return {port.name: self._read(port) for port in self.folder.outputs}

    def set_inputs(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Copy the inputs to the device, as the types that the peer reads."""
        for port in self.folder.inputs:
            self.gpu.write(self.buffers[port.buffer], np.ascontiguousarray(inputs[port.name].astype(port.dtype)))

    def arguments(self, launch: Launch) -> list[Any]:
        """The kernel arguments as `amdc.sim.Module.launch` takes them."""
        return [self._value(argument) for argument in launch.arguments]

    def timings(self) -> Iterator[tuple[Launch, LaunchTiming]]:
        """Each launch with its predicted time, on a device that was made with `timing`. Buffers are not computed in full.
        Launches that differ in their buffers alone are timed once."""
        held: dict[Any, LaunchTiming] = {}
        for launch in self.folder.launches:
            numbers = tuple(argument.value for argument in launch.arguments if argument.buffer is None)
            alike = launch.code, launch.kernel, launch.grid, launch.block, numbers
            if alike not in held:
                module, arguments = self.modules[launch.code], self.arguments(launch)
                held[alike] = module.time(launch.kernel, launch.grid, launch.block, arguments, launch.dynamic_lds)
            yield launch, held[alike]

    def _value(self, argument: Argument) -> Any:
        if argument.buffer is None:
            return np.dtype(argument.dtype).type(argument.value)
        return self.buffers[argument.buffer] + argument.offset

    def _read(self, port: Port) -> np.ndarray:
        dtype = np.dtype(port.dtype)
        data = self.gpu.read(self.buffers[port.buffer], int(np.prod(port.shape)) * dtype.itemsize)
        return np.frombuffer(data, dtype).reshape(port.shape)
