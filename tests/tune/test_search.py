"""The search finds the fastest candidate, whatever their costs say; it can be stopped, and goes on where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from amdc.codegen.choice import Choices
from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.lowering import LoweringOptions, lower
from amdc.codegen.toolchain_compile import Toolchain
from amdc.errors import InternalError
from amdc.target import target
from amdc.tune import Database, Lookup, ModelTimer, Search, after
from amdc.tune.survey import forced_work
from amdc.tune.version import of_kernels
from tests.tune.stand_in import CountingTimer, graph, offer_candidates

GFX803 = target("gfx803")


@pytest.fixture(autouse=True)
def _candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    offer_candidates(monkeypatch)


def test_finds_the_fastest(tmp_path: Path) -> None:
    timer = CountingTimer()
    with Database(tmp_path / "t.sqlite") as database:
        results = Search(GFX803, timer, database, jobs=1).run(graph())
        found = {r.problem.key: (r.candidate, r.us, r.default_us, r.problem.uses, r.timed) for r in results}
        assert found == {"relu n=64": ("once", 100.0, 300.0, 2, 3), "relu n=128": ("once", 100.0, 300.0, 1, 3)}
        assert ("relu n=64", "hopeless") not in timer.timed  # its cost is too many times the least
        assert timer.timed[:2] == [("relu n=64", "thrice"), ("relu n=128", "thrice")]  # in rounds, what matters most first
        lookup = Lookup([database], GFX803)
        lowered = lower(graph(), GFX803, LoweringOptions(2, Choices(lookup=lookup)))
        assert len(lookup.used) == 2
        untuned = lower(graph(), GFX803, LoweringOptions(2))
    assert len(untuned.program.launches) - len(lowered.program.launches) == 6


def test_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first, second, third = CountingTimer(patience=2), CountingTimer(), CountingTimer()
    with Database(tmp_path / "t.sqlite") as database:
        with pytest.raises(KeyboardInterrupt):
            Search(GFX803, first, database, jobs=1).run(graph())
        Search(GFX803, second, database, jobs=2).run(graph())
        Search(GFX803, third, database).run(graph())
    assert len(first.timed) == 2
    assert len(second.timed) == 4
    assert not set(first.timed) & set(second.timed)
    assert third.timed == []


def test_a_candidate_that_does_not_compile_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compile_one = Toolchain.compile_one

    def crash(self: Toolchain, source: KernelSource, arch: str) -> bytes:
        if "broken" in source.symbol:
            raise InternalError("clang crashed")
        return compile_one(self, source, arch)

    monkeypatch.setattr(Toolchain, "compile_one", crash)
    works = forced_work(graph(), GFX803, 2, {"relu n=64": "thrice", "relu n=128": "thrice"})
    broken = replace(works[0], sources={key: replace(s, symbol="broken") for key, s in works[0].sources.items()})
    monkeypatch.setattr("amdc.tune.search.forced_work", lambda *_: [broken, works[1]])
    with Database(tmp_path / "t.sqlite") as database:
        first, second = Search(GFX803, CountingTimer(), database, few=1).run(graph())
    assert (first.failed, first.candidate) == (("thrice",), None)
    assert (second.failed, second.candidate) == ((), "thrice")


@pytest.mark.parametrize("version", ["older", "{}-older model"])
def test_timings_of_other_code_are_removed(tmp_path: Path, version: str) -> None:
    timer = CountingTimer()
    with Database(tmp_path / "t.sqlite") as database:
        search = Search(GFX803, timer, database, few=1)
        search.run(graph())
        for timing in database.all():
            older = version.format(of_kernels(timing.version))
            database.add(replace(timing, version=older, candidate="gone"))
            database.add(replace(timing, version=older))
        assert len(database.all()) == 4
        search.run(graph())
        assert [timing.candidate for timing in database.all()] == ["thrice", "thrice"]
    assert len(timer.timed) == 4


def test_no_time_no_timings(tmp_path: Path) -> None:
    timer = CountingTimer()
    with Database(tmp_path / "t.sqlite") as database:
        results = Search(GFX803, timer, database, expired=after(0)).run(graph())
    assert timer.timed == []
    assert all(result.candidate is None for result in results)


def test_few_limits_the_candidates(tmp_path: Path) -> None:
    timer = CountingTimer()
    with Database(tmp_path / "t.sqlite") as database:
        Search(GFX803, timer, database, few=1).run(graph())
    assert {candidate for _, candidate in timer.timed} == {"thrice"}


def test_problems_of_the_best_candidate_are_searched_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ "once" asks for a choice of its own, which no candidate of least cost does."""
    monkeypatch.setattr("tests.tune.stand_in.INNER", ("twice", "once"))
    with Database(tmp_path / "t.sqlite") as database:
        results = Search(GFX803, CountingTimer(), database, jobs=4).run(graph())
    found = {result.problem.key: (result.candidate, result.us, result.timed) for result in results}
    assert found["inner n=64"] == ("once", 100.0, 2)
    assert found["relu n=64"][0] == "once"
    assert len(found) == 4


def test_buffers_lie_in_the_order_of_the_program() -> None:
    """Where they lie decides a predicted time, which must not differ between two processes, as the order of a set does."""
    forced = {"relu n=64": "thrice"}
    order = list(lower(graph(), GFX803, LoweringOptions(2, Choices(forced))).program.buffers)
    for work in forced_work(graph(), GFX803, 2, forced):
        assert list(work.buffers) == [name for name in order if name in work.buffers]
        assert len(work.buffers) > 1


def test_by_the_timing_layer(tmp_path: Path) -> None:
    """Predicted times grow with the launches, by 26 us each at least."""
    seen: list[str] = []
    with Database(tmp_path / "t.sqlite") as database:
        search = Search(GFX803, ModelTimer(GFX803), database, progress=lambda stage, done, total, what: seen.append(stage))
        results = search.run(graph())
    assert [result.candidate for result in results] == ["once", "once"]
    assert all(result.us and result.default_us and result.default_us - result.us >= 2 * GFX803.launch_us for result in results)
    assert seen == ["tune"] * 6
