"""Runs a list of passes over a Graph: verified after each, timed, printed and dumped on request, cut short by a bisect limit."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from amdc.errors import InternalError
from amdc.ir.graph import Graph
from amdc.ir.printer import to_text
from amdc.ir.verifier import Verifier, signature
from amdc.pass_manager.base import Pass, PassContext, PassResult
from amdc.pass_manager.reproducer import Snapshot, snapshot, write


@dataclass(frozen=True)
class PassTime:
    """One execution of a pass; seconds without and of the checks after it."""

    name: str
    seconds: float
    check_seconds: float
    changed: bool


@dataclass
class _Run:
    """One run of a pipeline; the arguments are those of `run_pipeline`."""

    context: PassContext
    print_before: Sequence[str]
    print_after: Sequence[str]
    dump_dir: Path | None
    reproducer_dir: Path
    bisect_limit: int | None
    show_bisect: bool
    stream: TextIO
    executions: int = 0
    dumped: int = 0
    verifier: Verifier = field(default_factory=Verifier)
    times: list[PassTime] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def allowed(self, made: Pass) -> bool:
        """Count an execution; whether the bisect limit lets it run."""
        self.executions += 1
        runs = self.bisect_limit is None or self.executions <= self.bisect_limit
        if self.show_bisect:
            print(f"BISECT: {'' if runs else 'NOT '}running pass ({self.executions}) {made}", file=self.stream)
        return runs

    def execute(self, graph: Graph, made: Pass, before: Snapshot) -> Snapshot:
        """Run one pass and check what it promised; returns the graph as it is afterwards."""
        if self.wants(self.print_before, made):
            print(f"# before {made}\n{before.text}", file=self.stream, end="")
        start, expected = time.perf_counter(), signature(graph)
        try:
            result = made.run(graph, self.context)
        except Exception as error:
            raise self.failure(made, before, f"{type(error).__name__}: {error}") from error
        middle = time.perf_counter()
        found = self.verifier.check(graph, expected)
        if found:
            raise self.failure(made, before, "it broke the graph:\n" + "\n".join(f"  {text}" for text in found))
        after = snapshot(graph, to_text(graph))
        if result.changed is before.same_as(after):
            claims = "a change, but made none" if result.changed else "no change, but made one"
            raise self.failure(made, before, f"it claims {claims}")
        self.times.append(PassTime(made.name, middle - start, time.perf_counter() - middle, result.changed))
        self.report(made, result, after)
        return after

    def wants(self, asked: Sequence[str], made: Pass) -> bool:
        return made.name in asked or "all" in asked

    def report(self, made: Pass, result: PassResult, after: Snapshot) -> None:
        self.notes += [f"{made.name}: {note}" for note in result.notes]
        if self.wants(self.print_after, made):
            print(f"# after {made}{'' if result.changed else ' (no change)'}\n{after.text}", file=self.stream, end="")
        self.dump(made.name, after, result.changed)

    def dump(self, name: str, graph: Snapshot, changed: bool) -> None:
        """Write `007_fuse-epilogue.txt`; a pass that changed nothing leaves one line that says so."""
        if self.dump_dir is None:
            return
        self.dump_dir.mkdir(parents=True, exist_ok=True)
        file = self.dump_dir / f"{self.dumped:03d}_{name}.{'changed' if changed else 'unchanged'}.txt"
        file.write_text(graph.text if changed else f"# {name} changed nothing\n")
        self.dumped += 1

    def failure(self, made: Pass, before: Snapshot, reason: str) -> InternalError:
        """The error for a pass that failed, with a reproducer written."""
        place = write(self.reproducer_dir, before, made, self.context, reason)
        return InternalError(
            f"pass {made} (execution {self.executions}) failed: {reason}\n"
            f"This is a bug in amdc. Reproducer: {place}; run it again with `amdc opt {place}`; "
            f"compile without it with --bisect-limit {self.executions - 1}."
        )


def run_pipeline(
    graph: Graph,
    passes: Sequence[Pass],
    context: PassContext,
    *,
    cleanup: Sequence[Pass] = (),
    print_before: Sequence[str] = (),
    print_after: Sequence[str] = (),
    dump_dir: Path | None = None,
    reproducer_dir: Path = Path("amdc-reproducers"),
    times: list[PassTime] | None = None,
    notes: list[str] | None = None,
    bisect_limit: int | None = None,
    show_bisect: bool = False,
    progress: Callable[[str], None] | None = None,
    stream: TextIO = sys.stderr,
) -> Graph:
    """Run `passes` in order over the graph, which changes in place and is returned; `cleanup` runs after each that changed it.

    `print_before` and `print_after` name passes ("all": every one) whose graph goes to `stream`; `dump_dir` gets a numbered file
    each. `times` and `notes` are filled. After `bisect_limit` executions no pass runs any more. `progress` is called with each
    pass's name. Raises `InternalError` naming a pass that raised, broke the graph, or lied about `changed`, and its reproducer.
    """
    run = _Run(context, print_before, print_after, dump_dir, reproducer_dir, bisect_limit, show_bisect, stream)
    state = snapshot(graph, to_text(graph))
    run.dump("input", state, True)
    broken = run.verifier.check(graph)
    if broken:
        raise InternalError("the graph breaks its contract before the first pass:\n" + "\n".join(f"  {text}" for text in broken))
    for made in passes:
        changed = False
        for step in (made, *cleanup):
            if (step is made or changed) and run.allowed(step):
                if progress is not None:
                    progress(step.name)
                after = run.execute(graph, step, state)
                if not state.same_as(after):
                    state, changed = after, True  # the constants of the state before are held no longer
    if times is not None:
        times += run.times
    if notes is not None:
        notes += run.notes
    graph.recompile()
    return graph
