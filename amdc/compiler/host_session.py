"""`--device host`: a bundle's Graph run in PyTorch. What the simulator and a card are compared with when kernels are in doubt."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amdc.bundle import Bundle
from amdc.errors import BundleError
from amdc.ir.parser import parse
from amdc.program import Port
from amdc.runtime.ports import check_inputs


class HostSession:
    """Runs the optimised Graph that a bundle carries; the same calls as `amdc.runtime.session.Session`, without launches."""

    device_kind = "host"

    def __init__(self, bundle: Bundle) -> None:
        if bundle.graph_text is None:
            raise BundleError(f"{bundle.path or 'the bundle'} carries no graph, so it cannot run on the host; compile it again")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns that memory-mapped weights are read-only; nothing writes them
            constants = {name: torch.from_numpy(np.asarray(array)) for name, array in bundle.constants.items()}
        self.inputs: tuple[Port, ...] = bundle.program.inputs
        self.outputs: tuple[Port, ...] = bundle.program.outputs
        self._graph = parse(bundle.graph_text, constants)

    def run(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name. Raises InputError for a wrong name, shape or dtype."""
        checked = check_inputs(self.inputs, inputs)
        with torch.no_grad():
            results = self._graph(*(torch.from_numpy(checked[port.name].copy()) for port in self.inputs))
        return {port.name: result.numpy() for port, result in zip(self.outputs, results, strict=True)}

    def __enter__(self) -> HostSession:
        return self

    def __exit__(self, *_: Any) -> None:
        del self._graph


def open_host_session(path: str | Path | Bundle, check: bool = True, jobs: int | None = None) -> HostSession:
    """Open a bundle (or a path to one) in PyTorch on this CPU. `check` and `jobs` are for sim alone."""
    return HostSession(path if isinstance(path, Bundle) else Bundle.open(path))
