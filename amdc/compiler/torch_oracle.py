"""PyTorch as the oracle of `verify`: a module's or an exported program's own results, and on request any value inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from amdc.frontends import read_exported
from amdc.frontends.torch.evaluate import run_eagerly, run_program, values_inside
from amdc.frontends.torch.examples import Examples
from amdc.frontends.torch.exported import decomposed, signature_of
from amdc.frontends.torch.module import export
from amdc.ir.arrays import from_numpy, to_numpy


class TorchOracle:
    """Runs a module (with example inputs, which say how arguments are nested), an ExportedProgram or its .pt2 file."""

    reference = "PyTorch"

    def __init__(self, model: Any, example_inputs: Any = None) -> None:
        self._model = read_exported(model) or model
        self._examples = None
        if isinstance(self._model, torch.nn.Module):
            self._examples = Examples.make(self._model, example_inputs)

    @staticmethod
    def takes(model: Any) -> bool:
        """Whether a model is one of PyTorch's."""
        if isinstance(model, (str, Path)):
            return Path(model).suffix == ".pt2"
        return isinstance(model, (torch.nn.Module, torch.export.ExportedProgram))

    def outputs(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The model's own outputs by name."""
        tensors = _tensors(inputs)
        if self._examples is not None:
            found = run_eagerly(self._model, self._examples, tensors)
        else:
            found = run_program(self._model, signature_of(self._model), tensors)
        return {name: to_numpy(tensor) for name, tensor in found.items()}

    def tensors(self, names: list[str], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Values inside the model, by the names that the Graph gives them. Names that the model does not have are left out."""
        tensors = _tensors(inputs)
        if self._examples is not None:
            program, signature = export(self._model, self._examples, {name: tensors[name] for name in self._examples.tensors})
        else:
            program, signature = decomposed(self._model), signature_of(self._model)
        found = values_inside(program, signature, tensors, frozenset(names))
        return {name: to_numpy(tensor) for name, tensor in found.items()}


def _tensors(inputs: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: from_numpy(np.ascontiguousarray(array).copy()) for name, array in inputs.items()}
