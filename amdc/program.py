"""The Program: what lowering makes of a Graph, what a bundle's manifest carries, and what a session executes.

A plain tree of frozen dataclasses, printable and JSON-able (`to_json`, `from_json`). It stands here and not in `codegen` because
the runtime reads it, and the runtime never imports the compiler. All tensors are dense and row-major (C order).
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from amdc.errors import ToolchainError

BufferKind = Literal["input", "output", "constant", "state", "activation", "scratch"]
ITEM_SIZES = {
    "float32": 4, "float16": 2, "bfloat16": 2, "float64": 8, "int64": 8, "int32": 4, "int16": 2, "int8": 1,
    "uint64": 8, "uint32": 4, "uint16": 2, "uint8": 1, "bool": 1,
    "float8_e4m3fn": 1, "float8_e5m2": 1, "float8_e4m3fnuz": 1, "float8_e5m2fnuz": 1,
}  # fmt: skip
EXTENSIONS = ("bfloat16", "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz")  # dtypes that numpy lacks
ALIGNMENT = 256  # bytes, of every buffer in the arena: a dwordx4 load of 64 lanes then starts on cache lines


def numpy_dtype(name: str) -> np.dtype:
    """The dtype of arrays that hold a tensor. Raises `ToolchainError` where it takes the package ml_dtypes, which is missing."""
    if name not in EXTENSIONS:
        return np.dtype(name)
    try:
        import ml_dtypes
    except ImportError:
        raise ToolchainError(f"numpy has no {name}; the package ml_dtypes gives it one: pip install ml_dtypes") from None
    return np.dtype(getattr(ml_dtypes, name))


@dataclass(frozen=True)
class Buffer:
    """A dense tensor in the arena. `offset` is in bytes from the arena's start; `first`/`last` are the indices of the first and
    last launch during which it must hold its value (inputs: -1; constants and outputs: to the end)."""

    name: str
    kind: BufferKind
    dtype: str
    shape: tuple[int, ...]
    offset: int = -1
    first: int = -1
    last: int = -1

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * ITEM_SIZES[self.dtype]


@dataclass(frozen=True)
class Pointer:
    """A kernel argument: the 64-bit address of `buffer` plus `offset` bytes."""

    buffer: str
    offset: int = 0


@dataclass(frozen=True)
class Scalar:
    """A kernel argument passed by value; `dtype` is one of int32, uint32, int64, float32."""

    dtype: str
    value: float


Argument = Pointer | Scalar


@dataclass(frozen=True)
class Kernel:
    """One entry point of one code object. `code` is the key of the code object in the bundle; resources are read from it."""

    symbol: str
    template: str
    parameters: dict[str, Any]
    code: str
    block: tuple[int, int, int]
    vgprs: int = 0
    sgprs: int = 0
    lds_bytes: int = 0
    scratch_bytes: int = 0
    waves_per_simd: int = 0  # occupancy that these resources allow, of target.waves_per_simd


@dataclass(frozen=True)
class Launch:
    """One kernel launch. `grid` counts work-groups. `source` are the user's node names that it computes, `value` the name of the
    user's tensor that its (first) output holds, None where the model has no such tensor. `flops` counts a multiply-add as two;
    `bytes_moved` is the least traffic: each distinct operand read once and each result written once."""

    kernel: str
    grid: tuple[int, int, int]
    arguments: tuple[Argument, ...]
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    node: str
    source: tuple[str, ...] = ()
    value: str | None = None
    flops: int = 0
    bytes_moved: int = 0


@dataclass(frozen=True)
class Port:
    """An input or output of the model, by the user's name."""

    name: str
    buffer: str
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class State:
    """A tensor that a session keeps from run to run (a key-value cache, a mutated buffer). A run reads its buffer and leaves the
    next value there. It starts as `initial`, a constant of the bundle that lies outside the arena; None: as zeros. Programs of
    one bundle that have a state of one name share it."""

    name: str
    buffer: str
    dtype: str
    shape: tuple[int, ...]
    initial: str | None = None


@dataclass(frozen=True)
class Program:
    """What runs for inputs of certain shapes. The arena holds, in this order, constants (`constant_bytes`), states
    (`state_bytes`), and the rest (`peak_activation_bytes`); the programs of one bundle have the first two in common."""

    arch: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    buffers: dict[str, Buffer]
    kernels: dict[str, Kernel]
    launches: tuple[Launch, ...]
    arena_bytes: int
    constant_bytes: int  # constants fill the arena's start: [0, constant_bytes)
    peak_activation_bytes: int  # extent of the arena behind the constants and states
    largest_live_set: int  # the lower bound of peak_activation_bytes: the largest sum of buffers alive at one launch
    metadata: dict[str, Any] = field(default_factory=dict)
    states: tuple[State, ...] = ()
    state_bytes: int = 0

    @property
    def activation_start(self) -> int:
        """The offset in the arena of what no run needs from the one before."""
        return self.constant_bytes + self.state_bytes


def to_json(program: Program) -> dict[str, Any]:
    """A tree of dicts, lists, strings and numbers from which `from_json` makes an equal Program."""
    tree = dataclasses.asdict(program)
    for launch, made in zip(program.launches, tree["launches"], strict=True):
        for argument, node in zip(launch.arguments, made["arguments"], strict=True):
            node["kind"] = "pointer" if isinstance(argument, Pointer) else "scalar"
    return tree


def _argument(tree: dict[str, Any]) -> Argument:
    fields = {key: value for key, value in tree.items() if key != "kind"}
    return Pointer(**fields) if tree["kind"] == "pointer" else Scalar(**fields)


def _tuples(tree: dict[str, Any], *names: str) -> dict[str, Any]:
    return tree | {name: tuple(tree[name]) for name in names}


def from_json(tree: dict[str, Any]) -> Program:
    """The Program that `to_json` wrote. Raises KeyError or TypeError on a tree of another shape (the reader reports it)."""
    launches = tuple(
        Launch(**_tuples(launch, "grid", "reads", "writes", "source") | {"arguments": tuple(map(_argument, launch["arguments"]))})
        for launch in tree["launches"]
    )
    return Program(
        **tree
        | {
            "inputs": tuple(Port(**_tuples(port, "shape")) for port in tree["inputs"]),
            "outputs": tuple(Port(**_tuples(port, "shape")) for port in tree["outputs"]),
            "states": tuple(State(**_tuples(state, "shape")) for state in tree["states"]),
            "buffers": {name: Buffer(**_tuples(buffer, "shape")) for name, buffer in tree["buffers"].items()},
            "kernels": {name: Kernel(**_tuples(kernel, "block")) for name, kernel in tree["kernels"].items()},
            "launches": launches,
        }
    )
