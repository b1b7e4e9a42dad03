"""`amdc opt`: passes over a dumped graph, or a reproducer again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("opt")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--pass", "names", multiple=True, metavar="PASS", help="Run this pass (may be repeated) [default: the reproducer's]."
)
@click.option("--arch", default="gfx803", show_default=True, help="Architecture (amdc targets).")
@click.option("--list", "list_passes", is_flag=True, help="List the passes.")
def command(folder: Path, names: tuple[str, ...], arch: str, list_passes: bool) -> None:
    """Run passes over the graph in FOLDER (graph.txt and constants.safetensors) and print the graph that results.

    Without --pass, FOLDER is the reproducer that a failing pass left: its pass runs again, with its options.
    """
    from amdc.errors import UsageError
    from amdc.ir.printer import to_text
    from amdc.ir.serialize import load
    from amdc.pass_manager import PassContext, replay, run_pipeline
    from amdc.passes.pipeline import known_passes
    from amdc.target import target

    passes = known_passes()
    if list_passes:
        for name in passes:
            click.echo(name)
        return
    if not names:
        graph, error = replay(folder, passes)
        click.echo(f"the pass succeeds now; the recorded error was: {error}", err=True)
    else:
        unknown = [name for name in names if name not in passes]
        if unknown:
            raise UsageError(f"no such pass: {', '.join(unknown)}; passes: {', '.join(passes)}")
        graph = run_pipeline(load(folder), [passes[name]() for name in names], PassContext(target(arch)))
    click.echo(to_text(graph), nl=False)
