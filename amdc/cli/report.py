"""The HTML report of a bundle: one self-contained file, no scripts, nothing loaded from elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amdc.cli import inspection
from amdc.cli.page import PALETTE, write_page
from amdc.program import Program
from amdc.target import Card, target

PLAN_WIDTH, PLAN_HEIGHT = 960, 320


def memory_plan(program: Program) -> list[dict[str, Any]]:
    """The activations as rectangles of the plan's picture: launches to the right, arena offset upwards."""
    steps, extent = max(1, len(program.launches)), max(1, program.peak_activation_bytes)
    boxes = []
    placed = [buffer for buffer in program.buffers.values() if buffer.kind not in ("constant", "state") and buffer.nbytes]
    for index, buffer in enumerate(sorted(placed, key=lambda buffer: (buffer.first, buffer.offset))):
        first, last = max(buffer.first, 0), min(buffer.last, steps - 1)
        height = buffer.nbytes / extent * PLAN_HEIGHT
        boxes.append(
            {
                "name": buffer.name,
                "kilobytes": buffer.nbytes / 1e3,
                "first": first,
                "last": last,
                "x": first / steps * PLAN_WIDTH,
                "width": max(1.0, (last - first + 1) / steps * PLAN_WIDTH),
                "y": PLAN_HEIGHT - (buffer.offset - program.activation_start) / extent * PLAN_HEIGHT - height,
                "height": max(0.5, height),
                "colour": PALETTE[index % len(PALETTE)],
            }
        )
    return boxes


def section(key: str, program: Program, card: Card) -> dict[str, Any]:
    """What the page shows of one program."""
    launches = inspection.launch_rows(program, card)
    return {
        "key": key,
        "summary": inspection.summary(program, card),
        "kernels": inspection.kernel_rows(program, card),
        "launches": launches,
        "longest": max((row.floor_us for row in launches), default=1.0),
        "plan": memory_plan(program),
    }


def write_report(
    path: Path,
    title: str,
    programs: Mapping[str, Program],
    card_name: str | None = None,
    result: dict[str, Any] | None = None,
) -> None:
    """Write the report. `result` adds the demo's part: photograph (data URI), classes with scores, agreement."""
    arch = next(iter(programs.values())).arch
    card = target(arch).card(card_name)
    write_page(
        path,
        "report.html",
        title=title,
        arch=arch,
        card=card,
        sections=[section(key, program, card) for key, program in programs.items()],
        plan_size=(PLAN_WIDTH, PLAN_HEIGHT),
        result=result,
    )
