"""A session: a bundle on a device, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from amdc.bundle import Bundle
from amdc.code_object import CodeObject
from amdc.errors import BundleError, DeviceError, UsageError
from amdc.program import Buffer, Kernel, Launch, Port, Program
from amdc.runtime.device import Device
from amdc.runtime.kernarg import pack_launch
from amdc.runtime.ports import check_inputs

Tap = Callable[[int, Launch, dict[str, np.ndarray]], None]  # index, launch, the buffers that it wrote


@dataclass(frozen=True)
class _Ready:
    """A launch with all that the device needs; addresses do not change during a session, so it is made once."""

    launch: Launch
    module: Any
    kernel: Kernel
    kernarg: bytes


class Session:
    """A bundle on a device. All buffers lie in one block, allocated once: on gfx803, freed and re-used addresses have given stale
    reads. Constants are copied to the device once. Close the session, or use it as a context manager.

    `launch_ms` holds the device's time for each launch of the last run with `time=True`, in milliseconds.
    """

    def __init__(self, bundle: Bundle, device: Device) -> None:
        program = bundle.program
        _require_arch(program, device, bundle.path)
        self.bundle, self.program, self.device = bundle, program, device
        self.launch_ms: list[float] = []
        self._ready: list[_Ready] = []
        codes = _parse_code(bundle)
        self._arena = device.allocate(max(program.arena_bytes, 1))
        try:
            self._addresses = {name: self._arena + buffer.offset for name, buffer in program.buffers.items()}
            self._ready = self._prepare(codes, bundle.code)
            for name, buffer in program.buffers.items():
                if buffer.kind == "constant":
                    device.write(self._addresses[name], _constant(bundle, name, buffer))
        except BaseException:
            self.close()
            raise

    def _prepare(self, codes: Mapping[str, CodeObject], data: Mapping[str, bytes]) -> list[_Ready]:
        modules = dict(zip(codes, self.device.load_all([(code, data[key]) for key, code in codes.items()]), strict=True))
        ready = []
        for launch in self.program.launches:
            kernel = self.program.kernels[launch.kernel]
            info = codes[kernel.code].kernels.get(kernel.symbol)
            if info is None:
                raise BundleError(f"kernel {launch.kernel}: its code object has no '{kernel.symbol}'; compile the model again")
            ready.append(_Ready(launch, modules[kernel.code], kernel, pack_launch(launch, info, kernel.block, self._addresses)))
        return ready

    @property
    def device_kind(self) -> str:
        """ "sim" or "hip"."""
        return self.device.kind

    @property
    def inputs(self) -> tuple[Port, ...]:
        return self.program.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        return self.program.outputs

    def run(self, inputs: Mapping[str, Any], taps: Tap | None = None, time: bool = False) -> dict[str, np.ndarray]:
        """The model's outputs by name, for arrays (or what numpy makes arrays of) by input name.

        `taps` is called after each launch with what it wrote. Raises `InputError` for wrong inputs, `KernelFault` where the
        simulated device stops a kernel, `DeviceError` where a card does.
        """
        if not self._arena:
            raise UsageError("the session is closed")
        if time and not self.device.has_clock:
            raise UsageError(f"{self.device.name} has no clock: launches are timed on a card only (--device hip)")
        arrays = check_inputs(self.program.inputs, inputs)
        if self.device.poison:
            self._poison()
        for port in self.program.inputs:
            self.device.write(self._addresses[port.buffer], arrays[port.name])
        marks = [self.device.mark()] if time else []
        for index, ready in enumerate(self._ready):
            launch = ready.launch
            self.device.launch(ready.module, ready.kernel.symbol, launch.grid, ready.kernel.block, ready.kernarg)
            if time:
                marks.append(self.device.mark())
            if taps is not None:
                taps(index, launch, {name: self._read(name) for name in launch.writes})
        self.device.synchronize()
        if time:
            self.launch_ms = self.device.spans_ms(marks)
        return {port.name: self._read(port.buffer) for port in self.program.outputs}

    def _poison(self) -> None:
        """Fill everything behind the constants with 0xff: NaN in every float type, -1 in every integer one."""
        size = self.program.arena_bytes - self.program.constant_bytes
        if size > 0:
            self.device.write(self._arena + self.program.constant_bytes, np.full(size, 0xFF, np.uint8))

    def _read(self, name: str) -> np.ndarray:
        buffer = self.program.buffers[name]
        data = self.device.read(self._addresses[name], buffer.nbytes)
        return np.frombuffer(data, np.dtype(buffer.dtype)).reshape(buffer.shape)

    def close(self) -> None:
        """Free the device's memory. A second call does nothing."""
        arena, self._arena = self._arena, 0
        if arena:
            self._ready = []
            self.device.free(arena)
            self.device.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_session(bundle: Bundle | str | Path, device: str | None = None, check: bool = True, jobs: int | None = None) -> Session:
    """A session on the device "sim" or "hip" (by default hip where a card of the bundle's architecture is found, else sim).

    `check` and `jobs` (host threads, by default all cores) are for sim alone. Raises `BundleError`, `DeviceError`, or
    `UsageError` for an unknown device.
    """
    opened = bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
    return Session(opened, open_device(opened.program.arch, device, check, jobs))


def open_device(arch: str, device: str | None = None, check: bool = True, jobs: int | None = None) -> Device:
    """The named device, or the best one, for code of `arch`."""
    from amdc.runtime.hip_device import HipDevice, supported_card

    chosen = device or ("hip" if supported_card(arch) else "sim")
    if chosen == "hip":
        return HipDevice(arch)
    if chosen == "sim":
        from amdc.runtime.sim_device import SimDevice

        return SimDevice(arch, check, jobs)
    raise UsageError(f"unknown device '{chosen}'; known: sim, hip, and host (with amdc.load or the command line)")


def _require_arch(program: Program, device: Device, path: Path | None) -> None:
    if program.arch != device.arch:
        raise DeviceError(
            f"bundle {path or '(in memory)'} is compiled for {program.arch}, but {device.name} is {device.arch}; "
            f"compile it with --arch {device.arch}, or run it with --device sim"
        )


def _parse_code(bundle: Bundle) -> dict[str, CodeObject]:
    wrong = bundle.check()
    if wrong:
        raise BundleError(f"bundle {bundle.path or '(in memory)'}: {'; '.join(wrong[:3])}; compile the model again")
    codes = {}
    for key, data in bundle.code.items():
        codes[key] = CodeObject.parse(data, f"code object {key[:12]} of bundle {bundle.path or '(in memory)'}")
        codes[key].require_arch(bundle.program.arch)
    return codes


def _constant(bundle: Bundle, name: str, buffer: Buffer) -> np.ndarray:
    return np.ascontiguousarray(bundle.constants[name]).reshape(buffer.shape)
