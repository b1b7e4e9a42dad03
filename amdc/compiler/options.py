"""What a user can ask of a compilation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from amdc.errors import UsageError

Progress = Callable[[str, int, int, str], None]  # (stage, done, total, what it is working on)


def silent(stage: str, done: int, total: int, what: str) -> None:
    """The progress callback that says nothing."""


@dataclass(frozen=True)
class CompileOptions:
    """`shapes` binds whole inputs ({"x": (1, 3, 224, 224)}), `bindings` single symbols ({"N": 1}). The pass manager's options
    (`print_before`, `print_after`, `dump`, `bisect_limit`) mean what the command line's flags of the same name mean."""

    arch: str = "gfx803"
    opt_level: int = 2
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    bindings: Mapping[str, int] = field(default_factory=dict)
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
        if self.jobs is not None and self.jobs < 1:
            raise UsageError(f"jobs must be at least 1, not {self.jobs}")
