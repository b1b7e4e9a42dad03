"""The lists of expected failures: which cases fail on which device, and why. They may only shrink: a listed case that passes, or
that no longer exists, is an error as much as a case that fails outside the list."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from amdc.errors import UsageError
from amdc.onnx_backend.outcome import Outcome

FOLDER = Path(__file__).parent


def expected_failures(path: Path) -> dict[str, str]:
    """Case -> why it fails. The file is TOML: `[[failures]]` with `why` and `cases`. Raises UsageError."""
    try:
        groups = tomllib.loads(path.read_text())["failures"]
        found = [(case, group["why"]) for group in groups for case in group["cases"]]
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as problem:
        raise UsageError(f"{path} is no list of expected failures: {problem}") from None
    if repeated := sorted({case for case, _ in found if [name for name, _ in found].count(case) > 1}):
        raise UsageError(f"{path} lists more than once: {', '.join(repeated)}")
    return dict(found)


@dataclass(frozen=True)
class Verdict:
    """What the list did not foresee."""

    new_failures: tuple[Outcome, ...]
    stale: tuple[str, ...]  # listed, but passed
    unknown: tuple[str, ...]  # listed, but no such case

    @property
    def holds(self) -> bool:
        return not (self.new_failures or self.stale or self.unknown)


def judge(outcomes: Iterable[Outcome], listed: dict[str, str], known: set[str] | None = None) -> Verdict:
    """Hold a run against the list. `known` are all names there are, where the whole suite was loaded."""
    by_name = {outcome.name: outcome for outcome in outcomes}
    return Verdict(
        new_failures=tuple(o for o in by_name.values() if not o.passed and o.name not in listed),
        stale=tuple(name for name in listed if name in by_name and by_name[name].passed),
        unknown=() if known is None else tuple(name for name in listed if name not in known),
    )
