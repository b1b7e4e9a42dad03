"""Turns an ONNX model into a Graph: one walk over its nodes.

A value that depends on constants and static shapes alone is computed at once in torch; everything else is traced. So the shape
arithmetic of dynamic exports, and weights that a model makes with ConstantOfShape, end as constants.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor

from amdc.errors import ModelError
from amdc.frontends.onnx.check import check_model, default_opset, node_label, opsets
from amdc.frontends.onnx.elements import element_name, to_user
from amdc.frontends.onnx.inputs import BoundInput, bind_inputs
from amdc.frontends.onnx.load import Model, load_model
from amdc.frontends.onnx.specialize import bound_values, read_specialized, split_bindings
from amdc.frontends.onnx.tensors import sparse_tensor
from amdc.frontends.onnx.tracer import Recorder
from amdc.frontends.onnx.values import Scope, Value, constant
from amdc.frontends.onnx.walk import Walk, is_stored
from amdc.ir.graph import Graph

SHOWN_FAILURES = 8  # what fits on a screen


class NeedsConstants(ModelError):
    """The model cannot be imported because shapes or parameters depend on the values of `inputs`, which could be specialised.
    `open_loop`: among them is the number of iterations of a Loop (`stages` reads such a model)."""

    def __init__(self, message: str, inputs: frozenset[str], open_loop: bool = False) -> None:
        super().__init__(message)
        self.inputs = inputs
        self.open_loop = open_loop


def import_model(
    model: str | Path | bytes | onnx.ModelProto,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
    bindings: Mapping[str, int] | None = None,
    specialize_inputs: Mapping[str, np.ndarray] | None = None,
) -> Graph:
    """The Graph of an ONNX model: core ATen and amdc:: operators with static shapes (contract: amdc.ir.graph).

    `shapes` gives whole input shapes by input name, `bindings` single symbolic dimensions by symbol, or the value of an integer
    input with one element by its name: that input is specialised. `specialize_inputs` gives the values of inputs that decide
    shapes or operators' parameters (the `shape` of a Reshape, the trip count of a Loop): the Graph is made for these values
    alone, and who runs it must check that it gets them (`meta["specialized"]`: name -> array).
    `meta` of the Graph: inputs, outputs (user names), input_types and output_types (ONNX element type names), constants
    (attribute -> user name), specialized, folded (outputs that are constants because of specialised inputs), model (opset,
    ir_version, producer).
    Raises ModelError (unreadable, invalid, unsupported) and UsageError (no such file, unknown input, unbound dimension).
    """
    with prepare(model, shapes, bindings) as prepared:
        given = prepared.values | dict(specialize_inputs or {})
        return _import(prepared, read_specialized(prepared.model.name, prepared.bound, given))


@dataclass(frozen=True)
class Prepared:
    """A checked model with settled inputs. `values` are those of inputs that bindings name, `scope` holds the weights."""

    model: Model
    bound: dict[str, BoundInput]
    values: dict[str, np.ndarray]
    scope: Scope


@contextmanager
def prepare(
    model: str | Path | bytes | onnx.ModelProto,
    shapes: Mapping[str, tuple[int, ...]] | None,
    bindings: Mapping[str, int] | None,
) -> Iterator[Prepared]:
    """What every import begins with, and the state of torch in which it goes on. Raises what `import_model` does."""
    loaded = load_model(model)
    check_model(loaded)
    weights = read_weights(loaded)
    symbols, numbers = split_bindings(loaded.proto, bindings or {})
    bound = bind_inputs(loaded, dict(shapes or {}), symbols)
    values = bound_values(loaded.name, bound, numbers)
    with torch.no_grad(), _quiet("torch._subclasses.fake_tensor"):
        yield Prepared(loaded, bound, values, Scope(opsets(loaded.proto), weights))


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


def read_weights(model: Model) -> dict[str, Value]:
    """The model's initializers by name, sparse ones densified. Raises ModelError with all that cannot be read."""
    weights, problems = {}, []
    graph = model.proto.graph
    for initializer in graph.initializer:
        try:
            weights[initializer.name] = constant(model.reader.read_initializer(initializer), initializer.data_type)
        except ModelError as problem:
            problems.append(str(problem))
    for sparse in graph.sparse_initializer:
        try:
            tensor = sparse_tensor(sparse, model.reader, f"initializer '{sparse.values.name}'")
            weights[sparse.values.name] = constant(tensor, sparse.values.data_type)
        except ModelError as problem:
            problems.append(str(problem))
    if problems:
        more = [f"and {len(problems) - SHOWN_FAILURES} more"] if len(problems) > SHOWN_FAILURES else []
        raise ModelError(f"{model.name}: weights cannot be read\n  " + "\n  ".join(problems[:SHOWN_FAILURES] + more))
    return weights


def _import(prepared: Prepared, known: dict[str, Tensor]) -> Graph:
    model, bound, scope = prepared.model, prepared.bound, prepared.scope
    recorder = Recorder()
    for name, port in bound.items():
        traced = recorder.placeholder(name, port.shape, port.dtype)
        scope.values[name] = Value(traced, port.element, known.get(name), frozenset([name]))
    walk = Walk(recorder, model.reader)
    for index, node in enumerate(model.proto.graph.node):
        walk.top_node(node, node_label(node, index), scope)
    if walk.failures:
        raise failure(model.name, walk, frozenset(known)) from walk.cause
    names = tuple(output.name for output in model.proto.graph.output)
    results = [scope.values[name] for name in names]
    outputs = tuple(walk.output(value, name) for value, name in zip(results, names, strict=True))
    meta = {
        "inputs": tuple(bound),
        "outputs": names,
        "input_types": tuple(element_name(port.element) for port in bound.values()),
        "output_types": tuple(element_name(value.element) for value in results),
        "folded": tuple(name for value, name in zip(results, names, strict=True) if value.inputs and is_stored(value)),
        "specialized": {name: to_user(tensor, bound[name].element) for name, tensor in known.items()},
        "model": about(model.proto),
    }
    return recorder.finish(outputs, meta)


def about(proto: onnx.ModelProto) -> dict[str, Any]:
    """What a Graph keeps of the model's header."""
    producer = f"{proto.producer_name} {proto.producer_version}".strip()
    return {"opset": default_opset(proto), "ir_version": proto.ir_version, "producer": producer}


def failure(name: str, walk: Walk, specialized: frozenset[str] = frozenset()) -> ModelError:
    """The error for all nodes that failed; a NeedsConstants where constant inputs would help."""
    count = len(walk.failures)
    shown = "\n  ".join(walk.failures[:SHOWN_FAILURES])
    more = f"\n  and {count - SHOWN_FAILURES} more" if count > SHOWN_FAILURES else ""
    text = f"{name}: {count} node{'s' * (count > 1)} cannot be imported\n  {shown}{more}"
    needed = walk.needed_inputs - specialized
    return NeedsConstants(text, needed, walk.has_open_loop) if needed else ModelError(text)
