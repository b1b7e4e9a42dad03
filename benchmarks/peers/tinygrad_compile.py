"""Compiles an ONNX model for gfx803 with tinygrad and writes what it would launch, as a folder (launch_folder.py).

    PYTHON-WITH-TINYGRAD benchmarks/peers/tinygrad_compile.py MODEL.onnx FOLDER

tinygrad's default schedules through its LLVM renderer, nothing searched. Its NULL device, which has no memory, gets some here,
and notes what is launched instead of doing nothing. README.md says what is needed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import time
from pathlib import Path
from typing import Any

os.environ["DEV"] = "NULL:AMDLLVM:gfx803"
os.environ["NULL_ALLOW_COPYOUT"] = "1"  # constants that shapes depend on are read back
os.environ["JIT"] = "2"  # capture, but launch one by one
os.environ["PARALLEL"] = "0"

import numpy as np
import tinygrad
from launch_folder import Argument, Folder, Launch, Port
from linker import link
from tinygrad import Tensor, TinyJit
from tinygrad.nn.onnx import OnnxRunner
from tinygrad.runtime import ops_null

Memory = tuple[np.ndarray, int]  # an allocation and the offset of a view in it


class Recorder:
    """What the NULL device allocates, is given and launches."""

    def __init__(self) -> None:
        self.allocations: list[np.ndarray] = []
        self.written: set[int] = set()  # numbers of allocations that the host wrote
        self.launches: list[Launch] = []
        self.code: dict[bytes, int] = {}

    def allocate(self, size: int) -> Memory:
        self.allocations.append(np.zeros(size, np.uint8))
        return self.allocations[-1], 0

    def number(self, memory: Memory) -> int:
        return next(i for i, array in enumerate(self.allocations) if array is memory[0])

    def copy_in(self, memory: Memory, source: memoryview) -> None:
        array, offset = memory
        array[offset : offset + source.nbytes] = np.frombuffer(source.cast("B"), np.uint8)
        self.written.add(self.number(memory))

    def launch(self, name: str, relocatable: bytes, buffers: tuple[Memory, ...], grid: Any, block: Any, values: Any) -> None:
        number = self.code.setdefault(relocatable, len(self.code))
        arguments = [Argument(self.number(memory), memory[1]) for memory in buffers]
        arguments += [Argument(value=value, dtype="int32") for value in values]
        self.launches.append(Launch(number, name, tuple(map(int, grid)), tuple(map(int, block)), tuple(arguments)))


RECORDER = Recorder()


class RecordingAllocator(ops_null.NullAllocator):
    """Host memory in place of none."""

    def _alloc(self, size: int, options: Any) -> Memory:
        return RECORDER.allocate(size)

    def _offset(self, buf: Memory, size: int, offset: int) -> Memory:
        return buf[0], buf[1] + offset

    def _copyin(self, dest: Memory, src: memoryview) -> None:
        RECORDER.copy_in(dest, src)

    def _copyout(self, dest: memoryview, src: Memory) -> None:
        array, offset = src
        dest.cast("B")[:] = array[offset : offset + dest.nbytes].data


class RecordingProgram(ops_null.NullProgram):
    """A kernel that only notes its launches."""

    def __init__(self, dev: Any, obj: Any) -> None:
        super().__init__(dev, obj)
        self.relocatable = obj.lib

    def __call__(
        self, *bufs: Any, global_size: Any = (1, 1, 1), local_size: Any = (1, 1, 1), vals: Any = (), wait: bool = False, **_: Any
    ) -> float:
        RECORDER.launch(self.name, self.relocatable, bufs, global_size, local_size, vals)
        return 1e-3


def record(path: Path) -> Folder:
    """Trace the model twice, as tinygrad's users do for a captured graph; the launches are those of the captured one."""
    ops_null.NullAllocator, ops_null.NullProgram = RecordingAllocator, RecordingProgram
    runner = OnnxRunner(path)
    feed = {name: Tensor(np.zeros(spec.shape, _numpy(spec.dtype))).realize() for name, spec in runner.graph_inputs.items()}
    captured = TinyJit(lambda **inputs: {name: value.contiguous() for name, value in runner(inputs).items()})
    started = time.perf_counter()
    captured(**feed)
    RECORDER.launches.clear()
    results = captured(**feed)
    compile_s = time.perf_counter() - started
    ports = [
        tuple(
            Port(name, RECORDER.number(tensor._buffer()._buf), _numpy(tensor.dtype), tuple(map(int, tensor.shape)))
            for name, tensor in group.items()
        )
        for group in (feed, results)
    ]
    given = {port.buffer for port in ports[0]}
    weights = {number: RECORDER.allocations[number] for number in RECORDER.written - given}
    code = tuple(link(relocatable) for relocatable in RECORDER.code)
    sizes = tuple(array.nbytes for array in RECORDER.allocations)
    producer = f"tinygrad {importlib.metadata.version('tinygrad')}"
    return Folder(producer, code, tuple(RECORDER.launches), sizes, weights, *ports, round(compile_s, 2))


def _numpy(dtype: Any) -> str:
    return str(np.dtype(tinygrad.dtype._to_np_dtype(dtype)).name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    record(arguments.model).save(arguments.folder)


if __name__ == "__main__":
    main()
