"""`amdc profile`: where the time of a run goes."""

from __future__ import annotations

import json
from pathlib import Path

import click

from amdc.cli.options import FileOf


@click.command("profile")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--device",
    type=click.Choice(["sim", "hip"]),
    default="sim",
    show_default=True,
    help="sim predicts with the timing model, hip measures with events.",
)
@click.option(
    "--card", help="The card to simulate, or whose peaks to compare with [default: the architecture's first, or the one found]."
)
@click.option("--input", "files", type=FileOf(), multiple=True, help="An input from a file, or all from one [default: random].")
@click.option("--random", "seed", type=int, metavar="SEED", help="Seed of the random inputs [default: 0].")
@click.option("--program", help="Of several programs, the one to make random inputs for [default: the first].")
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="Runs on hip; the median counts.")
@click.option("--rows", type=click.IntRange(1), default=15, show_default=True, help="Rows of each printed table.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with timeline, roofline and tables.")
def command(
    bundle: Path,
    device: str,
    card: str | None,
    files: tuple[tuple[str, Path], ...],
    seed: int | None,
    program: str | None,
    runs: int,
    rows: int,
    as_json: bool,
    html: Path | None,
) -> None:
    """Run BUNDLE once and show where the time goes: kernels, layers, hot lines, and what to try next. Of several programs the one
    compiled for the inputs' shapes runs."""
    from amdc.bundle import Bundle
    from amdc.cli.arrays import read_inputs
    from amdc.cli.progress import progress
    from amdc.profile import profile
    from amdc.profile.collect import random_inputs

    if files and (program is not None or seed is not None):
        raise click.UsageError(
            "--random and --program are for random inputs; give those or --input, whose shapes choose a program"
        )
    opened = Bundle.open(bundle)
    inputs = read_inputs(files) if files else random_inputs(opened, seed or 0, program)
    with progress() as report:
        found = profile(opened, inputs, device, card, runs, lambda done, total, what: report("profile", done, total, what))
    if html is not None:
        from amdc.cli.profile_page import write_profile

        write_profile(html, found)
        click.echo(f"wrote {html}", err=True)
    if as_json:
        print(json.dumps(found.as_json(), indent=2))
    elif html is None:
        from amdc.cli.profile_tables import print_profile

        print_profile(found, rows)
