"""Turns an ONNX model into a Graph: one walk over its nodes.

A value that depends on constants and static shapes alone is computed at once in torch; everything else is traced. So the shape
arithmetic of dynamic exports, and weights that a model makes with ConstantOfShape, end as constants.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import Tensor

from amdc.errors import ModelError
from amdc.frontends.onnx.check import check_model, default_opset, node_label, opsets
from amdc.frontends.onnx.inputs import bind_inputs
from amdc.frontends.onnx.load import Model, load_model
from amdc.frontends.onnx.registry import NotSupported, Operator, find_operator
from amdc.frontends.onnx.tensors import attribute_value
from amdc.frontends.onnx.tracer import Recorder
from amdc.ir.graph import Graph

SHOWN_FAILURES = 8  # what fits on a screen


def import_model(
    model: str | Path | bytes | onnx.ModelProto,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    bindings: Mapping[str, int] | None = None,
) -> Graph:
    """The Graph of an ONNX model: core ATen and amdc:: operators with static shapes (contract: amdc.ir.graph).

    `shapes` gives whole input shapes by input name, `bindings` single symbolic dimensions by symbol.
    `meta` of the Graph: inputs, outputs (user names), constants (attribute -> user name), model (opset, ir_version, producer).
    Raises ModelError (unreadable, invalid, unsupported) and UsageError (no such file, unknown input, unbound dimension).
    """
    loaded = load_model(model)
    check_model(loaded)
    weights = read_weights(loaded)
    graph_inputs = bind_inputs(loaded, dict(shapes or {}), dict(bindings or {}))
    with torch.no_grad(), _quiet("torch._subclasses.fake_tensor"):
        return _Importer(loaded, weights).run(graph_inputs)


@contextmanager
def _quiet(logger: str) -> Iterator[None]:
    """Keep torch from logging what a node raises: it is part of the error that the user gets."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)


def read_weights(model: Model) -> dict[str, Tensor]:
    """The model's initializers by name. Raises ModelError with all that cannot be read."""
    weights, problems = {}, []
    for initializer in model.proto.graph.initializer:
        try:
            weights[initializer.name] = model.reader.read_initializer(initializer)
        except ModelError as problem:
            problems.append(str(problem))
    if problems:
        more = [f"and {len(problems) - SHOWN_FAILURES} more"] if len(problems) > SHOWN_FAILURES else []
        raise ModelError(f"{model.name}: weights cannot be read\n  " + "\n  ".join(problems[:SHOWN_FAILURES] + more))
    return weights


