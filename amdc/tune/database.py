"""The user's tuning database: an SQLite file with a row for each candidate that was timed."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from amdc.cache import cache_root
from amdc.errors import UsageError
from amdc.tune.records import Timing

SCHEMA = 1  # of the table; stands in the file's user_version
PATIENCE = 30  # seconds to wait for another process that writes
TABLE = """
CREATE TABLE timings (
    problem TEXT, arch TEXT, card TEXT, candidate TEXT, us REAL, how TEXT, templates TEXT, version TEXT,
    PRIMARY KEY (problem, arch, card, candidate, how)
) WITHOUT ROWID
"""
COLUMNS = "problem, arch, card, candidate, us, how, templates, version"


def default_path() -> Path:
    """Where the user's database lies: beside the caches."""
    return cache_root() / "tuning.sqlite"


class Database:
    """One open file. Each timing is on disk when `add` returns. Raises `UsageError` where the file is none of ours."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
            self._prepare()
        except (sqlite3.DatabaseError, OSError) as error:
            raise UsageError(f"cannot use the tuning database {path}: {error}; delete it, or name another one") from None

    def _prepare(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        (schema,) = self._connection.execute("PRAGMA user_version").fetchone()
        if schema == 0:
            self._connection.execute(TABLE)
            self._connection.execute(f"PRAGMA user_version = {SCHEMA}")
        self._connection.execute("COMMIT")
        if schema not in (0, SCHEMA):
            raise sqlite3.DatabaseError(f"it has schema {schema}, this version of amdc reads {SCHEMA}")

    def add(self, timing: Timing) -> None:
        """Keep a timing; one of the same candidate on the same card, obtained in the same way, is replaced."""
        values = (timing.problem, timing.arch, timing.card, timing.candidate, timing.us, timing.how)
        more = (" ".join(timing.templates), timing.version)
        self._connection.execute(f"INSERT OR REPLACE INTO timings ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values + more)

    def remove(self, timing: Timing) -> None:
        """Forget a timing."""
        key = (timing.problem, timing.arch, timing.card, timing.candidate, timing.how)
        where = "problem = ? AND arch = ? AND card = ? AND candidate = ? AND how = ?"
        self._connection.execute(f"DELETE FROM timings WHERE {where}", key)

    def timings(self, problem: str, arch: str, card: str) -> Sequence[Timing]:
        """All timings of a problem, the fastest first."""
        where = "WHERE problem = ? AND arch = ? AND card = ? ORDER BY us, candidate"
        return [_timing(row) for row in self._connection.execute(f"SELECT {COLUMNS} FROM timings {where}", (problem, arch, card))]

    def all(self) -> Sequence[Timing]:
        """Every timing, in the order of the keys."""
        order = "ORDER BY problem, arch, card, us, candidate"
        return [_timing(row) for row in self._connection.execute(f"SELECT {COLUMNS} FROM timings {order}")]

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _timing(row: tuple[str, str, str, str, float, str, str, str]) -> Timing:
    problem, arch, card, candidate, us, how, templates, version = row
    return Timing(problem, arch, card, candidate, us, how, tuple(templates.split()), version)
