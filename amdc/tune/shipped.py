"""The timings that come with amdc, one CSV file an architecture: for each problem the best candidate that the search found."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from amdc.errors import InternalError
from amdc.tune.records import Timing

FOLDER = Path(__file__).resolve().parent / "data"
FIELDS = ("problem", "card", "candidate", "us", "how", "templates", "version")


class Shipped:
    """The timings of one architecture, read at once; none where nothing was shipped for it."""

    def __init__(self, arch: str, folder: Path = FOLDER) -> None:
        self._found: dict[tuple[str, str], list[Timing]] = {}
        path = folder / f"{arch}.csv"
        if path.is_file():
            with path.open(newline="") as file:
                for timing in _read(file, arch, path):
                    self._found.setdefault((timing.problem, timing.card), []).append(timing)

    def timings(self, problem: str, arch: str, card: str) -> Sequence[Timing]:
        return self._found.get((problem, card), ())

    def all(self) -> Sequence[Timing]:
        """Every timing."""
        return [timing for timings in self._found.values() for timing in timings]

    def close(self) -> None:
        """Nothing to do: the file is closed already."""


def _read(file: Iterable[str], arch: str, path: Path) -> Iterable[Timing]:
    rows = csv.DictReader(file)
    if tuple(rows.fieldnames or ()) != FIELDS:
        raise InternalError(f"{path}: its columns are {rows.fieldnames}, expected {', '.join(FIELDS)}; make it again")
    for row in rows:
        yield Timing(
            row["problem"],
            arch,
            row["card"],
            row["candidate"],
            float(row["us"]),
            row["how"],
            tuple(row["templates"].split()),
            row["version"],
        )


def write(timings: Iterable[Timing], arch: str, folder: Path = FOLDER, kept: Iterable[Timing] = ()) -> Path:
    """Make the file of an architecture: of each problem and card the fastest timing, in the order of the problems; of problems
    that are not among them what is `kept`. A problem of which one candidate alone was timed tells nothing, and is left out."""
    found: dict[tuple[str, str], list[Timing]] = {}
    for timing in timings:
        if timing.arch == arch:
            found.setdefault((timing.problem, timing.card), []).append(timing)
    best = {key: min(known, key=lambda t: (t.us, t.candidate)) for key, known in found.items() if len(known) > 1}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{arch}.csv"
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(FIELDS)
        for _, t in sorted(({(t.problem, t.card): t for t in kept} | best).items()):
            rows.writerow((t.problem, t.card, t.candidate, f"{t.us:.1f}", t.how, " ".join(t.templates), t.version))
    return path
