"""What a graph's lowering chooses among, and the launches that one choice laid out. No kernel is known here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from amdc.codegen.choice import Choice, Choices, Lookup
from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.lowering import LoweringOptions, lower
from amdc.program import Buffer, Kernel, Launch, Pointer
from amdc.target import Target

if TYPE_CHECKING:
    from amdc.ir.graph import Graph


@dataclass
class Problem:
    """`costs` are the candidates' predicted microseconds, in the order offered; `uses` counts the graph's operators that it is
    the problem of; `default`: what a lowering takes that nobody has tuned."""

    key: str
    costs: Mapping[str, float]
    default: str
    uses: int = 1

    @property
    def ranked(self) -> list[str]:
        """The candidates' names by cost."""
        return sorted(self.costs, key=self.costs.__getitem__)


@dataclass(frozen=True)
class Work:
    """One candidate of a problem as it is run: its launches, their kernels' sources by `Kernel.code`, and the buffers they use;
    `constants` are those of them whose contents are known."""

    problem: str
    candidate: str
    candidates: tuple[str, ...]
    launches: tuple[Launch, ...]
    kernels: Mapping[str, Kernel]
    sources: Mapping[str, KernelSource]
    buffers: Mapping[str, Buffer]
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def templates(self) -> tuple[str, ...]:
        return tuple(sorted({kernel.template for kernel in self.kernels.values()}))


def survey(graph: Graph, hardware: Target, opt_level: int, lookup: Lookup | None = None) -> dict[str, Problem]:
    """The problems with more than one candidate that lowering a graph meets."""
    found: dict[str, Problem] = {}

    def record(choice: Choice) -> None:
        if choice.problem in found:
            found[choice.problem].uses += 1
        elif len(choice.candidates) > 1:
            costs = {candidate.name: candidate.cost() for candidate in choice.candidates}
            found[choice.problem] = Problem(choice.problem, costs, choice.chosen)

    lower(graph, hardware, LoweringOptions(opt_level, Choices(lookup=lookup, record=record)))
    return found


def forced_work(graph: Graph, hardware: Target, opt_level: int, forced: Mapping[str, str]) -> list[Work]:
    """Lower with these candidates (problem -> name); each problem's work, as its first operator in the graph has it."""
    choices: dict[str, Choice] = {}
    options = LoweringOptions(opt_level, Choices(forced, record=lambda choice: choices.setdefault(choice.problem, choice)))
    lowered = lower(graph, hardware, options)
    program, works = lowered.program, []
    for problem in forced:
        if problem not in choices:  # it stood within a candidate that another choice has displaced
            continue
        launches = [program.launches[index] for index in choices[problem].launches]
        kernels = {launch.kernel: program.kernels[launch.kernel] for launch in launches}
        names = {pointer.buffer for launch in launches for pointer in launch.arguments if isinstance(pointer, Pointer)}
        works.append(
            Work(
                problem,
                forced[problem],
                tuple(candidate.name for candidate in choices[problem].candidates),
                tuple(launches),
                kernels,
                {kernel.code: lowered.sources[kernel.code] for kernel in kernels.values()},
                {name: program.buffers[name] for name in names},
                {name: lowered.constants[name] for name in names if name in lowered.constants},
            )
        )
    return works
