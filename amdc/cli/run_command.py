"""`amdc run`: a bundle on a device."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from amdc.cli.options import FileOf, device_option, no_check_option


@click.command("run")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--input", "files", type=FileOf(), multiple=True, help="An input from a file, or all inputs from one.")
@click.option("--random", "seed", type=int, metavar="SEED", help="Random inputs instead of files.")
@click.option("--output", type=click.Path(path_type=Path), help="A folder for .npy files, or a .npz file, to write outputs to.")
@device_option
@no_check_option
def command(
    bundle: Path, files: tuple[tuple[str, Path], ...], seed: int | None, output: Path | None, device: str | None, no_check: bool
) -> None:
    """Run BUNDLE once and print what came out. Of several programs the one compiled for the inputs' shapes runs (--random: the
    first)."""
    import amdc
    from amdc.cli.arrays import read_inputs, write_outputs
    from amdc.inputs import inputs_for

    if (seed is None) == (not files):
        raise click.UsageError("give the inputs either as --input NAME=FILE.npy (or FILE.npz) or as --random SEED")
    options: dict[str, Any] = {"check": False} if no_check else {}
    with amdc.load(bundle, device, **options) as session:
        inputs = read_inputs(files) if seed is None else inputs_for(next(iter(session.bundle.programs.values())), seed)
        started = time.perf_counter()
        results = session.run(inputs)
        seconds = time.perf_counter() - started
    kind = {"sim": "simulated in", "hip": "ran in", "host": "ran in PyTorch in"}[session.device_kind]
    click.echo(f"{kind} {seconds:.2f} s (wall clock of this machine)", err=True)
    for name, array in results.items():
        finite = "" if array.size == 0 else f" min {array.min():.6g} max {array.max():.6g} argmax {int(array.argmax())}"
        click.echo(f"{name}: {array.dtype} {list(array.shape)}{finite}")
    if output is not None:
        for path in write_outputs(output, results):
            click.echo(f"wrote {path}", err=True)
