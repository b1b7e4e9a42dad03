"""The user's database, what is shipped, and which of their timings count."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from amdc.errors import InternalError, UsageError
from amdc.target import target
from amdc.tune import Database, Lookup, Timing
from amdc.tune.shipped import Shipped, write
from amdc.tune.version import bare, of_kernels, stamp, undocumented, version

NAMES = ("a", "b")
CURRENT = version(NAMES, ("gemm",))
A = Timing("p", "gfx803", "RX 580", "a", 20.0, "sim", ("gemm",), CURRENT)
B = replace(A, candidate="b", us=30.0)
GFX803 = target("gfx803")


def test_rows_are_kept_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "t.sqlite"
    with Database(path) as database:
        for timing in (B, A, replace(B, us=10.0), replace(A, problem="q"), replace(A, card="R9 Nano")):
            database.add(timing)
    with Database(path) as database:
        assert database.timings("p", "gfx803", "RX 580") == [replace(B, us=10.0), A]
        assert len(database.all()) == 4


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    path.write_text("no database, but long enough to be looked at " * 20)
    with pytest.raises(UsageError, match="delete it, or name another"):
        Database(path)


def test_another_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.sqlite"
    sqlite3.connect(path).execute("PRAGMA user_version = 7")
    with pytest.raises(UsageError, match="schema 7"):
        Database(path)


def test_shipped_holds_the_best(tmp_path: Path) -> None:
    assert Shipped("gfx803", tmp_path).timings("p", "gfx803", "RX 580") == ()
    write([B, A, replace(B, card="R9 Nano", us=1.5), replace(A, card="R9 Nano"), replace(A, problem="q")], "gfx803", tmp_path)
    shipped = Shipped("gfx803", tmp_path)
    assert shipped.timings("p", "gfx803", "RX 580") == [A]
    assert shipped.timings("p", "gfx803", "R9 Nano") == [replace(B, card="R9 Nano", us=1.5)]
    assert shipped.timings("q", "gfx803", "RX 580") == ()  # nothing to choose from was timed


def test_kept_timings_are_written_where_there_are_no_others(tmp_path: Path) -> None:
    write([A, B], "gfx803", tmp_path, kept=[replace(B, us=1.0), replace(A, problem="q")])
    assert Shipped("gfx803", tmp_path).all() == [A, replace(A, problem="q")]


def test_damaged_shipped_file_is_a_bug(tmp_path: Path) -> None:
    (tmp_path / "gfx803.csv").write_text("problem,us\np,1\n")
    with pytest.raises(InternalError, match="columns"):
        Shipped("gfx803", tmp_path)


def test_what_ships_can_be_read() -> None:
    Shipped("gfx803")


def _lookup(tmp_path: Path, *sources: list[Timing]) -> Lookup:
    opened = [Database(tmp_path / f"{number}.sqlite") for number in range(len(sources))]
    for database, timings in zip(opened, sources, strict=True):
        for timing in timings:
            database.add(timing)
    return Lookup(opened, GFX803)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([A, B], [], "a"),
        ([], [B], "b"),
        ([B], [A], "b"),  # the user's own goes first
        ([replace(A, version="older"), B], [], "b"),
        ([replace(A, candidate="gone", us=1.0)], [B], "b"),
        ([replace(B, how="hip"), A], [], "b"),  # measured goes before predicted
    ],
)
def test_which_timing_decides(tmp_path: Path, first: list[Timing], second: list[Timing], expected: str) -> None:
    lookup = _lookup(tmp_path, first, second)
    assert lookup("p", NAMES) == expected
    assert (lookup.used, lookup.stale) == ({"p"}, set())


@pytest.mark.parametrize("names", [NAMES, (*NAMES, "c")], ids=["older code", "another choice"])
def test_stale_timings_are_ignored_and_said(tmp_path: Path, names: tuple[str, ...]) -> None:
    lookup = _lookup(tmp_path, [replace(A, version="older") if names == NAMES else A])
    assert lookup("p", names) is None
    assert lookup("another problem", names) is None
    assert (lookup.used, lookup.stale) == (set(), {"p"})


def test_version_follows_kernels_and_candidates() -> None:
    assert version(("b", "a"), ("gemm",)) == CURRENT
    assert len({CURRENT, version(NAMES, ("gemv",)), version(("a",), ("gemm",)), version(NAMES, ("gemm", "gemv"))}) == 4
    assert version(NAMES, ("no such template",)) == ""


def test_predictions_are_stamped_with_their_model() -> None:
    assert stamp(NAMES, ("gemm",), "hip") == CURRENT
    predicted = stamp(NAMES, ("gemm",), "sim")
    assert predicted != CURRENT
    assert of_kernels(predicted) == CURRENT


def test_a_prediction_of_an_older_model_still_decides(tmp_path: Path) -> None:
    assert _lookup(tmp_path, [replace(A, version=f"{CURRENT}-older")])("p", NAMES) == "a"


def test_documentation_is_no_part_of_a_model() -> None:
    assert undocumented('"""a"""\nx = 1  # b') == undocumented("x  =  1")
    assert undocumented("x = 1") != undocumented("x = 2")


def test_comments_are_no_part_of_a_version() -> None:
    assert bare("/* head\n * of it */\nint  x; // why\n  int y;") == bare("int x; int y;")
    assert bare("int x;") != bare("int y;")
