"""A model made ready for inputs of fixed shapes: as a Graph in PyTorch, or as code objects on the simulated GPU."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
import torch

from amdc.errors import ModelError
from amdc.frontends.onnx import import_model
from amdc.frontends.onnx.elements import narrowed, to_held, to_user, widened
from amdc.ir.graph import inputs

Shapes = Mapping[str, tuple[int, ...]]
Arrays = Mapping[str, np.ndarray]


class HostProgram:
    """The imported Graph, without any pass."""

    def __init__(self, model: onnx.ModelProto, shapes: Shapes, specialized: Arrays) -> None:
        self._graph = import_model(model, shapes, specialize_inputs=specialized)

    def run(self, given: Arrays) -> tuple[np.ndarray, ...]:
        names, types = inputs(self._graph), self._graph.meta["input_types"]
        with torch.no_grad():
            results = self._graph(*(to_held(given[name], _element(kind)) for name, kind in zip(names, types, strict=True)))
        return tuple(to_user(t, _element(kind)) for t, kind in zip(results, self._graph.meta["output_types"], strict=True))


class SimProgram:
    """A bundle in a session on the simulated GPU."""

    def __init__(self, model: onnx.ModelProto, shapes: Shapes, specialized: Arrays) -> None:
        from amdc.compiler import CompileOptions
        from amdc.compiler.driver import compile_graphs
        from amdc.runtime.session import open_session

        graph = import_model(model, shapes, specialize_inputs=specialized)
        if folded := graph.meta["folded"]:
            raise ModelError(f"output '{folded[0]}' depends on inputs, but was computed at import, not by the code objects")
        self._meta = graph.meta
        self._session = open_session(compile_graphs([("main", graph)], CompileOptions(jobs=1)), "sim", jobs=1)

    def run(self, given: Arrays) -> tuple[np.ndarray, ...]:
        kinds = zip(self._meta["inputs"], self._meta["input_types"], strict=True)
        results = self._session.run({name: widened(given[name], _element(kind)) for name, kind in kinds})
        kinds = zip(self._meta["outputs"], self._meta["output_types"], strict=True)
        return tuple(narrowed(results[name], _element(kind)) for name, kind in kinds)


def _element(name: str) -> int:
    return onnx.TensorProto.DataType.Value(name)
