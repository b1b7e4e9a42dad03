"""What the kernel search finds out: one row for each candidate of a problem that was timed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

CARD, MODEL = "hip", "sim"  # how a time was obtained: events on a real card, or the simulator's timing layer


@dataclass(frozen=True)
class Timing:
    """One candidate's time for a problem on a card: `us` microseconds, launches included. `how`: "hip" (events on a real card) or
    "sim" (predicted by the timing layer). `templates`: the kernel templates that it launches; `version`: see `amdc.tune.version`.
    """

    problem: str
    arch: str
    card: str
    candidate: str
    us: float
    how: str
    templates: tuple[str, ...]
    version: str


class Source(Protocol):
    """Something that holds timings."""

    def timings(self, problem: str, arch: str, card: str) -> Sequence[Timing]:
        """All timings of a problem, of whatever version."""

    def close(self) -> None: ...
