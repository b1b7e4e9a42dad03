"""The simulated GPU as its users see it: memory, arrays and code objects. DESIGN.md, "The simulated GPU", says how it works.

gpu = amdc.sim.Device("gfx803")
module = gpu.load("kernel.hsaco")
x, y = gpu.to_device(array), gpu.empty((n,), "float32")
module.launch("axpy", grid=(gx, 1, 1), block=(256, 1, 1), args=[x, y, numpy.float32(2), numpy.int32(n)])
result = gpu.to_host(y)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path

import numpy
from numpy.typing import ArrayLike, DTypeLike

from amdc.cache import Cache
from amdc.code_object import CodeObject
from amdc.errors import UsageError
from amdc.sim.array import DeviceArray
from amdc.sim.checks import Checks
from amdc.sim.dispatch import queue_block
from amdc.sim.library import TranslationCache
from amdc.sim.memory import Memory
from amdc.sim.module import Module
from amdc.sim.timing.report import LaunchTiming
from amdc.sim.timing.timer import Timer
from amdc.target import target

WORKER_SLACK = 256  # bytes, so that a worker's memory can be aligned


class Device:
    """One simulated card.

    `check` turns the checks on (True), off (False), or names those wanted, as a sequence of "memory", "registers", "barriers",
    "races". `jobs` is the number of host threads, all cores by default. `max_instructions` stops a wave that runs longer, with a
    `KernelFault` (None: no limit). `profile` counts how often each basic block runs.

    `timing` predicts what each launch would take on `card` (of the architecture's; None: its default one), and adds a
    `LaunchTiming` to `timings`.
    """

    def __init__(
        self,
        arch: str = "gfx803",
        check: bool | Sequence[str] = True,
        jobs: int | None = None,
        max_instructions: int | None = None,
        profile: bool = False,
        cache: Cache | None = None,
        timing: bool = False,
        card: str | None = None,
    ) -> None:
        self.target = target(arch)
        self.card = self.target.card(card)
        self.timer = Timer(self.target, self.card, cache or Cache("sim")) if timing else None
        self.timings: list[LaunchTiming] = []
        self.checks = Checks.of(check)
        self.jobs = jobs or len(os.sched_getaffinity(0))
        self.max_instructions = max_instructions
        self.profile = profile
        self.memory = Memory()
        self.translations = TranslationCache(cache or Cache("sim"), self.jobs)
        self.launching = threading.Lock()  # one launch at a time: they share the workers
        self._worker_memory: list[numpy.ndarray] = []

    @cached_property
    def pool(self) -> ThreadPoolExecutor:
        """The host threads that run work-groups."""
        return ThreadPoolExecutor(self.jobs, "amdc-sim")

    @cached_property
    def queue(self) -> int:
        """The address of the queue's description, which kernels may ask for."""
        address = self.memory.allocate(len(queue_block()), "queue description")
        self.memory.write(address, queue_block())
        return address

    def load(self, source: str | Path | bytes) -> Module:
        """Load a code object, translated for this machine. Raises `BundleError` (damaged), `DeviceError` (another chip), or
        `ModelError` naming the instructions that cannot be simulated."""
        return self.load_all([source])[0]

    def load_all(self, sources: Sequence[str | Path | bytes]) -> list[Module]:
        """Load several code objects, translated in parallel."""
        objects = [self._parse(source) for source in sources]
        modules = [Module(self, code) for code in objects]
        self.translations.prepare([job for module in modules for job in module.jobs()])
        return modules

    def _parse(self, source: str | Path | bytes) -> CodeObject:
        if isinstance(source, bytes):
            return self._checked(CodeObject.parse(source, "code object"))
        try:
            data = Path(source).read_bytes()
        except OSError as error:
            raise UsageError(f"cannot read the code object {source}: {error.strerror}") from None
        return self._checked(CodeObject.parse(data, str(source)))

    def _checked(self, code: CodeObject) -> CodeObject:
        code.require_arch(self.target.arch)
        return code

    def empty(self, shape: int | Sequence[int], dtype: DTypeLike = "float32") -> DeviceArray:
        """A new array that holds 0xff bytes: NaN, or -1."""
        array = DeviceArray(0, (shape,) if isinstance(shape, int) else tuple(shape), numpy.dtype(dtype))
        return DeviceArray(self.allocate(array.nbytes), array.shape, array.dtype)

    def to_device(self, array: ArrayLike) -> DeviceArray:
        """A copy of a host array."""
        source = numpy.asarray(array, order="C")
        device = DeviceArray(self.memory.allocate(source.nbytes, poison=False), source.shape, source.dtype)
        self.memory.write(device.address, source)
        return device

    def to_host(self, array: DeviceArray) -> numpy.ndarray:
        """A copy of a device array."""
        data = self.memory.read(array.address, array.nbytes)
        return numpy.frombuffer(data, array.dtype).reshape(array.shape).copy()

    def allocate(self, nbytes: int) -> int:
        """The 256-byte aligned address of a new block, filled with 0xff bytes."""
        return self.memory.allocate(nbytes)

    def free(self, block: int | DeviceArray) -> None:
        """Release what `allocate`, `empty` or `to_device` gave."""
        self.memory.free(block.address if isinstance(block, DeviceArray) else block)

    def write(self, address: int, data: bytes | bytearray | memoryview | numpy.ndarray) -> None:
        """Copy bytes to the device."""
        self.memory.write(address, data)

    def read(self, address: int, nbytes: int) -> bytes:
        """Copy bytes from the device."""
        return self.memory.read(address, nbytes)

    def worker_memory(self, nbytes: int) -> list[int]:
        """A 256-byte aligned address for each worker with room for `nbytes`; kept from launch to launch."""
        if not self._worker_memory or self._worker_memory[0].nbytes < nbytes + WORKER_SLACK:
            self._worker_memory = [numpy.zeros(nbytes + WORKER_SLACK, numpy.uint8) for _ in range(self.jobs)]
        return [block.ctypes.data + 255 & ~255 for block in self._worker_memory]
