"""A code object on the simulated GPU: its image in device memory, and the launches of its kernels."""

from __future__ import annotations

import ctypes
import functools
import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy

from amdc.code_object import CodeObject, KernelInfo, Relocation
from amdc.errors import InternalError, KernelFault, ModelError, UsageError
from amdc.sim import dispatch
from amdc.sim.faults import describe_fault
from amdc.sim.kernarg import Dimensions, LaunchShape, pack_arguments
from amdc.sim.library import Job, KernelLibrary
from amdc.sim.translate import Options, kernel_source

if TYPE_CHECKING:
    from amdc.sim.device import Device

R_ABS32_LO, R_ABS32_HI, R_ABS64, R_ABS32, R_RELATIVE64 = 1, 2, 3, 6, 13  # [LLVM, "Relocation Records"]


class Module:
    """A loaded code object. `kernels` describes each entry point: arguments, registers, LDS."""

    def __init__(self, device: Device, code: CodeObject) -> None:
        self._device = device
        self.code = code
        self.kernels: dict[str, KernelInfo] = code.kernels
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

    def kernel(self, name: str) -> KernelInfo:
        """The named kernel's description. Raises `UsageError` naming those there."""
        if name not in self.kernels:
            raise UsageError(f"{self.code.name} has no kernel '{name}'; it has: {', '.join(self.kernels) or 'none'}")
        return self.kernels[name]

    @functools.cached_property
    def _options(self) -> Options:
        return Options(self._device.checks, self._device.profile, self._device.max_instructions is not None)

    def _job(self, name: str) -> Job:
        kernel = self.kernels[name]
        content = (self.code.text, struct.pack("<QQ", self.code.text_address, kernel.entry), repr(self._options))
        return Job(content, lambda: kernel_source(self.code, kernel, self._options))

    def _run(self, kernel: KernelInfo, shape: LaunchShape, kernarg: bytes) -> None:
        self._check_shape(kernel, shape)
        device = self._device
        library = device.translations.library(self._job(kernel.name))
        with device.launching:
            scratch_bytes = dispatch.scratch_per_lane(kernel) * _lanes(shape) * device.jobs
            addresses = {
                "queue_ptr": device.queue,
                "kernarg_segment_ptr": device.memory.allocate(-(-max(len(kernarg), 1) // 16) * 16, "kernarg segment"),
                "dispatch_ptr": device.memory.allocate(dispatch.PACKET_BYTES, "dispatch packet"),
                "scratch": device.memory.allocate(max(scratch_bytes, 1), "scratch memory"),
            }
            try:
                self._start(library, kernel, shape, kernarg, addresses, scratch_bytes)
            finally:
                for name in ("kernarg_segment_ptr", "dispatch_ptr", "scratch"):
                    device.memory.free(addresses[name])

    def _start(
        self,
        library: KernelLibrary,
        kernel: KernelInfo,
        shape: LaunchShape,
        kernarg: bytes,
        addresses: dict[str, int],
        scratch_bytes: int,
    ) -> None:
        device = self._device
        packet = dispatch.dispatch_packet(kernel, shape, self.image + kernel.descriptor_address, addresses["kernarg_segment_ptr"])
        device.memory.write(addresses["kernarg_segment_ptr"], kernarg)
        device.memory.write(addresses["dispatch_ptr"], packet)
        launch = dispatch.initial_state(kernel, shape, self.image, addresses)
        launch.scratch_bytes = scratch_bytes
        launch.max_instructions = device.max_instructions or 0
        starts, ends = device.memory.table()
        launch.allocations.start, launch.allocations.end = starts.ctypes.data, ends.ctypes.data
        launch.allocations.count = len(starts)
        workers = min(device.jobs, launch.total)
        memory = device.worker_memory(library.worker_bytes(ctypes.byref(launch)))
        if workers == 1:
            library.run_worker(ctypes.byref(launch), 0, memory[0])
        else:
            futures = [device.pool.submit(library.run_worker, ctypes.byref(launch), i, memory[i]) for i in range(workers)]
            for future in futures:
                future.result()
        if launch.fault.kind:
            raise KernelFault(describe_fault(self.code, kernel, shape, launch.fault, device.memory))

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


def _lanes(shape: LaunchShape) -> int:
    """Work-items of a block, rounded up to whole waves."""
    items = shape.block[0] * shape.block[1] * shape.block[2]
    return -(-items // 64) * 64


def _three(sizes: Sequence[int], what: str) -> Dimensions:
    """One to three positive sizes as three."""
    values = [int(size) for size in numpy.atleast_1d(numpy.asarray(sizes))]
    if not 1 <= len(values) <= 3 or min(values) < 1 or max(values) >= 1 << 32:
        raise UsageError(f"{what} should be one to three positive sizes, not {sizes!r}")
    x, y, z = (*values, 1, 1)[:3]
    return x, y, z