class _Importer:
    """The state of one walk: the tensor of each ONNX value, real for constants and traced for the rest."""

    def __init__(self, model: Model, weights: dict[str, Tensor]) -> None:
        self._model = model
        self._opsets = opsets(model.proto)
        self._recorder = Recorder()
        self._values = dict(weights)
        self._failures: list[str] = []
        self._cause: Exception | None = None  # of the first failure

    def run(self, inputs: Mapping[str, tuple[tuple[int, ...], torch.dtype]]) -> Graph:
        proto = self._model.proto
        for name, (shape, dtype) in inputs.items():
            self._values[name] = self._recorder.placeholder(name, shape, dtype)
        for index, node in enumerate(proto.graph.node):
            self._import_node(node, index)
        if self._failures:
            raise ModelError(_failure_text(self._model.name, self._failures)) from self._cause
        names = tuple(output.name for output in proto.graph.output)
        outputs = tuple(self._traced(self._values[name], name) for name in names)
        return self._recorder.finish(outputs, {"inputs": tuple(inputs), "outputs": names, "model": self._about()})

    def _import_node(self, node: onnx.NodeProto, index: int) -> None:
        """Evaluate or trace one node; a failure is kept, and the nodes that need its outputs are passed over."""
        if any(name and name not in self._values for name in node.input):
            return
        arguments = [self._values[name] if name else None for name in node.input]
        try:
            results = self._call(node, node_label(node, index), arguments)
        except Exception as problem:  # whatever an operator raises on a bad node is the model's fault, and is shown as such
            self._cause = self._cause or problem
            self._failures.append(_describe(node, node_label(node, index), arguments, problem))
            return
        for name, result in zip(node.output, results, strict=False):
            if name:
                self._values[name] = result
                self._name_node(result, name)

    def _call(self, node: onnx.NodeProto, label: str, arguments: list[Tensor | None]) -> tuple[Tensor, ...]:
        operator = find_operator(node.domain, node.op_type, self._opsets[node.domain])
        assert operator is not None, f"check_model let {node.op_type} pass"
        keywords = {a.name: attribute_value(a, self._model.reader, f"node '{label}'") for a in node.attribute}
        if operator.counts_outputs:
            keywords["output_count"] = len(node.output)
        inputs = [self._argument(operator, node, i, value) for i, value in enumerate(arguments)]
        if not any(self._recorder.is_traced(value) and operator.decides(i) for i, value in enumerate(inputs)):
            results = operator.function(*inputs, **keywords)
        else:
            traced = [self._operand(operator, node, i, value) for i, value in enumerate(inputs)]
            self._recorder.source = (label,)
            with self._recorder:
                results = operator.function(*traced, **keywords)
        results = results if isinstance(results, tuple) else (results,)
        if any(node.output[len(results) :]):
            raise NotSupported(f"its output '{next(filter(None, node.output[len(results) :]))}' is not supported")
        return results

    def _argument(self, operator: Operator, node: onnx.NodeProto, index: int, value: Tensor | None) -> Any:
        """An input as the operator's function wants it: a tensor, or a Python value where it is static."""
        name = operator.positional[index] if index < len(operator.positional) else ""
        if value is None or name not in operator.static:
            return value
        if self._recorder.is_traced(value):
            raise NotSupported(
                f"its input '{name}' ('{node.input[index]}') must be a constant, but depends on the model's inputs"
            )
        return value.tolist()

    def _operand(self, operator: Operator, node: onnx.NodeProto, index: int, value: Any) -> Any:
        """An input of a traced call: constants become traced tensors, or numbers where the operator takes those."""
        if not isinstance(value, Tensor) or self._recorder.is_traced(value):
            return value
        rank = max(self._values[name].dim() for name in node.input if name and self._values[name] is not value)
        if (
            operator.positional[index : index + 1]
            and operator.positional[index] in operator.scalars
            and value.numel() == 1
            and value.dim() <= rank
        ):
            return value.item()
        return self._traced(value, node.input[index])

    def _traced(self, value: Tensor, name: str) -> Tensor:
        return value if self._recorder.is_traced(value) else self._recorder.constant(value, name)

    def _name_node(self, value: Tensor, name: str) -> None:
        """Note on the fx node the user's name of its tensor; the first name stays where several values are one tensor."""
        if self._recorder.is_traced(value):
            meta = self._recorder.node(value).meta
            meta["value"] = meta["value"] or name

    def _about(self) -> dict[str, Any]:
        proto = self._model.proto
        producer = f"{proto.producer_name} {proto.producer_version}".strip()
        return {"opset": default_opset(proto), "ir_version": proto.ir_version, "producer": producer}


def _describe(node: onnx.NodeProto, label: str, arguments: list[Tensor | None], problem: Exception) -> str:
    """Node, operator, input shapes and reason, in two lines."""
    shapes = ", ".join("none" if value is None else f"{list(value.shape)} {str(value.dtype)[6:]}" for value in arguments)
    reason = str(problem).strip().split("\n")[0] or type(problem).__name__
    return f"node '{label}' ({node.op_type}) on {shapes or 'no inputs'}\n    {reason}"


def _failure_text(name: str, failures: list[str]) -> str:
    count = len(failures)
    shown = "\n  ".join(failures[:SHOWN_FAILURES])
    more = f"\n  and {count - SHOWN_FAILURES} more" if count > SHOWN_FAILURES else ""
    return f"{name}: {count} node{'s' * (count > 1)} cannot be imported\n  {shown}{more}"
