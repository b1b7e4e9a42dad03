"""`amdc targets`: the hardware table."""

from __future__ import annotations

import dataclasses
import json

import click
from rich.console import Console
from rich.table import Table

from amdc.target import TARGETS


@click.command("targets")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """The architectures that amdc compiles for, and the cards that carry them."""
    if as_json:
        print(json.dumps({name: dataclasses.asdict(row) for name, row in TARGETS.items()}, indent=2))
        return
    table = Table(title="amdc targets", title_justify="left")
    for heading in ("arch", "card", "CUs", "clock GHz", "fp32 TFLOP/s", "DRAM GB/s", "memory GiB"):
        table.add_column(heading, justify="left" if heading in ("arch", "card") else "right")
    for row in TARGETS.values():
        for card in row.cards:
            sizes = ", ".join(map(str, card.memory_gib))
            cells = (f"{card.compute_units}", f"{card.clock_ghz:.3f}", f"{card.fp32_tflops:.2f}", f"{card.dram_gbps:g}", sizes)
            table.add_row(row.arch, card.name + (" (default)" if card.name == row.default_card else ""), *cells)
    Console().print(table)
