"""`amdc compile`: an ONNX model becomes a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from amdc.cli.options import BindingType, compile_options
from amdc.cli.progress import progress


@click.command("compile")
@click.argument("model", type=click.Path(path_type=Path))
@compile_options
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The bundle to write [default: MODEL with .amdc].")
@click.option(
    "--bucket",
    "buckets",
    type=BindingType(),
    multiple=True,
    help="Let runs pad inputs with zeros along a symbol to the next size; right only for models with a padding mask.",
)
@click.option("--card", help="The card to choose kernels for [default: the architecture's first].")
@click.option(
    "--tune-seconds", type=click.FloatRange(0), default=0, help="With -O3: search for faster kernels so long before (see tune)."
)
@click.option("--keep-source", is_flag=True, help="Keep each kernel's HIP source and line table.")
@click.option("--print-before", multiple=True, metavar="PASS", help="Print the graph before a pass.")
@click.option("--print-after", multiple=True, metavar="PASS", help="Print the graph after a pass.")
@click.option("--dump", type=click.Path(path_type=Path, file_okay=False), help="Write the graph after each pass into a folder.")
@click.option("--pass-times", is_flag=True, help="Print the seconds that each pass took.")
@click.option("--bisect-limit", type=click.IntRange(0), help="Run only the first N passes.")
def command(
    model: Path,
    arch: str,
    level: int,
    shapes: tuple[tuple[str, tuple[int | str, ...]], ...],
    bindings: tuple[tuple[str, tuple[int, ...]], ...],
    buckets: tuple[tuple[str, tuple[int, ...]], ...],
    jobs: int | None,
    output: Path | None,
    card: str | None,
    tune_seconds: float,
    **passes: Any,
) -> None:
    """Compile MODEL (an .onnx file) into a bundle."""
    from amdc.compiler import CompileOptions, compile_model

    with progress() as report:
        options = CompileOptions(
            arch=arch,
            card=card,
            opt_level=level,
            tune_seconds=tune_seconds,
            shapes=dict(shapes),
            bindings=dict(bindings),
            buckets=dict(buckets),
            jobs=jobs,
            progress=report,
            **passes,
        )
        bundle = compile_model(model, options)
    path = bundle.save(output or model.with_suffix(".amdc"))
    if stale := bundle.options["tuning"]["stale"]:
        click.echo(f"{stale} tuned choices are of other kernels than today's and were ignored; `amdc tune` renews them", err=True)
    first = next(iter(bundle.programs.values()))
    launches = ", ".join(f"{len(program.launches)} ({key})" for key, program in bundle.programs.items())
    click.echo(
        f"{path}: {len(first.launches) if len(bundle.programs) == 1 else launches} launches of {len(bundle.code)} kernels, "
        f"weights {first.constant_bytes / 1e6:.1f} MB, "
        f"activations {max(program.peak_activation_bytes for program in bundle.programs.values()) / 1e6:.1f} MB, "
        f"compiled in {bundle.compile_seconds:.1f} s",
        err=True,
    )
