"""Which candidate the databases name for a problem."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from amdc.target import Target
from amdc.tune.database import Database, default_path
from amdc.tune.records import CARD, Source, Timing
from amdc.tune.shipped import Shipped
from amdc.tune.version import of_kernels, version


@dataclass
class Lookup:
    """Asks `sources` in turn; the first that holds a timing of today's code decides. `used` are the problems that one decided,
    `stale` those of which there were only timings of other code."""

    sources: Sequence[Source]
    hardware: Target
    used: set[str] = field(default_factory=set)
    stale: set[str] = field(default_factory=set)

    def __call__(self, problem: str, candidates: Sequence[str]) -> str | None:
        """The candidate to take; None where nothing is known of the problem."""
        arch, card = self.hardware.arch, self.hardware.card().name
        found = [timing for source in self.sources for timing in self._best(source, problem, arch, card, candidates)]
        if found:
            self.used.add(problem)
            return found[0].candidate
        if any(source.timings(problem, arch, card) for source in self.sources):
            self.stale.add(problem)
        return None

    def close(self) -> None:
        """Close the databases."""
        for source in self.sources:
            source.close()

    @staticmethod
    def _best(source: Source, problem: str, arch: str, card: str, candidates: Sequence[str]) -> Sequence[Timing]:
        """The source's fastest timing of today's code, if any; what a card measured goes before predictions."""
        current = [timing for timing in source.timings(problem, arch, card) if is_current(timing, candidates)]
        return sorted(current, key=lambda timing: (timing.how != CARD, timing.us))[:1]


def is_current(timing: Timing, candidates: Sequence[str]) -> bool:
    """Whether a timing is of today's kernels and of a choice among these candidates."""
    return timing.candidate in candidates and of_kernels(timing.version) == version(candidates, timing.templates)


def standard_lookup(hardware: Target, create: bool = False) -> Lookup:
    """The user's database, if there is one or it is to be made, and then what comes with amdc. Raises `UsageError` for a damaged
    database."""
    shipped = Shipped(hardware.arch)
    if create or default_path().is_file():
        return Lookup([Database(default_path()), shipped], hardware)
    return Lookup([shipped], hardware)
