"""A model made ready for inputs of fixed shapes: as a Graph in PyTorch, or as code objects on the simulated GPU."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import torch

from amdc.frontends.onnx import import_model
from amdc.ir.graph import inputs, outputs

Shapes = Mapping[str, tuple[int, ...]]


class HostProgram:
    """The imported Graph, without any pass."""

    def __init__(self, model: onnx.ModelProto, shapes: Shapes) -> None:
        self._graph = import_model(model, shapes)

    def run(self, given: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        with torch.no_grad():
            results = self._graph(*(torch.from_numpy(given[name].copy()) for name in inputs(self._graph)))
        return tuple(result.numpy() for result in results)


class SimProgram:
    """A bundle in a session on the simulated GPU."""

    def __init__(self, model: onnx.ModelProto, shapes: Shapes) -> None:
        from amdc.compiler import CompileOptions, compile_model
        from amdc.runtime.session import open_session

        bundle = compile_model(model, CompileOptions(shapes=shapes, jobs=1))
        self._session = open_session(bundle, "sim", jobs=1)

    def run(self, given: Mapping[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        results = self._session.run(dict(given))
        return tuple(results[port.name] for port in self._session.outputs)
