"""The neutral form of a peer's compiled model: a folder that its compiler's interpreter writes and amdc's replays.

    launches.json   producer, the launches in order with their arguments, the buffers, the model's inputs and outputs
    code.hsaco      the code objects, one file each
    weights.npz     the buffers that hold constants, by number: buffer_<n>, as bytes

The module imports nothing but numpy, so that either interpreter can use it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

Extents = tuple[int, int, int]
LAUNCHES, WEIGHTS = "launches.json", "weights.npz"


@dataclass(frozen=True)
class Argument:
    """One kernel argument: `offset` bytes into a buffer, or where `buffer` is None a scalar of type `dtype`."""

    buffer: int | None = None
    offset: int = 0
    value: float = 0
    dtype: str = ""


@dataclass(frozen=True)
class Launch:
    """One launch of `kernel` in code object `code`: `grid` in work-groups, `block` in work-items, `dynamic_lds` in bytes."""

    code: int
    kernel: str
    grid: Extents
    block: Extents
    arguments: tuple[Argument, ...]
    dynamic_lds: int = 0


@dataclass(frozen=True)
class Port:
    """An input or output of the model: where it lies and how it is read."""

    name: str
    buffer: int
    dtype: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Folder:
    """A compiled model. `buffers` are sizes in bytes; `weights` their contents where those are constants."""

    producer: str
    code: tuple[bytes, ...]
    launches: tuple[Launch, ...]
    buffers: tuple[int, ...]
    weights: Mapping[int, np.ndarray]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    compile_s: float

    def save(self, path: Path) -> None:
        """Write the folder, which is made where it is missing."""
        path.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(self.code):
            (path / f"code{number}.hsaco").write_bytes(data)
        arrays = {f"buffer_{number}": array.reshape(-1).view(np.uint8) for number, array in self.weights.items()}
        np.savez(path / WEIGHTS, **arrays)  # type: ignore[arg-type]  # its keywords are all arrays
        described = {
            "producer": self.producer,
            "compile_s": self.compile_s,
            "code": len(self.code),
            "buffers": list(self.buffers),
            "inputs": [asdict(port) for port in self.inputs],
            "outputs": [asdict(port) for port in self.outputs],
            "launches": [asdict(launch) for launch in self.launches],
        }
        (path / LAUNCHES).write_text(json.dumps(described, indent=1) + "\n")

    @classmethod
    def load(cls, path: Path) -> Folder:
        """Read what `save` wrote."""
        described = json.loads((path / LAUNCHES).read_text())
        with np.load(path / WEIGHTS) as arrays:
            weights = {int(name.removeprefix("buffer_")): arrays[name] for name in arrays.files}
        return cls(
            producer=described["producer"],
            code=tuple((path / f"code{number}.hsaco").read_bytes() for number in range(described["code"])),
            launches=tuple(_launch(entry) for entry in described["launches"]),
            buffers=tuple(described["buffers"]),
            weights=weights,
            inputs=_ports(described["inputs"]),
            outputs=_ports(described["outputs"]),
            compile_s=described["compile_s"],
        )


def _launch(entry: dict[str, Any]) -> Launch:
    arguments = tuple(Argument(**argument) for argument in entry["arguments"])
    return Launch(**entry | {"grid": tuple(entry["grid"]), "block": tuple(entry["block"]), "arguments": arguments})


def _ports(entries: Sequence[dict[str, Any]]) -> tuple[Port, ...]:
    return tuple(Port(**entry | {"shape": tuple(entry["shape"])}) for entry in entries)
