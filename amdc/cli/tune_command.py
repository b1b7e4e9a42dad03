"""`amdc tune`: the kernel search over a model's operators."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from amdc.cli.options import compile_options
from amdc.cli.progress import progress
from amdc.errors import UsageError

if TYPE_CHECKING:
    from amdc.tune import Result


@click.command("tune")
@click.argument("model", type=click.Path(path_type=Path))
@compile_options
@click.option("--card", help="The card to tune for [default: the architecture's first].")
@click.option(
    "--device",
    type=click.Choice(["sim", "hip"]),
    default="sim",
    show_default=True,
    help="sim predicts with the timing layer, hip measures with events.",
)
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="When to start no further candidate [default: never].")
@click.option("--database", type=click.Path(path_type=Path, dir_okay=False), help="Where results are kept [default: the user's].")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
def command(
    model: Path,
    arch: str,
    level: int,
    shapes: tuple[tuple[str, tuple[int | str, ...]], ...],
    bindings: tuple[tuple[str, tuple[int, ...]], ...],
    jobs: int | None,
    card: str | None,
    device: str,
    seconds: float | None,
    database: Path | None,
    as_json: bool,
) -> None:
    """Search the fastest kernels for MODEL's operators, and keep what is found for compilations at -O2 and -O3. What was tuned
    before is not tuned again; a search may be stopped at any time."""
    from amdc.compiler import CompileOptions
    from amdc.compiler.driver import hardware_of
    from amdc.tune import CardTimer, Database, ModelTimer, Search, after, default_path, never
    from amdc.tune.models import tune_model

    expired = after(seconds) if seconds else never
    if level < 2:
        raise UsageError(f"at -O{level} kernels are not chosen by cost, so there is nothing to tune; use -O2 or -O3")
    with progress() as report, Database(database or default_path()) as opened:
        options = CompileOptions(
            arch=arch, card=card, opt_level=level, shapes=dict(shapes), bindings=dict(bindings), jobs=jobs, progress=report
        )
        hardware = hardware_of(options)
        timer = CardTimer(hardware) if device == "hip" else ModelTimer(hardware)
        search = Search(hardware, timer, opened, level, jobs, expired, progress=report)
        results = tune_model(model, options, search)
    how = "measured" if device == "hip" else "predicted"
    found = [result.as_json() | {"how": how} for result in results]
    click.echo(json.dumps(found, indent=1) if as_json else "\n".join(table(results, how)))
    for result in results:
        for name in result.failed:
            click.echo(f"warning: '{name}' of '{result.problem.key}' does not compile: a bug in amdc, please report it", err=True)
    click.echo(f"{sum(result.us is not None for result in results)} of {len(results)} problems tuned, in {opened.path}", err=True)


def table(results: Iterable[Result], how: str) -> Iterable[str]:
    """A line a problem: microseconds with the best candidate and with the one of least cost, uses in the model, the names."""
    yield f"{'us':>9} {'untuned':>9} {'uses':>4}  problem: best candidate, {how} microseconds with launches"
    for result in results:
        times = [f"{us:9.1f}" if us is not None else f"{'-':>9}" for us in (result.us, result.default_us)]
        yield f"{times[0]} {times[1]} {result.problem.uses:4}  {result.problem.key}: {result.candidate or 'not timed'}"
