"""The kernel search: of each problem's candidates, ranked by predicted cost, the best few are compiled and timed.

It goes in rounds: the cheapest candidate of every problem, then the second of every problem, and so on, so that a search that is
stopped has looked at all problems alike. Every timing is in the database at once; what stands there is not timed again. The best
candidate of a problem may bring problems of its own (a convolution by products): those are searched after it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from amdc.codegen.toolchain import find_toolchain
from amdc.errors import InternalError
from amdc.target import Target
from amdc.tune.database import Database
from amdc.tune.lookup import is_current
from amdc.tune.order import FACTOR, FEW, Order
from amdc.tune.records import Timing
from amdc.tune.survey import Problem, Work, forced_work, survey
from amdc.tune.timers import Timer
from amdc.tune.version import stamp

if TYPE_CHECKING:
    from amdc.ir.graph import Graph

DEPTH = 3  # of problems within candidates

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
    """`expired` says when to start no further candidate; `few` and `factor` bound the candidates timed (see `Order`; an
    infinite factor stands for all of the first `few`)."""

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
        """Tune the problems of an optimised graph. Raises what lowering and timing raise; what was timed before that stays in the
        database."""
        found, failed = dict[str, Problem](), dict[str, tuple[str, ...]]()
        for _ in range(DEPTH):
            met = survey(graph, self.hardware, self.opt_level, self._best)
            order = self._order({key: problem for key, problem in met.items() if key not in found})
            self._run(graph, order)
            found |= order.problems
            failed |= {key: tuple(name for name, us in order.times[key].items() if us is None) for key in order.problems}
            if not order.problems or self.expired():
                break
        return [replace(self._result(problem), failed=failed[key]) for key, problem in found.items()]

    def plan(self, graph: Graph) -> Order:
        """What `run` would time now, as far as is known before."""
        return self._order(survey(graph, self.hardware, self.opt_level, self._best))

    def _order(self, problems: dict[str, Problem]) -> Order:
        """What is to be timed of these problems. Timings of other kernels, of a choice among others, or by another model are
        removed."""
        for problem in problems.values():
            for timing in self.database.timings(problem.key, self.hardware.arch, self.hardware.card().name):
                if timing.version != stamp(problem.costs, timing.templates, timing.how):
                    self.database.remove(timing)
        return Order(problems, {key: self._times(key) for key in problems}, self.few, self.factor)

    def _run(self, graph: Graph, order: Order) -> None:
        """Time the candidates of an order."""
        done, jobs = 0, self.jobs or len(os.sched_getaffinity(0))
        while (following := order.following(jobs)) and not self.expired():
            works = [work for forced in following for work in self._works(graph, forced, order)]
            for work, us in self._timed(works, jobs):
                order.told(work.problem, work.candidate, us)
                done += 1
                took = "does not compile" if us is None else f"{us:9.1f} us"
                self.progress("tune", done, done + order.total, f"{took}  {work.candidate}  {work.problem}")
                if us is not None:
                    self._keep(work, us)

    def _works(self, graph: Graph, forced: Mapping[str, str], order: Order) -> list[Work]:
        """These choices' works. A problem that stood within a candidate that is displaced now leaves the order: if the best
        candidates bring it back, the next survey finds it."""
        works = forced_work(graph, self.hardware, self.opt_level, forced, self._best)
        for key in set(forced) - {work.problem for work in works}:
            order.drop(key)
        return works

    def _known(self, key: str) -> list[Timing]:
        """The timings that were obtained in the way of this search, the fastest first."""
        found = self.database.timings(key, self.hardware.arch, self.hardware.card().name)
        return [timing for timing in found if timing.how == self.timer.how]

    def _times(self, key: str) -> dict[str, float | None]:
        return {timing.candidate: timing.us for timing in self._known(key)}

    def _best(self, key: str, candidates: Sequence[str]) -> str | None:
        """The fastest candidate known by now."""
        return next((timing.candidate for timing in self._known(key) if is_current(timing, candidates)), None)

    def _timed(self, works: Sequence[Work], jobs: int) -> Iterator[tuple[Work, float | None]]:
        """Each work with its time, as they are done (None: it does not compile); none is started once the time is over."""
        if not self.timer.parallel:  # in this thread: HIP's current device is one a thread
            for work in works:
                if not self.expired():
                    yield work, self._time(work)
            return
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
        made = stamp(work.candidates, work.templates, self.timer.how)
        self.database.add(Timing(work.problem, arch, card, work.candidate, us, self.timer.how, work.templates, made))

    def _result(self, problem: Problem) -> Result:
        known = self._known(problem.key)
        times = {timing.candidate: timing.us for timing in known}
        if not known:
            return Result(problem, None, None, None, 0)
        return Result(problem, known[0].candidate, known[0].us, times.get(problem.default), len(known))
