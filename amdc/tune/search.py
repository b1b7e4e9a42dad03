"""The kernel search: of each problem's candidates, ranked by predicted cost, the best few are compiled and timed.

It goes in rounds: the cheapest candidate of every problem, then the second of every problem, and so on, so that a search that is
stopped has looked at all problems alike. Every timing is in the database at once; what stands there is not timed again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from amdc.codegen.toolchain import find_toolchain
from amdc.errors import InternalError
from amdc.target import Target
from amdc.tune.database import Database
from amdc.tune.lookup import is_current
from amdc.tune.records import Timing
from amdc.tune.survey import Problem, Work, forced_work, survey
from amdc.tune.timers import Timer
from amdc.tune.version import version

if TYPE_CHECKING:
    from amdc.ir.graph import Graph

FEW = 12  # candidates of a problem that are timed
FACTOR = 3.0  # and none whose predicted cost is more times that of the cheapest

Progress = Callable[[str, int, int, str], None]


def never() -> bool:
    """The limit of a search without one."""
    return False


def after(seconds: float) -> Callable[[], bool]:
    """Whether so many seconds have passed since this call."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() >= end


@dataclass(frozen=True)
class Result:
    """A problem's outcome. `us` and `default_us` are times of the best candidate and of what an untuned lowering takes; None
    where no candidate, or not that one, has been timed. `failed`: candidates that do not compile, which is a bug of amdc."""

    problem: Problem
    candidate: str | None
    us: float | None
    default_us: float | None
    timed: int
    failed: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """For `json.dumps`."""
        problem = self.problem
        return {
            "problem": problem.key,
            "uses": problem.uses,
            "candidate": self.candidate,
            "us": self.us,
            "default": problem.default,
            "default_us": self.default_us,
            "candidates": len(problem.costs),
            "timed": self.timed,
            "failed": self.failed,
        }


@dataclass(frozen=True)
class Search:
    """`expired` says when to start no further candidate; `few` and `factor` bound the candidates timed."""

    hardware: Target
    timer: Timer
    database: Database
    opt_level: int = 2
    jobs: int | None = None
    expired: Callable[[], bool] = never
    few: int = FEW
    factor: float = FACTOR
    progress: Progress = field(default=lambda stage, done, total, what: None)

    def run(self, graph: Graph) -> list[Result]:
        """Tune the problems of an optimised graph; those that matter most come first. Raises what lowering and timing raise; what
        was timed before that stays in the database."""
        problems, failed = survey(graph, self.hardware, self.opt_level), dict[str, list[str]]()
        for problem in problems.values():
            self._forget_stale(problem)
        pending = {key: names for key, problem in problems.items() if (names := self._untimed(problem))}
        done, total = 0, sum(map(len, pending.values()))
        while pending and not self.expired():
            order = sorted(pending, key=lambda key: -problems[key].costs[problems[key].default] * problems[key].uses)
            forced = {key: pending[key].pop(0) for key in order}
            for work, us in self._timed(forced_work(graph, self.hardware, self.opt_level, forced)):
                done += 1
                took = "does not compile" if us is None else f"{us:9.1f} us"
                self.progress("tune", done, total, f"{took}  {work.candidate}  {work.problem}")
                if us is None:
                    failed.setdefault(work.problem, []).append(work.candidate)
                else:
                    self._keep(work, us)
            pending = {key: names for key, names in pending.items() if names}
        return [replace(self._result(problem), failed=tuple(failed.get(key, ()))) for key, problem in problems.items()]

    def _forget_stale(self, problem: Problem) -> None:
        """Remove the timings of other kernels, or of a choice among other candidates."""
        for timing in self.database.timings(problem.key, self.hardware.arch, self.hardware.card().name):
            if not is_current(timing, list(problem.costs)):
                self.database.remove(timing)

    def _few(self, problem: Problem) -> list[str]:
        ranked = problem.ranked
        limit = self.factor * problem.costs[ranked[0]]
        return [name for name in ranked if problem.costs[name] <= limit][: self.few]

    def _known(self, problem: Problem) -> list[Timing]:
        """The timings that were obtained in the way of this search, the fastest first."""
        found = self.database.timings(problem.key, self.hardware.arch, self.hardware.card().name)
        return [timing for timing in found if timing.how == self.timer.how]

    def _untimed(self, problem: Problem) -> list[str]:
        known = {timing.candidate for timing in self._known(problem)}
        return [name for name in self._few(problem) if name not in known]

    def _timed(self, works: Sequence[Work]) -> Iterator[tuple[Work, float | None]]:
        """Each work with its time, as they are done (None: it does not compile); none is started once the time is over."""
        if not self.timer.parallel:  # in this thread: HIP's current device is one a thread
            for work in works:
                if not self.expired():
                    yield work, self._time(work)
            return
        jobs = self.jobs or len(os.sched_getaffinity(0))
        waiting, running = list(reversed(works)), dict[Future[float | None], Work]()
        with ThreadPoolExecutor(jobs) as pool:
            while waiting or running:
                while waiting and len(running) < jobs and not self.expired():
                    work = waiting.pop()
                    running[pool.submit(self._time, work)] = work
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()

    def _time(self, work: Work) -> float | None:
        toolchain, arch = find_toolchain(), self.hardware.arch
        try:
            code = {key: toolchain.compile_one(source, arch) for key, source in work.sources.items()}
        except InternalError:  # clang 19 crashes on some kernels; the toolchain has kept the source for a report
            return None
        return self.timer.time(work, code)

    def _keep(self, work: Work, us: float) -> None:
        arch, card = self.hardware.arch, self.hardware.card().name
        made = version(work.candidates, work.templates)
        self.database.add(Timing(work.problem, arch, card, work.candidate, us, self.timer.how, work.templates, made))

    def _result(self, problem: Problem) -> Result:
        known = self._known(problem)
        times = {timing.candidate: timing.us for timing in known}
        if not known:
            return Result(problem, None, None, None, 0)
        return Result(problem, known[0].candidate, known[0].us, times.get(problem.default), len(known))
