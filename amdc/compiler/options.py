"""What a user can ask of a compilation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amdc.errors import UsageError

Progress = Callable[[str, int, int, str], None]  # (stage, done, total, what it is working on)


def silent(stage: str, done: int, total: int, what: str) -> None:
    """The progress callback that says nothing."""


@dataclass(frozen=True)
class CompileOptions:
    """Kernels are chosen for `card` (None: the architecture's default one), but run on all cards; `tune_seconds`, at level 3, is
    how long the kernel search may take before. `shapes` binds whole inputs ({"x": (1, 3, 224, 224)}); an extent may be a symbol
    ({"x": ("N", 3, 224, 224)}). `bindings` binds symbols, the model's own and those of `shapes`: {"N": 1}, or {"N": (1, 8)} for a
    program each; several symbols give all combinations. `buckets` ({"S": (32, 64)}) are sizes to which a session pads its inputs
    with zeros along a symbol: right only for models that mask their padding by an input. `specialize_inputs` gives the values of
    inputs of an ONNX model that decide shapes or operators' parameters ({"shape": [2, 3]}); the session refuses others.
    `keep_source` puts the kernels' sources and line tables into the bundle; instructions stay the same. The pass manager's
    options (`print_before`, `print_after`, `dump`, `bisect_limit`) mean what the command line's flags of the same name mean."""

    arch: str = "gfx803"
    card: str | None = None
    opt_level: int = 2
    tune_seconds: float = 0
    shapes: Mapping[str, Sequence[int | str]] = field(default_factory=dict)
    bindings: Mapping[str, int | Sequence[int]] = field(default_factory=dict)
    buckets: Mapping[str, Sequence[int]] = field(default_factory=dict)
    example_inputs: Any = None
    dynamic_shapes: Mapping[str, Mapping[int, Any]] | None = None
    specialize_inputs: Mapping[str, Any] = field(default_factory=dict)
    jobs: int | None = None
    keep_source: bool = False
    print_before: tuple[str, ...] = ()
    print_after: tuple[str, ...] = ()
    dump: Path | None = None
    pass_times: bool = False
    bisect_limit: int | None = None
    progress: Progress = silent

    def __post_init__(self) -> None:
        if self.opt_level not in range(4):
            raise UsageError(f"optimisation level {self.opt_level} does not exist; choose 0, 1, 2 or 3")
        if self.tune_seconds < 0:
            raise UsageError(f"the kernel search cannot take {self.tune_seconds} seconds; give a positive number")
        if self.tune_seconds and self.opt_level < 3:
            raise UsageError(f"the kernel search belongs to -O3, not -O{self.opt_level}; add -O3, or leave out --tune-seconds")
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"jobs must be at least 1, not {self.jobs}")
