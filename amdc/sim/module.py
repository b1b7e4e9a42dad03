"""A code object on the simulated GPU: its image in device memory, and the launches of its kernels."""

from __future__ import annotations

import functools
import struct
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from amdc.code_object import CodeObject, KernelInfo, Relocation
from amdc.errors import InternalError, ModelError, UsageError
from amdc.sim import dispatch
from amdc.sim.kernarg import Dimensions, LaunchShape, pack_arguments
from amdc.sim.library import Job
from amdc.sim.runner import Work, run
from amdc.sim.timing.report import LaunchTiming
from amdc.sim.timing.trace import Recording
from amdc.sim.translate import Options, common_source, kernel_source
from amdc.sim.translate.blocks import Explorer, takes_turns

if TYPE_CHECKING:
    from amdc.sim.device import Device
    from amdc.sim.timing.timer import Timer

R_ABS32_LO, R_ABS32_HI, R_ABS64, R_ABS32, R_RELATIVE64 = 1, 2, 3, 6, 13  # [LLVM, "Relocation Records"]


class Module:
    """A loaded code object. `kernels` describes each entry point: arguments, registers, LDS.

    On a device with `profile`, `block_counts` holds for each kernel how often its basic blocks ran, over all waves of all
    launches so far, by the block's address in the code object.
    """

    def __init__(self, device: Device, code: CodeObject) -> None:
        self._device = device
        self.code = code
        self.kernels: dict[str, KernelInfo] = code.kernels
        self.block_counts: dict[str, Counter[int]] = {}
        self._block_addresses: dict[str, tuple[int, ...]] = {}
        self._turns: dict[str, bool] = {}
        end = max(segment.address + segment.size for segment in code.segments)
        self.image = device.memory.allocate(end, f"image of {code.name}", poison=False)
        for segment in code.segments:
            device.memory.write(self.image + segment.address, segment.data.ljust(segment.size, b"\0"))
        for relocation in code.relocations:
            self._relocate(relocation)

    def jobs(self) -> list[Job]:
        """What is to be translated before a launch."""
        return [self._job(name) for name in self.kernels]

    def launch(self, name: str, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], dynamic_lds: int = 0) -> None:
        """Run a kernel over `grid` work-groups of `block` work-items, and wait for its end.

        Raises `UsageError` where the arguments or sizes do not fit the kernel, `KernelFault` where a check fails.
        """
        kernel, shape = self.kernel(name), LaunchShape(_three(grid, "grid"), _three(block, "block"), dynamic_lds)
        self._run(kernel, shape, pack_arguments(kernel, args, shape, dispatch.apertures(self._device.queue)))

    def launch_raw(self, name: str, grid: Sequence[int], block: Sequence[int], kernarg: bytes, dynamic_lds: int = 0) -> None:
        """As `launch`, with the kernarg segment already packed."""
        self._run(self.kernel(name), LaunchShape(_three(grid, "grid"), _three(block, "block"), dynamic_lds), kernarg)

    def time(
        self, name: str, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], dynamic_lds: int = 0
    ) -> LaunchTiming:
        """The predicted time of a launch, from running some of its work-groups only: what the kernel writes is incomplete. (All
        of them run where they count one another in memory, so that the counts are as after a launch.)

        The device must have been made with `timing`. Raises as `launch`.
        """
        kernel, shape = self.kernel(name), LaunchShape(_three(grid, "grid"), _three(block, "block"), dynamic_lds)
        return self._time(kernel, shape, pack_arguments(kernel, args, shape, dispatch.apertures(self._device.queue)))

    def time_raw(
        self, name: str, grid: Sequence[int], block: Sequence[int], kernarg: bytes, dynamic_lds: int = 0
    ) -> LaunchTiming:
        """As `time`, with the kernarg segment already packed."""
        return self._time(self.kernel(name), LaunchShape(_three(grid, "grid"), _three(block, "block"), dynamic_lds), kernarg)

    def _time(self, kernel: KernelInfo, shape: LaunchShape, kernarg: bytes) -> LaunchTiming:
        timer = self._device.timer
        if timer is None:
            raise UsageError("this device keeps no time; make it with timing=True")
        if self._takes_turns(kernel.name):
            return self._record_all(timer, kernel, shape, kernarg)
        first = Recording(numpy.zeros(1, numpy.uint64))
        self._start(kernel, shape, kernarg, first)
        sample = timer.sample(self.code, kernel, shape, first)
        recording = Recording(sample.groups)
        self._start(kernel, shape, kernarg, recording)
        return timer.time(self.code, kernel, shape, sample, recording)

    def kernel(self, name: str) -> KernelInfo:
        """The named kernel's description. Raises `UsageError` naming those there."""
        if name not in self.kernels:
            raise UsageError(f"{self.code.name} has no kernel '{name}'; it has: {', '.join(self.kernels) or 'none'}")
        return self.kernels[name]

    @functools.cached_property
    def _options(self) -> Options:
        device = self._device
        return Options(device.checks, device.profile, device.max_instructions is not None, device.timer is not None)

    def _job(self, name: str) -> Job:
        kernel = self.kernels[name]
        content = (self.code.text, struct.pack("<QQ", self.code.text_address, kernel.entry), repr(self._options))
        options = self._options
        return Job(
            content, lambda: kernel_source(self.code, kernel, options), options.defines, lambda: common_source(options.defines)
        )

    def _run(self, kernel: KernelInfo, shape: LaunchShape, kernarg: bytes) -> None:
        timer = self._device.timer
        if timer is None:
            self._start(kernel, shape, kernarg)
        else:
            self._device.timings.append(self._record_all(timer, kernel, shape, kernarg))

    def _record_all(self, timer: Timer, kernel: KernelInfo, shape: LaunchShape, kernarg: bytes) -> LaunchTiming:
        """Run all work-groups, and time them by what some of them did."""
        sample = timer.sample(self.code, kernel, shape)
        recording = Recording(sample.groups, shape.grid[0] * shape.grid[1] * shape.grid[2])
        self._start(kernel, shape, kernarg, recording)
        return timer.time(self.code, kernel, shape, sample, recording)

    def _takes_turns(self, name: str) -> bool:
        """Whether what a wave does may depend on which one came before: memory counts it."""
        if name not in self._turns:
            self._turns[name] = takes_turns(Explorer(self.code, self.kernels[name]).explore())
        return self._turns[name]

    def _start(self, kernel: KernelInfo, shape: LaunchShape, kernarg: bytes, recording: Recording | None = None) -> None:
        self._check_shape(kernel, shape)
        library = self._device.translations.library(self._job(kernel.name))
        blocks = self._blocks(kernel.name) if self._device.profile else ()
        in_order = recording is not None and self._takes_turns(kernel.name)
        work = Work(self.code, kernel, library, self.image, shape, kernarg, len(blocks), recording, in_order)
        counts = run(self._device, work)
        if blocks:
            self.block_counts.setdefault(kernel.name, Counter()).update(dict(zip(blocks, counts.tolist(), strict=True)))

    def _blocks(self, name: str) -> tuple[int, ...]:
        """The addresses of the kernel's basic blocks, in the order of their counters."""
        if name not in self._block_addresses:
            self._block_addresses[name] = tuple(Explorer(self.code, self.kernels[name]).explore().blocks)
        return self._block_addresses[name]

    def _check_shape(self, kernel: KernelInfo, shape: LaunchShape) -> None:
        target, items = self._device.target, shape.block[0] * shape.block[1] * shape.block[2]
        most = min(target.max_workgroup, kernel.max_workgroup_size or target.max_workgroup)
        if items > most:
            raise UsageError(
                f"kernel {kernel.name}: a block of {shape.block} has {items} work-items, but it takes at most {most}"
            )
        if kernel.required_workgroup_size and shape.block != kernel.required_workgroup_size:
            raise UsageError(
                f"kernel {kernel.name} was compiled for blocks of {kernel.required_workgroup_size}, not {shape.block}"
            )
        lds = kernel.lds_bytes + shape.dynamic_lds
        if shape.dynamic_lds < 0 or lds > target.lds_per_cu:
            raise UsageError(f"kernel {kernel.name}: {lds} bytes of LDS, but a work-group has {target.lds_per_cu}")

    def _relocate(self, relocation: Relocation) -> None:
        if relocation.type == R_RELATIVE64:
            value = self.image + relocation.addend
        else:
            symbol = self.code.symbols.get(relocation.symbol)
            if symbol is None or not symbol.section:
                raise ModelError(f"{self.code.name} needs the symbol '{relocation.symbol}', which it does not define; link it in")
            value = self.image + symbol.address + relocation.addend
        size = 8 if relocation.type in (R_ABS64, R_RELATIVE64) else 4
        if relocation.type == R_ABS32_HI:
            value >>= 32
        elif relocation.type not in (R_ABS32_LO, R_ABS32, R_ABS64, R_RELATIVE64):
            raise InternalError(f"{self.code.name}: relocation type {relocation.type} is not supported")
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        self._device.memory.write(self.image + relocation.address, data)


def _three(sizes: Sequence[int], what: str) -> Dimensions:
    """One to three positive sizes as three."""
    values = [int(size) for size in numpy.atleast_1d(numpy.asarray(sizes))]
    if not 1 <= len(values) <= 3 or min(values) < 1 or max(values) >= 1 << 32:
        raise UsageError(f"{what} should be one to three positive sizes, not {sizes!r}")
    x, y, z = (*values, 1, 1)[:3]
    return x, y, z
