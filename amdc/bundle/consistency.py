"""What must hold in a Program before anything runs it: every name it uses exists, and every buffer lies in the arena."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from amdc.program import ITEM_SIZES, Pointer, Program


def problems(program: Program, code: Iterable[str]) -> Iterator[str]:
    """One line for each thing that is wrong; `code` are the keys of the code objects at hand."""
    keys = set(code)
    for name, kernel in program.kernels.items():
        if kernel.code not in keys:
            yield f"kernel {name} needs the code object {kernel.code}, which is not there"
    for name, buffer in program.buffers.items():
        if buffer.dtype not in ITEM_SIZES or any(size < 0 for size in buffer.shape):
            yield f"buffer {name} is a {buffer.dtype} tensor of shape {list(buffer.shape)}"
        elif buffer.offset < 0 or buffer.offset + buffer.nbytes > program.arena_bytes:
            yield f"buffer {name} ({buffer.nbytes} bytes at {buffer.offset}) is outside the arena of {program.arena_bytes} bytes"
    for port in (*program.inputs, *program.outputs):
        held = program.buffers.get(port.buffer)
        if held is None or (held.dtype, held.shape) != (port.dtype, port.shape):
            yield f"port {port.name} and its buffer {port.buffer} differ"
    yield from _launch_problems(program)


def _launch_problems(program: Program) -> Iterator[str]:
    for index, launch in enumerate(program.launches):
        if launch.kernel not in program.kernels:
            yield f"launch {index} names the unknown kernel {launch.kernel}"
        pointed = [argument.buffer for argument in launch.arguments if isinstance(argument, Pointer)]
        for buffer in (*pointed, *launch.reads, *launch.writes):
            if buffer not in program.buffers:
                yield f"launch {index} names the unknown buffer {buffer}"
