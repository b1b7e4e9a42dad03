"""A session: a bundle on a device, ready to run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from amdc.bundle import Bundle, Step
from amdc.errors import DeviceError, UsageError
from amdc.program import Launch, Port, Program, numpy_dtype
from amdc.runtime.device import Device
from amdc.runtime.generation import generate
from amdc.runtime.loaded import Code, LoadedProgram, constants_by_offset, states_by_offset
from amdc.runtime.selection import Selection, select

Tap = Callable[[int, Launch, dict[str, np.ndarray]], None]  # index, launch, the buffers that it wrote


class Session:
    """A bundle on a device. All buffers lie in one block, allocated once and as large as the largest program needs: on gfx803,
    freed and re-used addresses have given stale reads. Constants are copied to the device once. Close the session, or use it as a
    context manager.

    `launch_ms` holds the device's time for each launch of the last run with `time=True`, in milliseconds; `executed` the keys of
    the programs that the last run went through, in order.
    """

    def __init__(self, bundle: Bundle, device: Device) -> None:
        _require_arch(bundle, device)
        self.bundle, self.device = bundle, device
        self.launch_ms: list[float] = []
        self.executed: list[str] = []
        self._loaded: dict[str, LoadedProgram] = {}
        self._inside_run = False  # also after one that an error ended: then the states are somewhere between two values
        code = Code(bundle, device)
        self._arena = device.allocate(max(1, *(program.arena_bytes for program in bundle.programs.values())))
        try:
            self._loaded = {key: code.place(program, self._arena) for key, program in bundle.programs.items()}
            for offset, (name, buffer) in constants_by_offset(bundle).items():
                device.write(self._arena + offset, np.ascontiguousarray(bundle.constants[name]).reshape(buffer.shape))
            self.reset()
        except BaseException:
            self.close()
            raise

    @property
    def device_kind(self) -> str:
        """ "sim" or "hip"."""
        return self.device.kind

    @property
    def program(self) -> Program:
        """The bundle's only program. Raises `UsageError` where there are several."""
        return self.bundle.program

    @property
    def inputs(self) -> tuple[Port, ...]:
        """As the bundle's."""
        return self.bundle.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        """As the bundle's."""
        return self.bundle.outputs

    def reset(self) -> None:
        """Set every state (a key-value cache, a mutated buffer) back to its first value."""
        self._require_open()
        for offset, value in states_by_offset(self.bundle).items():
            self.device.write(self._arena + offset, value)
        self._inside_run = False

    def run(self, inputs: Mapping[str, Any], taps: Tap | None = None, time: bool = False) -> dict[str, np.ndarray]:
        """The model's outputs by name, for arrays (or what numpy makes arrays of) by input name. The program compiled for the
        inputs' shapes runs, or the whole schedule of a model with a loop; states keep what it leaves in them.

        `taps` is called after each launch with what it wrote. Raises `InputError` for wrong inputs, `KernelFault` where the
        simulated device stops a kernel, `DeviceError` where a card does. Behind a run that did not end, a model with states is to
        be `reset`: until then, `UsageError`.
        """
        self._require_open()
        if self._inside_run and states_by_offset(self.bundle):
            raise UsageError("the last run did not end, and left the states undefined: call reset() or open the bundle again")
        if time and not self.device.has_clock:
            raise UsageError(f"{self.device.name} has no clock: time launches on a card, or predict them with amdc profile")
        selection = select(self.bundle, inputs)
        self.executed, self.launch_ms = [], []
        self._inside_run = True
        for step in self.bundle.schedule or (Step(selection.key),):
            loaded = self._loaded[step.program]
            while step.condition is None or self._holds(loaded, step.condition):
                self._execute(step.program, selection, taps, time)
                if step.condition is None:
                    break
        self._inside_run = False
        return {port.name: selection.crop(port.name, self._read(loaded, port.buffer)) for port in loaded.program.outputs}

    def _holds(self, loaded: LoadedProgram, condition: str) -> bool:
        """Whether a program's state of one bool is true now."""
        buffer = next(state.buffer for state in loaded.program.states if state.name == condition)
        return bool(self._read(loaded, buffer))

    def _execute(self, key: str, selection: Selection, taps: Tap | None, time: bool) -> None:
        """Run one program once."""
        loaded = self._loaded[key]
        self.executed.append(key)
        if self.device.poison:
            self._poison(loaded.program)
        for port in loaded.program.inputs:
            self.device.write(loaded.addresses[port.buffer], selection.arrays[port.name])
        self._launch(loaded, taps, time)

    def generate(self, prompt_ids: Sequence[int], max_new_tokens: int, stop: int | None = None) -> list[int]:
        """The tokens that greedily follow a prompt, for bundles of `amdc.compile_causal` (see `amdc.runtime.generation`)."""
        return generate(self, prompt_ids, max_new_tokens, stop)

    def _launch(self, loaded: LoadedProgram, taps: Tap | None, time: bool) -> None:
        marks = [self.device.mark()] if time else []
        for index, ready in enumerate(loaded.ready):
            launch = ready.launch
            self.device.launch(ready.module, ready.kernel.symbol, launch.grid, ready.kernel.block, ready.kernarg)
            if time:
                marks.append(self.device.mark())
            if taps is not None:
                taps(index, launch, {name: self._read(loaded, name) for name in launch.writes})
        self.device.synchronize()
        if time:
            self.launch_ms += self.device.spans_ms(marks)

    def _require_open(self) -> None:
        if not self._arena:
            raise UsageError("the session is closed")

    def _poison(self, program: Program) -> None:
        """Fill everything behind constants and states with 0xff: NaN in every float type, -1 in every integer one."""
        size = program.arena_bytes - program.activation_start
        if size > 0:
            self.device.write(self._arena + program.activation_start, np.full(size, 0xFF, np.uint8))

    def _read(self, loaded: LoadedProgram, name: str) -> np.ndarray:
        buffer = loaded.program.buffers[name]
        data = self.device.read(loaded.addresses[name], buffer.nbytes)
        return np.frombuffer(data, numpy_dtype(buffer.dtype)).reshape(buffer.shape)

    def close(self) -> None:
        """Free the device's memory. A second call does nothing."""
        arena, self._arena = self._arena, 0
        if arena:
            self._loaded = {}
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
    return Session(opened, open_device(opened.arch, device, check, jobs))


def open_device(
    arch: str, device: str | None = None, check: bool = True, jobs: int | None = None, card: str | None = None
) -> Device:
    """The named device, or the best one, for code of `arch`. A simulated one with a `card`'s name predicts launches' times."""
    from amdc.runtime.hip_device import HipDevice, supported_card

    chosen = device or ("hip" if supported_card(arch) else "sim")
    if chosen == "hip":
        return HipDevice(arch)
    if chosen == "sim":
        from amdc.runtime.sim_device import SimDevice

        return SimDevice(arch, check, jobs, card)
    raise UsageError(f"unknown device '{chosen}'; known: sim, hip, and host (with amdc.load or the command line)")


def _require_arch(bundle: Bundle, device: Device) -> None:
    if bundle.arch != device.arch:
        raise DeviceError(
            f"{bundle.name} is compiled for {bundle.arch}, but {device.name} is {device.arch}; "
            f"compile it with --arch {device.arch}, or run it with --device sim"
        )
