"""Collects buffers, kernels and launches while a graph is lowered, and makes the Program of them."""

from __future__ import annotations

import hashlib
import math
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch.fx import Node

from amdc.codegen.choice import Candidate, Choices
from amdc.codegen.item import Item
from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.memory_plan import plan
from amdc.codegen.strided_view import Layout, StridedView
from amdc.errors import InternalError, ModelError
from amdc.ir import graph as ir
from amdc.ir.arrays import to_numpy
from amdc.kernels.template import KernelTemplate, Value
from amdc.program import ITEM_SIZES, Argument, Buffer, BufferKind, Kernel, Launch, Pointer, Port, Program, Scalar, State
from amdc.target import Target

MAX_BYTES = 1 << 31  # of one buffer: the kernels' offsets are 32-bit
COUNTERS = 4096  # of a session, shared by all its launches: see kernels/hip/split_finish.h
COUNTERS_NAME = "amdc.counters"  # as a state of the program: zeros when a session starts, and after each launch


@dataclass(frozen=True)
class Place:
    """Where a tensor lies: dense and row-major, `offset` bytes into a buffer. Views share a buffer with what they view."""

    buffer: str
    dtype: str
    shape: tuple[int, ...]
    offset: int = 0

    @property
    def numel(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.numel * ITEM_SIZES[self.dtype]


Operand = Node | Place | Argument | int | float


def value_name(node: Node) -> str | None:
    """The user's name of a node's (first) value."""
    if isinstance(node.meta["val"], (tuple, list)):
        return next(
            (user.meta.get("value") for user in node.users if user.target is operator.getitem and user.args[1] == 0), None
        )
    return node.meta.get("value")


def named_placeholders(graph: ir.Graph) -> Iterable[tuple[str, Node]]:
    """The inputs, states included, with the user's names."""
    return zip(ir.inputs(graph), ir.placeholders(graph), strict=True)


class ProgramBuilder:
    """One lowering's state. `target` is the architecture's row; `options` those of the lowering (see `codegen.lowering`)."""

    def __init__(self, graph: ir.Graph, target: Target, opt_level: int, choices: Choices) -> None:
        self.graph = graph
        self.target = target
        self.opt_level = opt_level
        self.choices = choices
        self.sources: dict[str, KernelSource] = {}
        self.constants: dict[str, np.ndarray] = {}
        self.kernels: dict[str, Kernel] = {}
        self._launches: list[Launch] = []
        self._buffers: dict[str, Buffer] = {}
        self._places: dict[tuple[Node, int], Place] = {}
        self._named: dict[str, Place] = {}  # constants, by the name they were asked for
        self._counters: Place | None = None
        self.row_parts: dict[Node, Any] = {}  # what products leave of their rows beside their value: see lowerings/normed.py
        self._states = {node: name for name, node in named_placeholders(graph) if name in ir.states(graph)}
        self._deferred: dict[tuple[Node, int], tuple[StridedView, Callable[[Place, StridedView], None]]] = {}

    # --- where values lie ---
    def place(self, value: Node | Place, index: int = 0) -> Place:
        """Where a node's value (of several: the one at `index`) lies; a new buffer on first use."""
        if isinstance(value, Place):
            return value
        if (value, index) not in self._places:
            self._places[value, index] = self._new(value, index)
        if (value, index) in self._deferred:
            view, fill = self._deferred.pop((value, index))
            fill(self._places[value, index], view)
        return self._places[value, index]

    def view(self, value: Node | Place, index: int = 0) -> StridedView:
        """Where a value lies for a kernel that reads through strides: a view that nothing has made dense is read in place."""
        if isinstance(value, Node) and (value, index) in self._deferred:
            return self._deferred[value, index][0]
        place = self.place(value, index)
        return StridedView(place, Layout.dense(place.shape))

    def defer(self, node: Node, index: int, view: StridedView, fill: Callable[[Place, StridedView], None]) -> None:
        """Let a node's value be a view that is made dense, by `fill(place, view)`, when a kernel first asks for its place."""
        self._deferred[node, index] = view, fill

    def same(self, node: Node, of: Node, index: int) -> None:
        """Let a node's value be that of another one at `index`: the same place or the same view."""
        if (of, index) in self._deferred:
            self._deferred[node, 0] = self._deferred[of, index]
        else:
            self.alias(node, self.place(of, index))

    def _new(self, node: Node, index: int) -> Place:
        fake = node.meta["val"][index] if isinstance(node.meta["val"], (tuple, list)) else node.meta["val"]
        dtype = str(fake.dtype).removeprefix("torch.")
        if node.op == "get_attr":
            return self.constant(str(node.target), to_numpy(ir.constant(self.graph, node)))
        name = node.name if index == 0 else f"{node.name}.{index}"
        return self._buffer(self._unique(name), self._kind(node), dtype, tuple(map(int, fake.shape)))

    def _kind(self, node: Node) -> BufferKind:
        if node.op != "placeholder":
            return "activation"
        return "state" if node in self._states else "input"

    def _buffer(self, name: str, kind: BufferKind, dtype: str, shape: tuple[int, ...]) -> Place:
        if dtype not in ITEM_SIZES:
            raise ModelError(f"'{name}' has dtype {dtype}; kernels are made for {', '.join(ITEM_SIZES)}")
        buffer = Buffer(name, kind, dtype, shape)
        if buffer.nbytes >= MAX_BYTES:
            raise ModelError(f"'{name}' has {buffer.nbytes} bytes; a tensor must stay below 2 GiB: use a smaller batch or input")
        self._buffers[name] = buffer
        return Place(name, dtype, shape)

    def alias(self, node: Node, of: Node | Place, offset: int = 0, index: int = 0) -> None:
        """Let a node's value be a view of another's, `offset` bytes into it: no kernel, the same memory."""
        base = self.place(of)
        fake = node.meta["val"][index] if isinstance(node.meta["val"], (tuple, list)) else node.meta["val"]
        dtype, shape = str(fake.dtype).removeprefix("torch."), tuple(map(int, fake.shape))
        self._places[node, index] = Place(base.buffer, dtype, shape, base.offset + offset)

    def place_within(self, node: Node, whole: Place, offset: int, index: int = 0) -> None:
        """Let a node that is still to be computed write its value `offset` bytes into another place."""
        fake = node.meta["val"][index] if isinstance(node.meta["val"], (tuple, list)) else node.meta["val"]
        shape = tuple(map(int, fake.shape))
        self._places[node, index] = Place(whole.buffer, whole.dtype, shape, whole.offset + offset)

    def is_placed(self, node: Node, index: int = 0) -> bool:
        return (node, index) in self._places

    def owns(self, place: Place) -> bool:
        """Whether a place is all of a buffer that the program itself fills."""
        buffer = self._buffers[place.buffer]
        return buffer.kind in ("activation", "output") and place.offset == 0 and place.nbytes == buffer.nbytes

    def claim(self, place: Place) -> bool:
        """Make a place that owns its buffer an output of the model, unless another output claimed the buffer in another shape."""
        buffer = self._buffers[place.buffer]
        if not self.owns(place) or (buffer.kind == "output" and (buffer.dtype, buffer.shape) != (place.dtype, place.shape)):
            return False
        self._buffers[place.buffer] = replace(buffer, kind="output", dtype=place.dtype, shape=place.shape)
        return True

    def activation(self, hint: str, dtype: str, shape: tuple[int, ...]) -> Place:
        """A further tensor that no node stands for."""
        return self._buffer(self._unique(hint), "activation", dtype, shape)

    def scratch(self, hint: str, nbytes: int) -> Place:
        """A buffer for use between the launches of one node."""
        return self._buffer(self._unique(hint), "scratch", "uint8", (nbytes,))

    def counters(self, count: int) -> Place:
        """`count` counters, zeros before and after each launch, on which the waves of split work agree which comes last."""
        if count > COUNTERS:
            raise InternalError(f"{count} counters are wanted, but there are {COUNTERS}: offer no such split")
        if self._counters is None:
            self._counters = self._buffer(self._unique(COUNTERS_NAME), "state", "int32", (COUNTERS,))
        return replace(self._counters, shape=(count,))

    def constant(self, name: str, array: np.ndarray) -> Place:
        """A constant of the bundle (packed weights, tables). One name always has the same content."""
        if name not in self._named:
            self._named[name] = self._buffer(self._unique(name), "constant", str(array.dtype), array.shape)
            self.constants[self._named[name].buffer] = np.ascontiguousarray(array).reshape(array.shape)
        return self._named[name]

    def named_constants(self) -> dict[str, str]:
        """The buffer of each constant, by the name it was asked for."""
        return {name: place.buffer for name, place in self._named.items()}

    def _unique(self, hint: str) -> str:
        name, count = hint, 0
        while name in self._buffers:
            count += 1
            name = f"{hint}.{count}"
        return name

    # --- launches ---
    def choose(self, problem: str, candidates: Sequence[Candidate]) -> Candidate:
        """The way to compute a problem (see `codegen.choice`); the caller then calls its `build`."""
        return self.choices.choose(problem, candidates, self.opt_level, lambda: len(self._launches))

    def launch(
        self,
        template: KernelTemplate,
        parameters: Mapping[str, Value],
        *,
        item: Item,
        grid: tuple[int, int, int],
        arguments: Sequence[Operand],
        writes: Sequence[Node | Place],
        inside: Sequence[Place] = (),
        flops: int = 0,
        bytes_moved: int | None = None,
        prelude: str = "",
        hint: str = "",
        block: tuple[int, int, int] | None = None,
    ) -> None:
        """Launch a template's kernel. An argument that is a Node or a Place becomes two kernel arguments, `T *p, unsigned
        p_bytes`; an int becomes an unsigned, a float a float. What is read is what stands in `arguments` and not in `writes`, nor
        is a state that the item's epilogue stores into. `inside`: what the launch writes for itself alone."""
        kernel = self._kernel(template, template.check(parameters), prelude, hint, block or template.block)
        places = [self.place(value) for value in arguments if isinstance(value, (Node, Place))]
        stored = [store for store in item.stores if store.update in arguments]
        results = [self.place(value) for value in writes]
        written = [*results, *inside, *(self.place(store.update) for store in stored)]
        read = {place: None for place in places if place not in written}
        least = sum(place.nbytes for place in [*read, *results]) if bytes_moved is None else bytes_moved
        own = self._places.get((item.node, 0))
        whole = own is not None and self.owns(own) and any((own.buffer, own.offset) == (p.buffer, p.offset) for p in written)
        self._launches.append(
            Launch(
                kernel=kernel,
                grid=grid,
                arguments=tuple(argument for value in arguments for argument in self._arguments(value)),
                reads=tuple(dict.fromkeys(place.buffer for place in read)),
                writes=tuple(dict.fromkeys(place.buffer for place in written)),
                node=item.node.name,
                source=tuple(item.node.meta.get("source", ())),
                value=value_name(item.node) if whole else None,
                flops=flops,
                bytes_moved=least + sum(store.nbytes for store in stored),
            )
        )

    def name_last(self, node: Node) -> None:
        """The last launch that wrote into the node's buffer completed its value: let it carry the user's name of it."""
        name, buffer = value_name(node), self.place(node).buffer
        for index in reversed(range(len(self._launches))):
            if buffer in self._launches[index].writes:
                self._launches[index] = replace(self._launches[index], value=name)
                return

    def _arguments(self, value: Operand) -> Iterable[Argument]:
        if isinstance(value, (Pointer, Scalar)):
            return (value,)
        if isinstance(value, (Node, Place)):
            place = self.place(value)
            return Pointer(place.buffer, place.offset), Scalar("uint32", place.nbytes)
        return (Scalar("float32" if isinstance(value, float) else "uint32", value),)

    def _kernel(
        self, template: KernelTemplate, values: dict[str, Value], prelude: str, hint: str, block: tuple[int, int, int]
    ) -> str:
        """The symbol of the kernel with these parameters; identical sources are compiled once."""
        defines = (*values.items(), ("AMDC_BLOCK", math.prod(block)))
        text = template.source(prelude)
        digest = hashlib.sha256(repr((text, defines)).encode()).hexdigest()[:8]
        symbol = "_".join(filter(None, (template.name, hint, digest)))
        if symbol not in self.kernels:
            source = KernelSource(symbol, text, (*defines, ("AMDC_SYMBOL", symbol)), block)
            self.kernels[symbol] = Kernel(symbol, template.name, dict(values), source.key, block)
            self.sources[source.key] = source
        return symbol

    # --- the end ---
    def finish(self, outputs: Sequence[Place]) -> Program:
        """The planned Program. `outputs` stand in the order of the user's names, without states' next values; each fills a buffer
        from its start, which is kept to the end of the run."""
        named = [(name, self.place(node)) for name, node in named_placeholders(self.graph)]
        following = ir.states(self.graph)
        in_ports = [self._port(name, place) for name, place in named if name not in following]
        states = [State(name, p.buffer, p.dtype, p.shape) for name, p in named if name in following]
        if self._counters is not None:
            states.append(State(COUNTERS_NAME, self._counters.buffer, self._counters.dtype, self._counters.shape))
        names = [name for name in ir.outputs(self.graph) if name not in following.values()]
        out_ports = [self._port(name, place) for name, place in zip(names, outputs, strict=True)]
        for place in outputs:
            self.claim(place)
        placed = plan(self._buffers, self._launches, keep={place.buffer for place in outputs})
        return Program(
            arch=self.target.arch,
            inputs=tuple(in_ports),
            outputs=tuple(out_ports),
            buffers=placed.buffers,
            kernels=self.kernels,
            launches=tuple(self._launches),
            arena_bytes=placed.arena_bytes,
            constant_bytes=placed.constant_bytes,
            peak_activation_bytes=placed.arena_bytes - placed.constant_bytes - placed.state_bytes,
            largest_live_set=placed.largest_live_set,
            states=tuple(states),
            state_bytes=placed.state_bytes,
        )

    @staticmethod
    def _port(name: str, place: Place) -> Port:
        return Port(name, place.buffer, place.dtype, place.shape)
