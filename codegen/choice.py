"""Several ways to lay out one operator, and which one a lowering takes.

A lowering function offers candidates: `builder.choose("gemm m=128 n=768 k=768 ...", candidates).build()`. What is forced (by the
kernel search or a test) comes first, then the tuning database, then the least cost; below -O2 it is the first candidate.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from amdc.errors import InternalError

LEVEL = 2  # the optimisation level from which cost and database decide


@dataclass(frozen=True)
class Candidate:
    """One way to compute a problem. `name` is stable and unique among the problem's candidates ("128x128x8"): the database holds
    it. `cost` gives predicted microseconds, launches included, and is called only when needed; `build` lays out the launches."""

    name: str
    cost: Callable[[], float]
    build: Callable[[], None]


@dataclass(frozen=True)
class Choice:
    """What a lowering chose for `problem` (a key of the operator, its sizes and types, without names of nodes) among
    `candidates`. `launches`: the indices of the Program's launches that the chosen candidate laid out."""

    problem: str
    candidates: tuple[Candidate, ...]
    chosen: str
    launches: range


Lookup = Callable[[str, Sequence[str]], str | None]  # (problem, candidates' names): the tuning database's, None where it has none


@dataclass(frozen=True)
class Choices:
    """How to choose. `forced` maps problems to candidates' names; `lookup` asks the tuning database; `record` is told of each
    choice after its launches are laid out."""

    forced: Mapping[str, str] = field(default_factory=dict)
    lookup: Lookup | None = None
    record: Callable[[Choice], None] | None = None

    def choose(self, problem: str, candidates: Sequence[Candidate], opt_level: int, launches: Callable[[], int]) -> Candidate:
        """The candidate to build; `launches` counts the Program's launches so far. Raises `InternalError` where there is no
        candidate, two share a name, or the forced one is not among them."""
        chosen = self._pick(problem, candidates, opt_level)
        return (
            chosen if self.record is None else replace(chosen, build=lambda: self._build(problem, candidates, chosen, launches))
        )

    def _pick(self, problem: str, candidates: Sequence[Candidate], opt_level: int) -> Candidate:
        by_name = {candidate.name: candidate for candidate in candidates}
        if len(by_name) != len(candidates) or not candidates:
            raise InternalError(f"the candidates of '{problem}' need names of their own: {[c.name for c in candidates]}")
        if problem in self.forced:
            if self.forced[problem] not in by_name:
                raise InternalError(f"'{problem}' has no candidate '{self.forced[problem]}'; it has: {', '.join(by_name)}")
            return by_name[self.forced[problem]]
        if opt_level < LEVEL or len(candidates) == 1:
            return candidates[0]
        known = self.lookup(problem, list(by_name)) if self.lookup else None
        return by_name[known] if known in by_name else min(candidates, key=lambda candidate: candidate.cost())

    def _build(self, problem: str, candidates: Sequence[Candidate], chosen: Candidate, launches: Callable[[], int]) -> None:
        first = launches()
        chosen.build()
        assert self.record is not None
        self.record(Choice(problem, tuple(candidates), chosen.name, range(first, launches())))
