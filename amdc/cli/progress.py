"""Progress on stderr: a bar on a terminal, a line a stage elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from amdc.compiler.options import Progress as ProgressCallback


@contextmanager
def progress() -> Iterator[ProgressCallback]:
    """A callback `(stage, done, total, what)` that draws on stderr until the block ends."""
    console = Console(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:>8}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[what]}"),
    )
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks: dict[str, object] = {}

        def update(stage: str, done: int, total: int, what: str) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, what=what)
                if not console.is_terminal:
                    console.print(f"{stage}: {what}" if total <= 1 else f"{stage}: {total}", highlight=False)
            bars.update(tasks[stage], completed=done, total=total, what=what)  # type: ignore[arg-type]

        yield update
