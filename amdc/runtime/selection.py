"""Which of a bundle's programs runs for a user's inputs: the one compiled for their shapes, padded where there are buckets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from amdc.bundle import Buckets, Bundle
from amdc.errors import InputError
from amdc.program import Port, Program
from amdc.runtime.ports import check_inputs, describe


@dataclass(frozen=True)
class Selection:
    """A program's key, its inputs, and what to keep of its outputs: for each output, (axis, extent) pairs."""

    key: str
    arrays: dict[str, np.ndarray]
    kept: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def crop(self, name: str, array: np.ndarray) -> np.ndarray:
        """An output without what padding added to it."""
        for axis, extent in self.kept.get(name, ()):
            array = array.take(range(extent), axis)
        return array


def select(bundle: Bundle, given: Mapping[str, Any]) -> Selection:
    """The program for these inputs. Raises `InputError` for wrong names, dtypes, and shapes that nothing was compiled for."""
    programs = bundle.programs
    if bundle.schedule or (len(programs) == 1 and not bundle.buckets):
        key, program = next(iter(programs.items()))
        arrays = check_inputs(program.inputs, given)
        if wrong := specialized_mismatches(program, arrays):
            raise InputError("\n".join(wrong))
        return Selection(key, arrays)
    first = next(iter(programs.values()))
    arrays = given_arrays = check_inputs(first.inputs, given, shapes=False)
    kept: dict[str, list[tuple[int, int]]] = {}
    for buckets in bundle.buckets:
        arrays, extent = pad(arrays, buckets)
        for name, axes in buckets.outputs.items():
            kept.setdefault(name, []).extend((axis, extent) for axis in axes)
    for key, program in programs.items():
        fits = all(arrays[port.name].shape == port.shape for port in program.inputs)
        if fits and not specialized_mismatches(program, arrays):
            return Selection(key, arrays, kept)
    raise InputError(_no_program(first.inputs, given_arrays, programs))


def specialized_mismatches(program: Program, arrays: Mapping[str, np.ndarray]) -> list[str]:
    """A line for each input whose value is not the one that the program was compiled for (`specialize_inputs`)."""
    return [
        f"input '{name}' is {arrays[name].tolist()}, but the model is compiled for {value} alone; compile it again for others"
        for name, value in program.metadata.get("specialized", {}).items()
        if not np.array_equal(arrays[name], np.array(value, arrays[name].dtype), equal_nan=arrays[name].dtype.kind == "f")
    ]


def pad(arrays: Mapping[str, np.ndarray], buckets: Buckets) -> tuple[dict[str, np.ndarray], int]:
    """The inputs filled up with zeros along the buckets' symbol, and its extent before. Raises `InputError` where the inputs
    disagree about the extent, or it exceeds the largest size."""
    extent = _extent(arrays, buckets)
    size = next((size for size in sorted(buckets.sizes) if size >= extent), None)
    if size is None:
        raise InputError(
            f"'{buckets.symbol}' is {extent} in the inputs, but the largest bucket is {max(buckets.sizes)} "
            f"(compiled: {', '.join(map(str, sorted(buckets.sizes)))}); shorten the input or compile with a larger --bucket"
        )
    padded = dict(arrays)
    for name, axes in buckets.inputs.items():
        amounts = [(0, size - extent if axis in axes else 0) for axis in range(arrays[name].ndim)]
        padded[name] = np.pad(arrays[name], amounts)
    return padded, extent


def _extent(arrays: Mapping[str, np.ndarray], buckets: Buckets) -> int:
    """How far the inputs extend along the symbol."""
    found: dict[int, list[str]] = {}
    for name, axes in buckets.inputs.items():
        for axis in axes:
            if axis >= arrays[name].ndim:
                raise InputError(f"input '{name}' has shape {list(arrays[name].shape)}; '{buckets.symbol}' is its axis {axis}")
            found.setdefault(arrays[name].shape[axis], []).append(name)
    if len(found) > 1:
        said = "; ".join(f"{extent} in {', '.join(names)}" for extent, names in found.items())
        raise InputError(f"the inputs disagree about '{buckets.symbol}': {said}")
    extent = next(iter(found))
    if extent < 1:
        raise InputError(f"'{buckets.symbol}' is 0 in the inputs; it must be at least 1")
    return extent


def _no_program(ports: Sequence[Port], arrays: Mapping[str, np.ndarray], programs: Mapping[str, Program]) -> str:
    given = ", ".join(f"{port.name} {list(arrays[port.name].shape)}" for port in ports)
    lines = [f"no program of the bundle takes {given}", "it was compiled for:"]
    lines += [f"  {key}: {_shapes(program.inputs)}" for key, program in programs.items()]
    return "\n".join([*lines, "compile the model with a further value of --bind for other shapes"])


def _shapes(ports: Iterable[Port]) -> str:
    return ", ".join(f"{port.name} {describe(port.dtype, port.shape)}" for port in ports)
