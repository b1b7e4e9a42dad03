"""Outcomes in files: to go on with a run that was stopped, and to keep a run's figures with what they were measured with."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
import shlex
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amdc.errors import UsageError
from amdc.onnx_backend.outcome import Outcome
from amdc.onnx_backend.report import group_counts

PACKAGES = ("amdc", "onnx", "torch", "numpy")


def write_outcomes(path: Path, outcomes: Iterable[Outcome]) -> None:
    ordered = sorted(outcomes, key=lambda outcome: outcome.name)
    path.write_text(json.dumps([asdict(outcome) for outcome in ordered], indent=1) + "\n")


def read_passed(path: Path) -> dict[str, Outcome]:
    """The outcomes of a file that passed, by name; nothing where there is no such file. Raises UsageError."""
    if not path.is_file():
        return {}
    try:
        outcomes = [Outcome(**entry) for entry in json.loads(path.read_text())]
    except (ValueError, TypeError) as problem:
        raise UsageError(f"{path} does not hold the outcomes of a run: {problem}") from None
    return {outcome.name: outcome for outcome in outcomes if outcome.passed}


def record(path: Path, device: str, outcomes: Iterable[Outcome], failures_listed: int, seconds: float, kept: int) -> None:
    """Put a device's figures into a file that holds both devices'. `kept` outcomes come from earlier runs (`--resume`)."""
    figures: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    figures[device] = {
        "date": datetime.date.today().isoformat(),
        "command": shlex.join(["python", "-m", "amdc.onnx_backend", *sys.argv[1:]]),
        "passed": {group: {"passed": passed, "of": total} for group, (passed, total) in group_counts(outcomes).items()},
        "expected_failures": failures_listed,
        "seconds": round(seconds),
        "outcomes_from_earlier_runs": kept,
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
    }
    path.write_text(json.dumps(figures, indent=2) + "\n")


def _version(package: str) -> str:
    """The installed version, or for a bare checkout the package's own."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        import amdc

        return amdc.__version__ if package == "amdc" else "unknown"
