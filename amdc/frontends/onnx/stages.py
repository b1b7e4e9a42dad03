"""Models with a Loop whose number of iterations depends on the inputs: cut there into several Graphs.

A Graph has no branches, so such a model becomes stages that run one after another: what stands before the loop, the loop's body,
which runs again as long as its condition holds, and what stands behind it. Values that a later stage needs are states of the
Graphs (amdc.ir.graph), which stay on the device; the host reads nothing but the condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import onnx
import torch
from torch import Tensor

from amdc.frontends.onnx.calls import describe
from amdc.frontends.onnx.check import node_label
from amdc.frontends.onnx.control_flow import ENDLESS, captured, run_graph, subgraphs
from amdc.frontends.onnx.elements import element_name
from amdc.frontends.onnx.importer import Prepared, about, failure, prepare
from amdc.frontends.onnx.inputs import BoundInput
from amdc.frontends.onnx.registry import NeedsConstant, NotSupported
from amdc.frontends.onnx.tracer import Recorder
from amdc.frontends.onnx.values import Scope, Value, constant
from amdc.frontends.onnx.walk import Walk
from amdc.ir.graph import Graph


@dataclass(frozen=True)
class Stage:
    """A Graph of a staged model. Where `condition` names a state (bool, one element), the stage runs while that state is true."""

    key: str
    graph: Graph
    condition: str | None = None


def import_stages(
    model: Any, shapes: Mapping[str, tuple[int, ...]] | None = None, bindings: Mapping[str, int] | None = None
) -> list[Stage]:
    """The stages of an ONNX model, in the order in which they run. Arguments and errors are those of `import_model`."""
    with prepare(model, shapes, bindings) as prepared:
        return _Stages(prepared).run()


class _Stages:
    """The stages made so far, and the one that is being recorded."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self._nodes = list(prepared.model.proto.graph.node)
        self._outputs = [output.name for output in prepared.model.proto.graph.output]
        self._stages: list[Stage] = []
        self._begin(prepared.scope, {})
        self._inputs |= prepared.bound
        for name, port in prepared.bound.items():
            traced = self._recorder.placeholder(name, port.shape, port.dtype)
            self._scope.values[name] = Value(traced, port.element, inputs=frozenset([name]))

    def run(self) -> list[Stage]:
        for index, node in enumerate(self._nodes):
            label = node_label(node, index)
            if not self._fits(node, label):
                self._check()
                self._cut(node, label, index)
        self._check()
        self._end("after" if self._stages else "main", {}, {name: self._scope.values[name] for name in self._outputs})
        return self._stages

    def _check(self) -> None:
        if self._walk.failures:
            raise failure(self._prepared.model.name, self._walk) from self._walk.cause

    def _fits(self, node: onnx.NodeProto, label: str) -> bool:
        """Import a node into this stage; False for a Loop that cannot be unrolled (what the attempt records is dropped with the
        dead code)."""
        if node.op_type == "Loop" and all(name in self._scope.values for name in (*filter(None, node.input), *captured(node))):
            try:
                self._walk.node(node, label, self._scope)
                return True
            except NeedsConstant:
                return False
            except Exception:  # it is met, and told, again by `top_node`
                pass
        self._walk.top_node(node, label, self._scope)
        return True

    def _cut(self, node: onnx.NodeProto, label: str, index: int) -> None:
        """End the stage before a loop, make the loop's own, and begin the one behind it."""
        outside = self._scope
        try:
            loop = _OpenLoop(self._walk, node, label, outside)
            behind = {name for later in self._nodes[index + 1 :] for name in (*later.input, *captured(later))} | {*self._outputs}
            crossing = {n: v for n, v in outside.values.items() if v.is_traced and n in behind | captured(node)}
            self._end(f"before {label}", crossing | loop.starts, {})
            self._begin(outside, crossing | loop.starts)
            self._end(label, loop.iterate(self._walk, self._scope), {}, loop.condition)
        except Exception as problem:  # as in `Walk.top_node`: whatever a bad node raises is the model's fault
            self._walk.cause = problem
            self._walk.failures.append(
                describe(node, label, [outside.values[name] if name else None for name in node.input], problem)
            )
            self._check()
        self._begin(outside, {n: v for n, v in crossing.items() if n in behind} | loop.carried)
        for name, carried in zip(node.output, loop.carried, strict=False):
            if name:
                self._scope.values[name] = self._scope.values[carried]

    def _begin(self, outside: Scope, crossing: Mapping[str, Value]) -> None:
        """A new stage. Constants stay visible; of the traced values, those that cross come from states."""
        self._recorder = Recorder()
        self._walk = Walk(self._recorder, self._prepared.model.reader)
        self._inputs: dict[str, BoundInput] = {}
        self._states: dict[str, Tensor] = {}
        self._scope = Scope(outside.opsets, {name: value for name, value in outside.values.items() if not value.is_traced})
        for name, value in crossing.items():
            self._scope.values[name] = Value(self._state(name, value.tensor), value.element)

    def _state(self, name: str, like: Tensor) -> Tensor:
        """The placeholder of the state that holds a value."""
        shape = tuple(int(extent) for extent in like.shape)
        return self._states.setdefault(f"held.{name}", self._recorder.placeholder(f"held.{name}", shape, like.dtype))

    def _end(self, key: str, held: Mapping[str, Value], outputs: Mapping[str, Value], condition: str | None = None) -> None:
        """Finish the stage: it leaves values in states, or gives the model's outputs."""
        for name, value in held.items():
            if f"held.{name}" not in self._states:
                self._state(name, value.tensor)
        following = self._states | {f"held.{name}": self._walk.traced(value, name) for name, value in held.items()}
        results = tuple(self._walk.output(value, name) for name, value in outputs.items())
        meta = {
            "inputs": (*self._inputs, *self._states),
            "outputs": (*outputs, *(f"{name}.next" for name in following)),
            "states": tuple((name, f"{name}.next") for name in following),
            "input_types": tuple(element_name(port.element) for port in self._inputs.values()),
            "output_types": tuple(element_name(value.element) for value in outputs.values()),
            "folded": (),
            "specialized": {},
            "model": about(self._prepared.model.proto),
        }
        graph = self._recorder.finish((*results, *following.values()), meta)
        self._stages.append(Stage(key, graph, condition and f"held.{condition}"))


