"""`--device host`: a bundle's Graph run in PyTorch. What the simulator and a card are compared with when kernels are in doubt."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amdc.bundle import Bundle, GraphText, Step
from amdc.errors import BundleError
from amdc.ir import graph as ir
from amdc.ir.arrays import from_numpy, to_numpy
from amdc.ir.parser import parse
from amdc.program import Port
from amdc.runtime.generation import generate
from amdc.runtime.selection import select


class HostSession:
    """Runs the optimised Graphs that a bundle carries; the same calls as `amdc.runtime.session.Session`, without launches."""

    device_kind = "host"

    def __init__(self, bundle: Bundle) -> None:
        if bundle.programs.keys() - bundle.graphs.keys():
            raise BundleError(f"{bundle.path or 'the bundle'} carries no graph, so it cannot run on the host; compile it again")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns that memory-mapped weights are read-only; nothing writes them
            self._constants = {name: from_numpy(np.asarray(array)) for name, array in bundle.constants.items()}
        self.bundle = bundle
        self._graphs = {key: self._parse(bundle.graphs[key]) for key in bundle.programs}
        self._states: dict[str, torch.Tensor] = {}
        self.executed: list[str] = []  # the keys of the programs that the last run went through, in order
        self.reset()

    def _parse(self, graph: GraphText) -> ir.Graph:
        renamed = {name: self._constants[held] for name, held in graph.constants.items()}
        return parse(graph.text, self._constants | renamed)

    @property
    def inputs(self) -> tuple[Port, ...]:
        """As the bundle's."""
        return self.bundle.inputs

    @property
    def outputs(self) -> tuple[Port, ...]:
        """As the bundle's."""
        return self.bundle.outputs

    def reset(self) -> None:
        """Set every state back to its first value."""
        for program in self.bundle.programs.values():
            for state in program.states:
                if state.initial is not None:
                    self._states[state.name] = self._constants[state.initial].clone()
                else:
                    self._states[state.name] = torch.zeros(state.shape, dtype=getattr(torch, state.dtype))

    def run(self, inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """The outputs by name. Raises InputError for a wrong name, shape or dtype."""
        selection = select(self.bundle, inputs)
        given = {name: from_numpy(array.copy()) for name, array in selection.arrays.items()}
        self.executed = []
        results: dict[str, torch.Tensor] = {}
        for step in self.bundle.schedule or (Step(selection.key),):
            while step.condition is None or bool(self._states[step.condition]):
                results = self._execute(step.program, given)
                if step.condition is None:
                    break
        return {name: selection.crop(name, to_numpy(result)) for name, result in results.items()}

    def _execute(self, key: str, inputs: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The outputs of one Graph; its states are moved on."""
        self.executed.append(key)
        graph, given = self._graphs[key], {**inputs, **self._states}
        with torch.no_grad():
            results = dict(zip(ir.outputs(graph), graph(*(given[name] for name in ir.inputs(graph))), strict=True))
        following = {name: results.pop(made) for name, made in ir.states(graph).items()}
        self._states |= {name: value.clone() for name, value in following.items()}
        return results

    def generate(self, prompt_ids: Sequence[int], max_new_tokens: int, stop: int | None = None) -> list[int]:
        """The tokens that greedily follow a prompt, for bundles of `amdc.compile_causal` (see `amdc.runtime.generation`)."""
        return generate(self, prompt_ids, max_new_tokens, stop)

    def __enter__(self) -> HostSession:
        return self

    def __exit__(self, *_: Any) -> None:
        self._graphs = {}


def open_host_session(path: str | Path | Bundle, check: bool = True, jobs: int | None = None) -> HostSession:
    """Open a bundle (or a path to one) in PyTorch on this CPU. `check` and `jobs` are for sim alone."""
    return HostSession(path if isinstance(path, Bundle) else Bundle.open(path))
