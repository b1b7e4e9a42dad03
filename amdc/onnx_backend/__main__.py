"""`python -m amdc.onnx_backend`: runs the ONNX backend suite on a device and holds the result against the list of failures."""

from __future__ import annotations

import os
import re
import sys
import time
from pathlib import Path

import click

from amdc.errors import AmdcError
from amdc.onnx_backend.cases import GROUPS, Case, load_cases
from amdc.onnx_backend.expected import FOLDER, expected_failures, judge
from amdc.onnx_backend.outcome import Outcome
from amdc.onnx_backend.pool import run_cases
from amdc.onnx_backend.record import read_passed, record, write_outcomes
from amdc.onnx_backend.report import failure_table, summary, verdict_text

BACKENDS = {"host": "amdc.onnx_backend.backend:HostBackend", "sim": "amdc.onnx_backend.backend:SimBackend"}
LIMIT = {"real": 1200.0}  # seconds of one case: whole networks
DEFAULT_LIMIT = 120.0


@click.command()
@click.option("--device", type=click.Choice(list(BACKENDS)), required=True)
@click.option("--group", "groups", type=click.Choice(GROUPS), multiple=True, help="Run these groups only.")
@click.option("--only", metavar="PATTERN", default="", help="Run the cases whose name holds this regular expression.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Worker processes.")
@click.option("--limit", type=click.FloatRange(0.1), default=None, help="Seconds a case may take.")
@click.option("--list", "listed", type=click.Path(path_type=Path), default=None, help="Expected failures, instead of our own.")
@click.option("--failures", type=click.Path(path_type=Path), default=None, help="Write the failures by operator to this file.")
@click.option("--json", "results", type=click.Path(path_type=Path), default=None, help="Write every outcome to this file.")
@click.option("--resume", is_flag=True, help="Do not run again what passed according to the file of --json.")
@click.option("--record", "figures", type=click.Path(path_type=Path), default=None, help="Put the figures into this file.")
def main(
    device: str,
    groups: tuple[str, ...],
    only: str,
    jobs: int,
    limit: float | None,
    listed: Path | None,
    failures: Path | None,
    results: Path | None,
    resume: bool,
    figures: Path | None,
) -> None:
    """Exit status 0: the list of expected failures is exact; 1: a case outside it fails, or a listed one passes."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the workers are the parallelism
    started = time.monotonic()
    cases = [case for group in groups or GROUPS for case in load_cases(group)]
    chosen = [case for case in cases if re.search(only, case.name)]
    expected = expected_failures(listed or FOLDER / f"expected_{device}.toml")
    passed = read_passed(results) if resume and results is not None else {}
    outcomes = [passed[case.name] for case in chosen if case.name in passed]
    kept = len(outcomes)
    left = [case for case in chosen if case.name not in passed]
    for outcome in run_cases(left, BACKENDS[device], jobs, lambda case: limit or LIMIT.get(case.group, DEFAULT_LIMIT)):
        outcomes.append(outcome)
        show_progress(chosen, outcomes)
        if len(outcomes) % 20 == 0:
            write(outcomes, failures, results)
    write(outcomes, failures, results)
    verdict = judge(outcomes, expected, None if groups else {case.name for case in cases})
    if text := verdict_text(device, verdict):
        click.echo(text, err=True)
    if figures is not None:
        record(figures, device, outcomes, len(expected), time.monotonic() - started, kept)
    click.echo(summary(device, outcomes))
    sys.exit(0 if verdict.holds else 1)


def show_progress(chosen: list[Case], outcomes: list[Outcome]) -> None:
    """A line on stderr now and then, or the current case on a terminal."""
    done, failed = len(outcomes), sum(not outcome.passed for outcome in outcomes)
    if sys.stderr.isatty():
        click.echo(f"\r\033[K{done} of {len(chosen)}, {failed} failed  {outcomes[-1].name}", nl=done == len(chosen), err=True)
    elif done % 100 == 0:
        click.echo(f"{time.strftime('%H:%M:%S')} {done} of {len(chosen)}, {failed} failed", err=True)


def write(outcomes: list[Outcome], failures: Path | None, results: Path | None) -> None:
    if failures is not None:
        failures.write_text(failure_table(outcomes) + "\n")
    if results is not None:
        write_outcomes(results, outcomes)


if __name__ == "__main__":
    try:
        main()
    except AmdcError as problem:
        click.echo(f"error: {problem}", err=True)
        sys.exit(problem.exit_status)
