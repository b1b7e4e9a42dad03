"""Which candidates the kernel search times next, and when a problem needs no more of them.

A problem's candidates are taken in the order of their predicted costs. Costs err, by factors that a problem's candidates partly
share; so once some have been timed, one is left out whose cost would not beat the best time even if it were as exaggerated as the
most exaggerated cost seen. No candidate is left out by the clock alone: what a search finds does not hang on how busy the machine
is, as long as its time lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from amdc.tune.survey import Problem

FEW = 16  # candidates of a problem that are timed at most
FACTOR = 3.0  # and none whose predicted cost is more times that of the cheapest
TRUSTED = 6  # timings of a problem before candidates are left out for the costs' errors
MARGIN = 0.9  # how much further than in any timing so far a cost may be off


@dataclass
class Order:
    """`times` holds what is known already, microseconds by problem and candidate, and grows by `told`; None stands for a
    candidate that does not compile."""

    problems: dict[str, Problem]
    times: dict[str, dict[str, float | None]]
    few: int = FEW
    factor: float = FACTOR
    _ranked: dict[str, Sequence[str]] = field(init=False)

    def __post_init__(self) -> None:
        self._ranked = {key: self._first(problem) for key, problem in self.problems.items()}

    def left(self, key: str) -> list[str]:
        """The candidates of a problem that are still to be timed, in order."""
        known, costs = self.times[key], self.problems[key].costs
        limit = self._limit(key)
        return [name for name in self._ranked[key] if name not in known and costs[name] < limit]

    def following(self, jobs: int) -> list[dict[str, str]]:
        """What to time next, as choices to force (problem -> candidate): the next candidate of each problem, those that cost most
        first; further ones while that gives fewer than `jobs` works."""
        left = {key: names for key in self.problems if (names := self.left(key))}
        order = sorted(left, key=lambda key: -self.problems[key].costs[self.problems[key].default] * self.problems[key].uses)
        turns = min(max(1, jobs // max(len(order), 1)), max(map(len, left.values()), default=0))
        return [{key: left[key][turn] for key in order if turn < len(left[key])} for turn in range(turns)]

    def told(self, key: str, name: str, us: float | None) -> None:
        """Note a candidate's time."""
        self.times[key][name] = us

    def drop(self, key: str) -> None:
        """Time no more candidates of a problem, and say nothing of it."""
        del self.problems[key]

    @property
    def total(self) -> int:
        """How many candidates remain, as far as is known now."""
        return sum(len(self.left(key)) for key in self.problems)

    def _first(self, problem: Problem) -> list[str]:
        ranked = problem.ranked
        limit = self.factor * problem.costs[ranked[0]]
        return [name for name in ranked if problem.costs[name] <= limit][: self.few]

    def _limit(self, key: str) -> float:
        """The cost from which on a candidate cannot be the best."""
        costs = self.problems[key].costs
        known = {name: us for name, us in self.times[key].items() if us is not None}
        if self.factor == float("inf") or len(known) < TRUSTED:
            return float("inf")
        return min(known.values()) / (MARGIN * min(us / costs[name] for name, us in known.items()))
