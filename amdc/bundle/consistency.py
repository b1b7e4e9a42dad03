"""What must hold in the Programs of a bundle before anything runs one: every name exists, every buffer lies in the arena, and
what they share lies at one place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from amdc.bundle.uses import Step
from amdc.program import ITEM_SIZES, Pointer, Port, Program, State


def all_problems(programs: Mapping[str, Program], code: Iterable[str]) -> Iterator[str]:
    """One line for each thing that is wrong; `code` are the keys of the code objects at hand."""
    keys = frozenset(code)
    for key, program in programs.items():
        where = f"program {key}: " if len(programs) > 1 else ""
        yield from (where + problem for problem in problems(program, keys))
    yield from _sharing_problems(programs)


def misplaced_constants(programs: Mapping[str, Program], constants: Mapping[str, np.ndarray]) -> Iterator[str]:
    """A line for each constant or start of a state that is not among the weights as it should be. Reads no values."""
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {}
    for program in programs.values():
        wanted |= {name: (b.dtype, b.shape) for name, b in program.buffers.items() if b.kind == "constant"}
        wanted |= {state.initial: (state.dtype, state.shape) for state in program.states if state.initial is not None}
    for name, (dtype, shape) in wanted.items():
        array = constants.get(name)
        if array is None or (array.dtype.name, array.shape) != (dtype, shape):
            yield f"constant {name} ({dtype} {list(shape)}) is not among the weights"


def schedule_problems(schedule: Iterable[Step], programs: Mapping[str, Program]) -> Iterator[str]:
    """What is wrong with the order of the programs of a model with a loop."""
    for step in schedule:
        if step.program not in programs:
            yield f"the schedule names the unknown program {step.program}"
        elif step.condition is not None:
            states = {state.name: state for state in programs[step.program].states}
            state = states.get(step.condition)
            if state is None or (state.dtype, state.shape) != ("bool", ()):
                yield f"program {step.program} runs while {step.condition} is true, which is no state of it that holds one bool"


def problems(program: Program, keys: frozenset[str]) -> Iterator[str]:
    """What is wrong in one program."""
    for name, kernel in program.kernels.items():
        if kernel.code not in keys:
            yield f"kernel {name} needs the code object {kernel.code}, which is not there"
    for name, buffer in program.buffers.items():
        if buffer.dtype not in ITEM_SIZES or any(size < 0 for size in buffer.shape):
            yield f"buffer {name} is a {buffer.dtype} tensor of shape {list(buffer.shape)}"
        elif buffer.offset < 0 or buffer.offset + buffer.nbytes > program.arena_bytes:
            yield f"buffer {name} ({buffer.nbytes} bytes at {buffer.offset}) is outside the arena of {program.arena_bytes} bytes"
    for ports in (program.inputs, program.outputs, program.states):
        yield from _port_problems(program, ports)
    yield from _launch_problems(program)


def _port_problems(program: Program, ports: Iterable[Port | State]) -> Iterator[str]:
    for port in ports:
        held = program.buffers.get(port.buffer)
        if held is None or (held.dtype, held.shape) != (port.dtype, port.shape):
            yield f"port {port.name} and its buffer {port.buffer} differ"


def _launch_problems(program: Program) -> Iterator[str]:
    for index, launch in enumerate(program.launches):
        if launch.kernel not in program.kernels:
            yield f"launch {index} names the unknown kernel {launch.kernel}"
        pointed = [argument.buffer for argument in launch.arguments if isinstance(argument, Pointer)]
        for buffer in (*pointed, *launch.reads, *launch.writes):
            if buffer not in program.buffers:
                yield f"launch {index} names the unknown buffer {buffer}"


def _sharing_problems(programs: Mapping[str, Program]) -> Iterator[str]:
    """Constants of one name, and states of one name, are one; all programs lay out the start of the arena alike."""
    shared: dict[tuple[str, str], tuple[str, tuple[int, ...], int]] = {}
    for program in programs.values():
        found: dict[tuple[str, str], tuple[str, tuple[int, ...], int]] = {
            ("constant", name): (b.dtype, b.shape, b.offset) for name, b in program.buffers.items() if b.kind == "constant"
        }
        for state in program.states:
            if state.buffer in program.buffers:
                found["state", state.name] = (state.dtype, state.shape, program.buffers[state.buffer].offset)
        for (kind, name), place in found.items():
            if shared.setdefault((kind, name), place) != place:
                yield f"{kind} {name} differs between the programs"
    if len({(program.arch, program.constant_bytes, program.state_bytes) for program in programs.values()}) > 1:
        yield "the programs differ in architecture or in the size of what they share"
