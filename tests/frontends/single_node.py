"""Models of one operator, and their results by amdc's Graph in PyTorch and by ONNX Runtime (or by ONNX's reference)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from amdc.compiler.operators import operator_title
from amdc.frontends.onnx import import_model
from amdc.ir.graph import Graph

IR_VERSION = 10  # what ONNX Runtime reads for every opset of the tables


@dataclass(frozen=True)
class Case:
    """One node: its `inputs` are arrays, None for a missing one; those whose positions are in `constants` are initializers."""

    op: str
    inputs: tuple[Any, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    opset: int = 17
    constants: tuple[int, ...] = ()
    outputs: int = 1
    reference: bool = False  # ONNX Runtime has no kernel for it: compare with onnx's reference evaluator
    rtol: float = 1e-5
    levels: int = 0  # by how much integers may differ: quantised results whose last rounding ONNX Runtime does in another order
    note: str = ""
    domain: str = ""
    version: int = 1  # of the domain's operator set, where that is not the default one
    skipped: tuple[int, ...] = ()  # outputs that nobody asks for

    @property
    def title(self) -> str:
        return operator_title(self.domain, self.op)

    @property
    def id(self) -> str:
        return "-".join(filter(None, [self.title, str(self.opset), self.note]))

    def feeds(self) -> dict[str, np.ndarray]:
        return {f"x{i}": a for i, a in enumerate(self.inputs) if a is not None and i not in self.constants}

    def model(self) -> onnx.ModelProto:
        names = ["" if a is None else f"x{i}" for i, a in enumerate(self.inputs)]
        outputs = [f"y{i}" for i in range(self.outputs)]
        outputs = ["" if i in self.skipped else name for i, name in enumerate(outputs)]
        node = helper.make_node(self.op, names, outputs, name="the_node", domain=self.domain, **self.attributes)
        given = [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in self.feeds().items()
        ]
        held = [numpy_helper.from_array(np.asarray(self.inputs[i]), f"x{i}") for i in self.constants]
        made = [onnx.ValueInfoProto(name=name) for name in filter(None, outputs)]
        graph = helper.make_graph([node], "one_node", given, made, held)
        model = helper.make_model(graph, opset_imports=self._opsets(), ir_version=IR_VERSION)
        return model if self.domain else _with_output_types(model)

    def _opsets(self) -> list[onnx.OperatorSetIdProto]:
        own = [helper.make_opsetid(self.domain, self.version)] if self.domain else []
        return [helper.make_opsetid("", self.opset), *own]


def _with_output_types(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with the element types of its outputs filled in, as ONNX's own inference finds them."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    for output in model.graph.output:
        found = next(value for value in inferred.graph.output if value.name == output.name)
        output.type.CopyFrom(found.type)
    return model


def run_graph(graph: Graph, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """The Graph's outputs, computed by PyTorch."""
    with torch.no_grad():
        return [value.numpy() for value in graph(*[torch.from_numpy(feeds[name]) for name in graph.meta["inputs"]])]


def run_oracle(model: onnx.ModelProto, feeds: dict[str, np.ndarray], reference: bool = False) -> list[np.ndarray]:
    if reference:
        return list(ReferenceEvaluator(model).run(None, feeds))
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    return list(
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run(None, feeds)
    )


def imported(case: Case) -> Graph:
    return import_model(case.model())