class _OpenLoop:
    """A Loop's state: how often it ran, how often it may, whether it runs again, and what it carries along."""

    def __init__(self, walk: Walk, node: onnx.NodeProto, label: str, scope: Scope) -> None:
        self._label, (self._body,) = label, subgraphs(node)
        count, going, *carried = (*walk.arguments(node, scope), None, None)[: max(2, len(node.input))]
        scanned = len(self._body.output) - 1 - len(carried)
        if scanned:
            raise NotSupported(
                f"it stacks {scanned} value{'s' * (scanned > 1)} of each iteration, and how many depends on the model's inputs; "
                "export the model with a fixed trip count"
            )
        trips = constant(torch.tensor(ENDLESS)) if count is None else _scalar(walk, label, count)
        going = constant(torch.tensor(True)) if going is None else _scalar(walk, label, going)
        self._iteration, self._trips, self.condition = (f"{label}.{what}" for what in ("iteration", "trips", "condition"))
        self.carried = {f"{label}.{i}": _given(value, node.input[2 + i]) for i, value in enumerate(carried)}
        self.starts = {
            self._iteration: constant(torch.tensor(0)),
            self._trips: trips,
            self.condition: walk.apply(label, lambda go, n: go & (n > 0), going, trips),
            **self.carried,
        }

    def iterate(self, walk: Walk, scope: Scope) -> dict[str, Value]:
        """What the states hold after an iteration that begins with those in the scope."""
        begun = [scope.values[name] for name in self.carried]
        iteration, going = scope.values[self._iteration], scope.values[self.condition]
        again, *carried = run_graph(walk, self._body, self._label, scope, [iteration, going, *begun])
        for output, old, new in zip(self._body.output[1:], begun, carried, strict=True):
            if (old.element, old.tensor.shape) != (new.element, new.tensor.shape):
                raise NotSupported(
                    f"it carries '{output.name}', {element_name(old.element)} {list(old.tensor.shape)} before and "
                    f"{element_name(new.element)} {list(new.tensor.shape)} after an iteration; the form may not change"
                )
        count = walk.apply(self._label, lambda i: i + 1, iteration)
        again = walk.apply(
            self._label, lambda go, i, n: go & (i < n), _scalar(walk, self._label, again), count, scope.values[self._trips]
        )
        return {self._iteration: count, self.condition: again, **dict(zip(self.carried, carried, strict=True))}


def _scalar(walk: Walk, label: str, value: Value) -> Value:
    """ONNX writes a count or a condition with or without a dimension of one."""
    return replace(walk.apply(label, lambda tensor: tensor.reshape(()), value), element=value.element)


def _given(value: Value | None, name: str) -> Value:
    if value is None:
        raise NotSupported(f"its input '{name}' is missing")
    return value
