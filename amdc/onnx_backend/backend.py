"""The two backends. A model is compiled when its inputs arrive, as the suite's models leave shapes open that its data settles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx.backend.base import Backend, BackendRep

from amdc.errors import InputError
from amdc.frontends.onnx.importer import NeedsConstants
from amdc.frontends.onnx.inputs import model_inputs
from amdc.onnx_backend.programs import HostProgram, SimProgram

Inputs = Sequence[Any] | Mapping[str, Any]


class PreparedModel(BackendRep):
    """A model that compiles itself for each new set of input shapes.

    Where the model uses inputs as shapes or as operators' parameters, it is compiled for their values too (`specialize_inputs` of
    `import_model`): for scalars and vectors alone, and only for those without which it cannot be compiled. Every run looks up
    the program for the values that it is given.
    """

    def __init__(self, model: onnx.ModelProto, program: type[HostProgram] | type[SimProgram]) -> None:
        self._model = model
        self._program = program
        self._names = [value.name for value in model_inputs(model)]
        self._specialized: set[str] = set()  # inputs that are shapes or parameters
        self._compiled: dict[Any, HostProgram | SimProgram] = {}

    def run(self, inputs: Inputs, **_: Any) -> tuple[Any, ...]:
        """The outputs in the model's order, as arrays of its own dtypes. Raises AmdcError where the model cannot be compiled."""
        given = self._by_name(inputs)
        shapes = {name: array.shape for name, array in given.items()}
        values = {name: given[name] for name in sorted(self._specialized)}
        key = (*shapes.items(), *((name, array.tobytes()) for name, array in values.items()))
        if key in self._compiled:
            return self._compiled[key].run(given)
        try:
            self._compiled[key] = self._program(self._model, shapes, values)
        except NeedsConstants as problem:
            new = {name for name in problem.inputs if given[name].ndim <= 1} - self._specialized
            if not new:
                raise
            self._specialized |= new
            return self.run(inputs)
        return self._compiled[key].run(given)

    def _by_name(self, inputs: Inputs) -> dict[str, np.ndarray]:
        if isinstance(inputs, Mapping):
            return {name: _array(name, value) for name, value in inputs.items()}
        if len(inputs) != len(self._names):
            raise InputError(f"the model takes {len(self._names)} inputs, but {len(inputs)} are given")
        return {name: _array(name, value) for name, value in zip(self._names, inputs, strict=True)}


def _array(name: str, value: Any) -> np.ndarray:
    """A value as an array, numpy scalars as arrays without dimensions."""
    if value is None or isinstance(value, (list, dict)):
        raise InputError(f"input '{name}' is a {type(value).__name__}; only tensors are supported")
    return np.asarray(value)


class HostBackend(Backend):
    """The imported Graph, run in PyTorch on this CPU."""

    program: type[HostProgram] | type[SimProgram] = HostProgram

    @classmethod
    def prepare(cls, model: onnx.ModelProto, device: str = "CPU", **_: Any) -> PreparedModel:
        return PreparedModel(model, cls.program)

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device == "CPU"


class SimBackend(HostBackend):
    """The compiled code objects, run on the simulated GPU. To the suite it is a "CPU" device, as it needs no other."""

    program = SimProgram
