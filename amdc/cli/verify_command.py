"""`amdc verify`: compile, run, compare with ONNX Runtime."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from amdc.cli.options import FileOf, compile_options, device_option, no_check_option
from amdc.cli.progress import progress

if TYPE_CHECKING:
    import numpy as np

    from amdc.bundle import Bundle
    from amdc.compiler.verify import Verification
    from amdc.program import Program


def as_tree(result: Verification) -> dict[str, Any]:
    """The verdict as JSON-able values."""
    deviation = result.deviation
    return {
        "passed": result.passed,
        "outputs": [dataclasses.asdict(output) for output in result.outputs],
        "first_deviation": deviation
        and {
            "launch": deviation.index,
            "kernel": deviation.launch.kernel,
            "nodes": deviation.launch.source,
            "comparison": dataclasses.asdict(deviation.comparison),
        },
        "checked_launches": result.checked_launches,
    }


@click.command("verify")
@click.argument("model", type=click.Path(path_type=Path))
@compile_options
@device_option
@no_check_option
@click.option("--input", "files", type=FileOf(), multiple=True, help="An input from a file, or all from one [default: random].")
@click.option("--random", "seed", type=int, default=0, metavar="SEED", help="Seed of the random inputs.")
@click.option(
    "--rtol", type=click.FloatRange(0), help="Allowed error relative to max|reference| [default: derived from the program]."
)
@click.option("--atol", type=click.FloatRange(0), help="Allowed absolute error on top [default: derived].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    model: Path,
    arch: str,
    level: int,
    shapes: tuple[tuple[str, tuple[int | str, ...]], ...],
    bindings: tuple[tuple[str, tuple[int, ...]], ...],
    jobs: int | None,
    device: str | None,
    no_check: bool,
    files: tuple[tuple[str, Path], ...],
    seed: int,
    rtol: float | None,
    atol: float | None,
    as_json: bool,
) -> None:
    """Compile MODEL, run it, and compare every output with ONNX Runtime. Exits with 1 if one differs."""
    import amdc
    from amdc.bundle import MAIN
    from amdc.cli.arrays import read_inputs
    from amdc.compiler import CompileOptions, compile_model
    from amdc.compiler.tolerance import SAFETY
    from amdc.compiler.verify import verify
    from amdc.inputs import inputs_for

    given = read_inputs(files)
    with progress() as report:
        options = CompileOptions(
            arch=arch, opt_level=level, shapes=dict(shapes), bindings=dict(bindings), jobs=jobs, progress=report
        )
        bundle = compile_model(model, options)
        session_options: dict[str, Any] = {"check": False} if no_check else {}
        results: dict[str, Verification] = {}
        with amdc.load(bundle, device, **session_options) as session:
            for key, program in programs_for(bundle, given).items():
                report(f"verify {key}", 0, 1, f"{len(program.launches)} launches on {session.device_kind}, then ONNX Runtime")
                inputs = inputs_for(program, seed) | given
                results[key] = verify(model, bundle, session, inputs, rtol, atol)
    passed = all(result.passed for result in results.values())
    if as_json:
        trees = {key: as_tree(result) for key, result in results.items()}
        tree = trees[MAIN] if list(trees) == [MAIN] else {"passed": passed, "programs": trees}
        print(json.dumps(tree | {"device": session.device_kind, "opt_level": level}, indent=2))
    else:
        for key, result in results.items():
            print_verdict("" if key == MAIN else f"{key}: ", result, session.device_kind)
        how = f"from the program's longest path of sums (K-dependent), {SAFETY:g}x safety" if rtol is None else "given"
        reference = next(iter(results.values())).reference
        click.echo(f"tolerance: {how}; compared with {reference}, run on {session.device_kind} at -O{level}")
    if not passed:
        raise click.exceptions.Exit(1)


def programs_for(bundle: Bundle, given: Mapping[str, np.ndarray]) -> dict[str, Program]:
    """The programs that the given inputs fit: all where none is given, and where nothing fits, so that the run says why."""

    def fits(program: Program) -> bool:
        return all(given[port.name].shape == port.shape for port in program.inputs if port.name in given)

    if bundle.schedule:
        return dict([next(iter(bundle.programs.items()))])  # the others continue it
    found = {key: program for key, program in bundle.programs.items() if fits(program)}
    return found or dict(bundle.programs)


def print_verdict(prefix: str, result: Verification, device: str) -> None:
    """A line an output, and where a wrong program goes wrong first."""
    for output in result.outputs:
        click.echo(prefix + output.describe())
    if result.deviation is not None:
        click.echo(result.deviation.describe())
    elif not result.passed and device == "host":
        click.echo("no kernel ran: the Graph deviates, so the import or a pass is wrong; -O0 and --bisect-limit tell which")
    elif not result.passed:
        click.echo(f"none of the {result.checked_launches} comparable launches leaves its bound; the outputs do")
