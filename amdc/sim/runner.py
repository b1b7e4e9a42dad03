"""One launch: its tables in device memory, its workers on host threads, and what they report."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy

from amdc.code_object import CodeObject, KernelInfo
from amdc.errors import KernelFault
from amdc.sim import dispatch
from amdc.sim.faults import describe_fault
from amdc.sim.kernarg import LaunchShape
from amdc.sim.library import KernelLibrary
from amdc.sim.structures import Launch
from amdc.sim.timing.trace import Recording

if TYPE_CHECKING:
    from amdc.sim.device import Device

WAVE = 64


@dataclass(frozen=True)
class Work:
    """What is to run: a kernel of `code`, whose address 0 lies at `image`; `blocks` of its basic blocks are counted (0: none);
    `recording` takes the traces of work-groups; `in_order`: one after the other, as they are dispatched."""

    code: CodeObject
    kernel: KernelInfo
    library: KernelLibrary
    image: int
    shape: LaunchShape
    kernarg: bytes
    blocks: int = 0
    recording: Recording | None = None
    in_order: bool = False


def run(device: Device, work: Work) -> numpy.ndarray:
    """Run to the end, and return how often each basic block ran (uint64). Raises `KernelFault` where a check fails."""
    scratch_bytes = dispatch.scratch_per_lane(work.kernel) * _lanes(work.shape) * device.jobs
    with device.launching:
        memory = device.memory
        addresses = {
            "kernarg_segment_ptr": memory.allocate(-(-max(len(work.kernarg), 1) // 16) * 16, "kernarg segment"),
            "dispatch_ptr": memory.allocate(dispatch.PACKET_BYTES, "dispatch packet"),
            "scratch": memory.allocate(max(scratch_bytes, 1), "scratch memory"),
        }
        try:
            return _start(device, work, addresses, scratch_bytes)
        finally:
            for address in addresses.values():
                memory.free(address)


def _start(device: Device, work: Work, addresses: dict[str, int], scratch_bytes: int) -> numpy.ndarray:
    kernel, kernarg = work.kernel, addresses["kernarg_segment_ptr"]
    device.memory.write(kernarg, work.kernarg)
    packet = dispatch.dispatch_packet(kernel, work.shape, work.image + kernel.descriptor_address, kernarg)
    device.memory.write(addresses["dispatch_ptr"], packet)
    launch = dispatch.initial_state(kernel, work.shape, work.image, {**addresses, "queue_ptr": device.queue})
    launch.scratch_bytes = scratch_bytes
    launch.max_instructions = device.max_instructions or 0
    starts, ends, places = device.memory.table()
    launch.allocations.start, launch.allocations.end = starts.ctypes.data, ends.ctypes.data
    launch.allocations.place, launch.allocations.count = places.ctypes.data, len(starts)
    jobs = 1 if work.in_order else device.jobs
    if work.recording:
        work.recording.prepare(launch, jobs)
    workers = min(jobs, launch.total)
    counts = numpy.zeros((workers, work.blocks), numpy.uint64)
    launch.counts, launch.blocks = (counts.ctypes.data if work.blocks else None), work.blocks
    _run_workers(device, work.library, launch, workers)
    if launch.fault.kind:
        raise KernelFault(describe_fault(work.code, kernel, work.shape, launch.fault, device.memory))
    total: numpy.ndarray = counts.sum(axis=0)
    return total


def _run_workers(device: Device, library: KernelLibrary, launch: Launch, workers: int) -> None:
    """On this thread where one suffices: most launches of a network's last layers are a few work-groups."""
    memory = device.worker_memory(library.worker_bytes(ctypes.byref(launch)))
    if workers == 1:
        library.run_worker(ctypes.byref(launch), 0, memory[0])
        return
    futures = [device.pool.submit(library.run_worker, ctypes.byref(launch), i, memory[i]) for i in range(workers)]
    for future in futures:
        future.result()


def _lanes(shape: LaunchShape) -> int:
    """Work-items of a block, rounded up to whole waves."""
    items = shape.block[0] * shape.block[1] * shape.block[2]
    return -(-items // WAVE) * WAVE
