"""Joins the lowered programs of one bundle: constants of equal content become one, states of one name become one, and all
programs lay out the start of the arena alike.

    arena of each program:  constants of all programs | states of all programs | the program's own inputs, activations, outputs
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Container, Iterable
from dataclasses import dataclass, field

import numpy as np
import torch

from amdc.bundle import GraphText
from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.lowering import Lowered
from amdc.codegen.memory_plan import aligned
from amdc.errors import ModelError
from amdc.ir import graph as ir
from amdc.ir.arrays import to_numpy
from amdc.ir.printer import INLINE_ELEMENTS, to_text
from amdc.program import Argument, Buffer, Launch, Pointer, Program, State

SAMPLE = 4096  # bytes at a constant's start that tell most unequal ones apart


def _bytes_of(array: np.ndarray) -> np.ndarray:
    return array.reshape(-1).view(np.uint8)


@dataclass
class Linker:
    """Collects programs with `add`; `programs` then gives them with their final places. `constants` are those of all programs by
    their final names, with what only the Graphs' texts need and what states start as; `graphs` are the texts."""

    constants: dict[str, np.ndarray] = field(default_factory=dict)
    sources: dict[str, KernelSource] = field(default_factory=dict)
    graphs: dict[str, GraphText] = field(default_factory=dict)
    _added: dict[str, Program] = field(default_factory=dict)
    _alike: dict[tuple[str, tuple[int, ...], bytes], list[str]] = field(default_factory=dict)
    _resident: dict[str, Buffer] = field(default_factory=dict)  # constants in the arena, by their final names
    _states: dict[str, State] = field(default_factory=dict)

    def add(self, key: str, graph: ir.Graph, lowered: Lowered) -> None:
        """Take in a program. Raises `ModelError` where its state differs from the one of the same name in another program."""
        self.sources |= lowered.sources
        final = {name: self._constant(name, array) for name, array in lowered.constants.items()}
        for name in final:
            self._resident.setdefault(final[name], dataclasses.replace(lowered.program.buffers[name], name=final[name]))
        self._added[key] = self._with_states(key, graph, _renamed(lowered.program, final))
        held = {name: final[buffer] for name, buffer in lowered.named.items()}
        self.graphs[key] = GraphText(to_text(graph), self._graph_constants(graph, held))

    def programs(self) -> dict[str, Program]:
        """All programs, each with its buffers' offsets in the common arena."""
        offsets, constant_bytes = _in_a_row(self._resident.values(), 0)
        states = {state.name: Buffer(state.name, "state", state.dtype, state.shape) for state in self._states.values()}
        state_offsets, end = _in_a_row(states.values(), constant_bytes)
        return {key: _placed(program, offsets, state_offsets, constant_bytes, end) for key, program in self._added.items()}

    def _constant(self, name: str, array: np.ndarray) -> str:
        """The final name of a constant: that of an equal one, else its own or a new one."""
        content = _bytes_of(np.ascontiguousarray(array))
        look = array.dtype.name, array.shape, hashlib.sha256(content[:SAMPLE].data).digest()
        for other in self._alike.setdefault(look, []):
            known = _bytes_of(self.constants[other])
            if known.ctypes.data == content.ctypes.data or np.array_equal(known, content):
                return other
        final = _free(name, self.constants)
        self._alike[look].append(final)
        self.constants[final] = array
        return final

    def _with_states(self, key: str, graph: ir.Graph, program: Program) -> Program:
        """The program with the names of what its states start as."""
        made = []
        for state in program.states:
            value: torch.Tensor | None = graph.meta.get("state_values", {}).get(state.name)
            if value is not None and bool(value.any()):
                array = to_numpy(value)
                state = dataclasses.replace(state, initial=self._constant(f"state.{state.name}", array))
            known = dataclasses.replace(self._states.setdefault(state.name, state), buffer=state.buffer)
            if known != state:
                raise ModelError(
                    f"the state '{state.name}' of program {key} is {state.dtype} {list(state.shape)}, of another one it is "
                    f"{known.dtype} {list(known.shape)}, or starts with other values: a state's form may not depend on a binding"
                )
            made.append(state)
        return dataclasses.replace(program, states=tuple(made))

    def _graph_constants(self, graph: ir.Graph, held: dict[str, str]) -> dict[str, str]:
        """Final names of the constants that a Graph's text does not show, where they differ. What no kernel reads is added."""
        found = {}
        for node in graph.graph.nodes:
            name = str(node.target)
            if node.op != "get_attr" or ir.constant(graph, node).numel() <= INLINE_ELEMENTS:
                continue
            final = held.get(name) or self._constant(name, to_numpy(ir.constant(graph, node)))
            if final != name:
                found[name] = final
        return found


def _free(name: str, taken: Container[str]) -> str:
    """The name, or where it is taken one with a number."""
    free, count = name, 0
    while free in taken:
        count += 1
        free = f"{name}.{count}"
    return free


def _renamed(program: Program, constants: dict[str, str]) -> Program:
    """The program with the constants' final names. A buffer of its own that has one of these names gets another."""
    taken = set(constants.values())
    names = {name: constants[name] if name in constants else _free(name, taken) for name in program.buffers}
    if all(name == new for name, new in names.items()):
        return program

    def argument(given: Argument) -> Argument:
        return Pointer(names[given.buffer], given.offset) if isinstance(given, Pointer) else given

    def launch(given: Launch) -> Launch:
        reads, writes = (tuple(dict.fromkeys(names[name] for name in side)) for side in (given.reads, given.writes))
        return dataclasses.replace(given, arguments=tuple(map(argument, given.arguments)), reads=reads, writes=writes)

    buffers = {names[name]: dataclasses.replace(buffer, name=names[name]) for name, buffer in program.buffers.items()}
    return dataclasses.replace(
        program,
        buffers=buffers,
        launches=tuple(map(launch, program.launches)),
        inputs=tuple(dataclasses.replace(port, buffer=names[port.buffer]) for port in program.inputs),
        outputs=tuple(dataclasses.replace(port, buffer=names[port.buffer]) for port in program.outputs),
        states=tuple(dataclasses.replace(state, buffer=names[state.buffer]) for state in program.states),
    )


def _in_a_row(buffers: Iterable[Buffer], start: int) -> tuple[dict[str, int], int]:
    offsets = {}
    for buffer in buffers:
        offsets[buffer.name] = start
        start += aligned(buffer.nbytes)
    return offsets, start


def _placed(
    program: Program, constants: dict[str, int], states: dict[str, int], constant_bytes: int, resident_bytes: int
) -> Program:
    """The program with constants and states at their common offsets, and everything else moved behind them."""
    shift = resident_bytes - program.activation_start
    held = {state.buffer: states[state.name] for state in program.states}

    def offset(buffer: Buffer) -> int:
        if buffer.kind == "constant":
            return constants[buffer.name]
        return held[buffer.name] if buffer.name in held else buffer.offset + shift

    return dataclasses.replace(
        program,
        buffers={name: dataclasses.replace(buffer, offset=offset(buffer)) for name, buffer in program.buffers.items()},
        arena_bytes=program.arena_bytes + shift,
        constant_bytes=constant_bytes,
        state_bytes=resident_bytes - constant_bytes,
    )
