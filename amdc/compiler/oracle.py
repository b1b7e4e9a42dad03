"""ONNX Runtime as the oracle of `verify`: the model's outputs, and on request any tensor inside the model. It lacks operators in
some dtypes (bfloat16, many in float64); a model that has one is compared with the reference evaluator of the package onnx."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from amdc.errors import ToolchainError

if TYPE_CHECKING:
    from amdc.compiler.torch_oracle import TorchOracle


def oracle_for(model: Any, example_inputs: Any = None) -> Oracle | TorchOracle:
    """PyTorch for its own models, ONNX Runtime for all others."""
    from amdc.compiler.torch_oracle import TorchOracle

    return TorchOracle(model, example_inputs) if TorchOracle.takes(model) else Oracle(model)


class Oracle:
    """Runs a model (path, bytes or onnx.ModelProto) in ONNX Runtime on the CPU, without graph optimisations. `reference` names
    what the last results came from."""

    reference = "ONNX Runtime"

    def __init__(self, model: Any) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ToolchainError("verify compares with ONNX Runtime, which is not installed: pip install amdc[ort]") from None
        self._runtime = onnxruntime
        self._model = model

    def _session(self, model: Any) -> Any:
        options = self._runtime.SessionOptions()
        options.log_severity_level = 3
        options.graph_optimization_level = self._runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        source = (
            str(model) if isinstance(model, (str, Path)) else model if isinstance(model, bytes) else model.SerializeToString()
        )
        try:
            return self._runtime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except self._runtime.capi.onnxruntime_pybind11_state.NotImplemented:
            from onnx.reference import ReferenceEvaluator

            self.reference = "onnx's reference evaluator (ONNX Runtime lacks an operator in the model's dtypes)"
            return ReferenceEvaluator(source)

    def outputs(self, inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The model's own outputs by name."""
        session = self._session(self._model)
        names = _output_names(session)
        return dict(zip(names, session.run(names, inputs), strict=True))

    def tensors(self, names: list[str], inputs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The values of tensors inside the model, by the user's names. Names that the model does not have are left out."""
        import onnx

        if isinstance(self._model, (str, Path)):
            model = onnx.load(str(self._model))
        elif isinstance(self._model, bytes):
            model = onnx.load_model_from_string(self._model)
        else:
            model = onnx.ModelProto()
            model.CopyFrom(self._model)
        made = {name for node in model.graph.node for name in node.output}
        have = {output.name for output in model.graph.output}
        wanted = [name for name in dict.fromkeys(names) if name in made]
        model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted if name not in have)
        session = self._session(model)
        return dict(zip(wanted, session.run(wanted, inputs), strict=True))


def _output_names(session: Any) -> list[str]:
    """Of ONNX Runtime's session or onnx's evaluator."""
    return [output.name for output in session.get_outputs()] if hasattr(session, "get_outputs") else list(session.output_names)
