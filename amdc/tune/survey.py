"""What a graph's lowering chooses among, and the launches that one choice laid out. No kernel is known here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from amdc.codegen.choice import Choice, Choices, Lookup
from amdc.codegen.kernel_source import KernelSource
from amdc.codegen.lowering import Lowered, LoweringOptions, lower
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

    @staticmethod
    def of(lowered: Lowered, problem: str, candidate: str, candidates: Sequence[str], launches: Iterable[int]) -> Work:
        """Some of a program's launches, by their indices."""
        program = lowered.program
        chosen = tuple(program.launches[index] for index in launches)
        kernels = {launch.kernel: program.kernels[launch.kernel] for launch in chosen}
        names = {pointer.buffer for launch in chosen for pointer in launch.arguments if isinstance(pointer, Pointer)}
        sources = {kernel.code: lowered.sources[kernel.code] for kernel in kernels.values()}
        buffers = {name: buffer for name, buffer in program.buffers.items() if name in names}  # in an order that repeats
        constants = {name: lowered.constants[name] for name in names if name in lowered.constants}
        return Work(problem, candidate, tuple(candidates), chosen, kernels, sources, buffers, constants)

    @property
    def templates(self) -> tuple[str, ...]:
        return tuple(sorted({kernel.template for kernel in self.kernels.values()}))


def survey(graph: Graph, hardware: Target, opt_level: int, lookup: Lookup | None = None) -> dict[str, Problem]:
    """The problems with more than one candidate that lowering a graph meets, where `lookup` says what to choose."""
    found: dict[str, Problem] = {}

    def record(choice: Choice) -> None:
        if choice.problem in found:
            found[choice.problem].uses += 1
        elif len(choice.candidates) > 1:
            costs = {candidate.name: candidate.cost() for candidate in choice.candidates}
            found[choice.problem] = Problem(choice.problem, costs, min(costs, key=costs.__getitem__))

    lower(graph, hardware, LoweringOptions(opt_level, Choices(lookup=lookup, record=record)))
    return found


def forced_work(
    graph: Graph, hardware: Target, opt_level: int, forced: Mapping[str, str], lookup: Lookup | None = None
) -> list[Work]:
    """Lower with these candidates (problem -> name), and what `lookup` says for other problems; each problem's work, as its first
    operator in the graph has it."""
    choices: dict[str, Choice] = {}

    def record(choice: Choice) -> None:
        choices.setdefault(choice.problem, choice)

    lowered = lower(graph, hardware, LoweringOptions(opt_level, Choices(forced, lookup, record)))
    met = [choices[problem] for problem in forced if problem in choices]  # others stood within candidates that are displaced now
    return [Work.of(lowered, c.problem, c.chosen, [other.name for other in c.candidates], c.launches) for c in met]
