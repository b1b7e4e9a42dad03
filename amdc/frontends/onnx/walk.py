"""The walk over a model's nodes: finds what a node means, calls it, and keeps what fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import onnx
import torch
from torch import Tensor

from amdc.frontends.onnx import control_flow
from amdc.frontends.onnx.calls import describe, keyword_arguments, positional_arguments, real_arguments
from amdc.frontends.onnx.functions import expand, function_body
from amdc.frontends.onnx.gradient import TRAINING, gradient
from amdc.frontends.onnx.registry import NeedsConstant, NotSupported, Operator, find_operator
from amdc.frontends.onnx.tensors import TensorReader
from amdc.frontends.onnx.tracer import Recorder
from amdc.frontends.onnx.values import Scope, Value, constant, result_element


class Walk:
    """The state of one import. `failures` describes the nodes of the model's own graph that cannot be imported."""

    def __init__(self, recorder: Recorder, reader: TensorReader) -> None:
        self.recorder = recorder
        self.reader = reader
        self.imported: list[onnx.NodeProto] = []  # of the model's own graph, in order
        self.failures: list[str] = []
        self.cause: Exception | None = None  # of the first failure
        self.needed_inputs: frozenset[str] = frozenset()  # model inputs whose values failing nodes need at import
        self.has_open_loop = False  # whether one of them is a Loop, for its trip count or condition

    def top_node(self, node: onnx.NodeProto, label: str, scope: Scope) -> None:
        """Import a node of the model's own graph; a failure is kept, and the nodes that need its outputs are passed over."""
        if any(name and name not in scope.values for name in (*node.input, *control_flow.captured(node))):
            return
        try:
            self.node(node, label, scope)
            self.imported.append(node)
        except Exception as problem:  # whatever an operator raises on a bad node is the model's fault, and is shown as such
            self.cause = self.cause or problem
            self.failures.append(describe(node, label, self.arguments(node, scope), problem))
            if isinstance(problem, NeedsConstant):
                self.needed_inputs |= problem.inputs
                self.has_open_loop |= node.op_type == "Loop"

    def node(self, node: onnx.NodeProto, label: str, scope: Scope) -> None:
        """Evaluate or trace one node, and name its results in the scope."""
        arguments = self.arguments(node, scope)
        results = self._meaning(node, label, scope, arguments)
        if missing := next(filter(None, node.output[len(results) :]), None):
            raise NotSupported(f"its output '{missing}' is not supported")
        for name, value in zip(node.output, results, strict=False):
            if name and value is not None:
                scope.values[name] = value
                if scope.label is None:
                    self._name_node(value, name)

    def arguments(self, node: onnx.NodeProto, scope: Scope) -> list[Value | None]:
        return [scope.values[name] if name else None for name in node.input]

    def _meaning(self, node: onnx.NodeProto, label: str, scope: Scope, arguments: list[Value | None]) -> Sequence[Value | None]:
        """A node's results: by control flow, by our own operator, or by the function that the specification gives."""
        if node.op_type in control_flow.OPERATORS and node.domain in ("", "ai.onnx"):
            return control_flow.OPERATORS[node.op_type](self, node, label, scope, arguments)
        if node.op_type == "Gradient" and node.domain == TRAINING:
            return gradient(self, node, label, scope, arguments)
        operator = find_operator(node.domain, node.op_type, scope.opsets.get(node.domain, 0))
        if operator is not None and not control_flow.subgraphs(node):  # our functions take no subgraphs (FlexAttention has some)
            return self._call(operator, node, label, scope, arguments)
        body = function_body(node, scope.opsets, arguments)
        if body is None:
            raise NotSupported(f"the operator {node.op_type} is not supported")
        return expand(self, body, node, label, scope.opsets, arguments)

    def _call(
        self, operator: Operator, node: onnx.NodeProto, label: str, scope: Scope, arguments: list[Value | None]
    ) -> list[Value]:
        """The results of our own operator, traced where an argument is; and their content where specialised inputs tell it."""
        keywords = keyword_arguments(operator, node, label, self.reader, arguments)
        deciding = [v for i, v in enumerate(arguments) if v is not None and operator.decides(i)]
        inputs = frozenset[str]().union(*(value.inputs for value in deciding))
        ordered = positional_arguments(self, operator, node, arguments)
        if any(self.recorder.is_traced(value) and operator.decides(i) for i, value in enumerate(ordered)):
            results = self.record(label, lambda: operator.function(*ordered, **keywords))
        else:
            results = _tuple(operator.function(*ordered, **keywords))
        known: Sequence[Tensor | None] = (None,) * len(results)
        if inputs and all(value.content is not None for value in deciding):
            known = _tuple(operator.function(*real_arguments(operator, arguments), **keywords))
        version = scope.opsets.get(node.domain, 0)
        return [
            Value(result, result_element(node, i, version, arguments, result), known[i], inputs)
            for i, result in enumerate(results)
        ]

    def record(self, label: str, function: Callable[[], Any]) -> tuple[Tensor, ...]:
        """What a torch function gives on traced tensors, its operators recorded under the user's node."""
        self.recorder.source = (label,)
        with self.recorder:
            return _tuple(function())

    def apply(self, label: str, function: Callable[..., Tensor], *values: Value) -> Value:
        """A torch function of values, all of them operands: a constant where they all are."""
        inputs = frozenset[str]().union(*(value.inputs for value in values))
        contents = [value.content for value in values]
        known = function(*contents) if all(content is not None for content in contents) else None
        if not any(value.is_traced for value in values):
            assert known is not None
            return constant(known, values[0].element)
        operands = [self.traced(value, "constant") for value in values]
        (result,) = self.record(label, lambda: function(*operands))
        return Value(result, values[0].element, known, inputs)

    def traced(self, value: Value, name: str) -> Tensor:
        """The traced tensor of a value; a constant becomes one of the Graph."""
        return value.tensor if value.is_traced else self.recorder.constant(value.tensor, name)

    def output(self, value: Value, name: str) -> Tensor:
        """The traced tensor of an output of the model. One with a single value throughout, whose shape an input decides, is
        written by an operator: it is not one of the model's constants."""
        if value.is_traced or not value.inputs or is_stored(value):
            return self.traced(value, name)
        tensor = value.tensor
        return self.recorder.fill(tuple(tensor.shape), tensor.reshape(-1)[:1].tolist(), tensor.dtype, name)

    def content(self, value: Value, name: str, what: str) -> Tensor:
        """The values of something that must be known at import. Raises NeedsConstant."""
        if value.content is None:
            raise NeedsConstant(f"{what} ('{name}') must be a constant, but depends on the model's inputs", value.inputs)
        return value.content

    def _name_node(self, value: Value, name: str) -> None:
        """Note on the fx node the user's name of its tensor; the first name stays where several values are one tensor."""
        if value.is_traced:
            meta = self.recorder.node(value.tensor).meta
            meta["value"] = meta["value"] or name


def is_stored(value: Value) -> bool:
    """Whether a value is a constant with contents of its own: not traced, not empty, and not one number in several places."""
    tensor = value.tensor
    if value.is_traced or not tensor.numel():
        return False
    codes = tensor.contiguous().reshape(-1).view(torch.uint8).reshape(tensor.numel(), -1)  # float8 has no comparison
    return len(codes) == 1 or bool((codes != codes[0]).any())


def _tuple(results: Any) -> tuple[Tensor, ...]:
    return results if isinstance(results, tuple) else (results,)
