"""`amdc inspect`: what stands in a bundle."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from amdc.bundle import Bundle

PIPE_WIDTH = 130  # columns


@click.command("inspect")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--card", help="The card whose peak rates give the roofline [default: the architecture's first; amdc targets].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write an HTML report.")
def command(bundle: Path, card: str | None, as_json: bool, html: Path | None) -> None:
    """Show BUNDLE's kernels: template, parameters, registers, LDS, occupancy, FLOPs, bytes, and share of the roofline time."""
    from amdc.bundle import Bundle
    from amdc.cli import inspection

    opened = Bundle.open(bundle)
    if as_json:
        print(json.dumps(inspection.bundle_json(opened, card), indent=2))
    if html is not None:
        from amdc.cli.report import write_report

        write_report(html, bundle.name, opened.programs, card)
        click.echo(f"wrote {html}", err=True)
    if not as_json and html is None:
        console = report_console()
        for line in use_lines(opened):
            console.print(line, highlight=False)
        for key, program in opened.programs.items():
            if len(opened.programs) > 1:
                console.rule(key, align="left")
            print_tables(inspection.as_json(program, card), console)


def use_lines(bundle: Bundle) -> Iterator[str]:
    """What a session does beyond running a program for exactly its shapes."""
    if len(bundle.programs) > 1:
        yield f"{len(bundle.programs)} programs share weights, states and {len(bundle.code)} code objects; inputs' shapes choose"
    for buckets in bundle.buckets:
        sizes = ", ".join(map(str, buckets.sizes))
        yield f"{buckets.symbol}: {', '.join(buckets.inputs)} are padded with zeros to the next of {sizes}"
    if bundle.generation is not None:
        lengths = ", ".join(map(str, bundle.generation.lengths))
        yield f"generates text: up to {bundle.generation.max_length} tokens, {lengths} of them at once"


def report_console() -> Console:
    """stdout; where it is no terminal, wide enough for whole kernel names."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPE_WIDTH)


def print_tables(facts: dict[str, Any], console: Console | None = None) -> None:
    """The head and the kernel table, as text."""
    console = console or report_console()
    head = facts["summary"]
    console.print(
        f"[bold]inputs[/]   {'; '.join(head['inputs'])}\n[bold]outputs[/]  {'; '.join(head['outputs'])}", highlight=False
    )
    states = f"states {head['state_bytes'] / 1e6:.2f} MB, " if head["state_bytes"] else ""
    console.print(
        f"{head['launches']} launches of {head['kernels']} kernels for {head['arch']}; {head['flops'] / 1e9:.2f} GFLOP, "
        f"weights {head['weights_bytes'] / 1e6:.1f} MB, {states}activations {head['activation_bytes'] / 1e6:.2f} MB "
        f"(largest live set {head['largest_live_set_bytes'] / 1e6:.2f} MB)",
        highlight=False,
    )
    title = f"Kernels, by their share of the roofline time on {head['card']}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("kernel", overflow="fold", min_width=20)
    for heading in ("runs", "VGPR", "SGPR", "LDS", "waves", "MFLOP", "MB", "floor us", "share"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in facts["kernels"]:
        spills = " spills" if row["scratch_bytes"] else ""
        table.add_row(
            row["kernel"] + spills,
            str(row["launches"]),
            str(row["vgprs"]),
            str(row["sgprs"]),
            str(row["lds_bytes"]),
            str(row["waves_per_simd"]),
            f"{row['flops'] / 1e6:.1f}",
            f"{row['bytes_moved'] / 1e6:.2f}",
            f"{row['floor_us']:.1f}",
            f"{row['share']:.1%}",
        )
    console.print(table)
    console.print(
        f"floor: the least time at {head['card']}'s peak rates, {head['floor_us']:.0f} us in all; a bound, not a prediction.",
        highlight=False,
    )
