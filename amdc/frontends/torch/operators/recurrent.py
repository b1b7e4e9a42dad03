"""LSTM, GRU and RNN modules: a matrix product over all steps, then amdc's recurrent operators, for each layer and direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.fx import Node

from amdc.frontends.torch.errors import NotSupported
from amdc.frontends.torch.operators.movement import view
from amdc.frontends.torch.operators.registry import Emit, rewrites
from amdc.ir.graph import dtype, shape

aten = torch.ops.aten
LSTM_ORDER = (0, 3, 1, 2)  # PyTorch's gates are input, forget, cell, output; amdc's input, output, forget, cell
GRU_ORDER = (1, 0, 2)  # reset, update, new; update, reset, new
PLAIN_ORDER = (0,)


def _reordered(emit: Emit, x: Any, order: Sequence[int]) -> Any:
    """The gates, stacked along the first dimension, in another order."""
    if len(order) == 1:
        return x
    extent = shape(x)[0] // len(order)
    return emit(aten.cat.default, [emit(aten.slice.Tensor, x, 0, k * extent, (k + 1) * extent) for k in order], 0)


def _gates(emit: Emit, x: Node, weight: Any, bias: Any, order: Sequence[int]) -> Node:
    """x [T,B,I] times the input weights, plus a bias, for all steps at once: [T,B,G]."""
    steps, batch, width = shape(x)
    flat = view(emit, x, [steps * batch, width])
    turned = emit(aten.permute.default, _reordered(emit, weight, order), [1, 0])
    made = emit(aten.mm.default, flat, turned) if bias is None else emit(aten.addmm.default, bias, flat, turned)
    return view(emit, made, [steps, batch, shape(made)[1]])


class _Layer:
    """One direction of one layer: its weights, and the initial state's parts [B,H]."""

    def __init__(self, emit: Emit, parameters: Sequence[Any], states: Sequence[Any]) -> None:
        self.emit, self.states = emit, states
        self.input_weight, self.weight = parameters[0], parameters[1]
        self.input_bias: Any = parameters[2] if len(parameters) > 2 else None
        self.bias: Any = parameters[3] if len(parameters) > 2 else None

    def _sum(self, order: Sequence[int]) -> Any:
        """Both biases in one."""
        if self.bias is None:
            return None
        return _reordered(self.emit, self.emit(aten.add.Tensor, self.input_bias, self.bias), order)

    def lstm(self, x: Node, reverse: bool) -> tuple[Node, list[Node]]:
        emit, hidden = self.emit, shape(self.weight)[1]
        gates = _gates(emit, x, self.input_weight, self._sum(LSTM_ORDER), LSTM_ORDER)
        state = emit(aten.cat.default, list(self.states), 1)
        weight = _reordered(emit, self.weight, LSTM_ORDER)
        common = ("Sigmoid,Tanh,Tanh", [0.0] * 3, [0.0] * 3, 0.0)
        every = emit(torch.ops.amdc.lstm.default, gates, weight, state, None, None, *common, False, reverse)
        last = emit(aten.select.int, every, 0, 0 if reverse else shape(x)[0] - 1)
        parts = [emit(aten.slice.Tensor, last, 1, k * hidden, (k + 1) * hidden) for k in (0, 1)]
        return emit(aten.slice.Tensor, every, 2, 0, hidden), parts

    def gru(self, x: Node, reverse: bool) -> tuple[Node, list[Node]]:
        """The new gate's hidden bias stands inside the reset, so it cannot join the input's."""
        emit, hidden, bias, inner = self.emit, shape(self.weight)[1], None, None
        if self.bias is not None:
            gating = emit(aten.slice.Tensor, self.bias, 0, 0, 2 * hidden)
            outer = emit(aten.cat.default, [gating, torch.zeros(hidden, dtype=dtype(self.bias))], 0)
            bias = _reordered(emit, emit(aten.add.Tensor, self.input_bias, outer), GRU_ORDER)
            inner = emit(aten.slice.Tensor, self.bias, 0, 2 * hidden, 3 * hidden)
        gates = _gates(emit, x, self.input_weight, bias, GRU_ORDER)
        weight = _reordered(emit, self.weight, GRU_ORDER)
        common = ("Sigmoid,Tanh", [0.0] * 2, [0.0] * 2, 0.0)
        every = emit(torch.ops.amdc.gru.default, gates, weight, inner, self.states[0], None, *common, True, reverse)
        return every, [emit(aten.select.int, every, 0, 0 if reverse else shape(x)[0] - 1)]

    def plain(self, activation: str, x: Node, reverse: bool) -> tuple[Node, list[Node]]:
        gates = _gates(self.emit, x, self.input_weight, self._sum(PLAIN_ORDER), PLAIN_ORDER)
        common = (activation, [0.0], [0.0], 0.0)
        every = self.emit(torch.ops.amdc.rnn.default, gates, self.weight, self.states[0], None, *common, reverse)
        return every, [self.emit(aten.select.int, every, 0, 0 if reverse else shape(x)[0] - 1)]


Step = Callable[[_Layer, Node, bool], tuple[Node, list[Node]]]  # steps and final states of one direction of one layer


def _plain(activation: str) -> Step:
    return lambda layer, x, reverse: layer.plain(activation, x, reverse)


@dataclass(frozen=True)
class _Stack:
    """How a module arranges its layers: PyTorch's own parameters."""

    step: Step
    has_biases: bool
    layers: int
    bidirectional: bool
    batch_first: bool

    def run(self, emit: Emit, x: Node, states: Sequence[Any], parameters: Sequence[Any]) -> tuple[Any, ...]:
        """The last layer's steps, and each part of the final states [layers * directions, B, H]."""
        directions, each = 1 + self.bidirectional, 4 if self.has_biases else 2
        if len(parameters) != self.layers * directions * each:
            raise NotSupported("projections of the hidden state (proj_size)")
        current = emit(aten.permute.default, x, [1, 0, 2]) if self.batch_first else x
        finals: list[list[Node]] = [[] for _ in states]
        for first in range(0, self.layers * directions, directions):
            results = []
            for index in range(first, first + directions):
                starts = [emit(aten.select.int, state, 0, index) for state in states]
                layer = _Layer(emit, parameters[index * each : (index + 1) * each], starts)
                steps, ends = self.step(layer, current, index > first)
                results.append(steps)
                for part, end in zip(finals, ends, strict=True):
                    part.append(emit(aten.unsqueeze.default, end, 0))
            current = results[0] if directions == 1 else emit(aten.cat.default, results, 2)
        steps = emit(aten.permute.default, current, [1, 0, 2]) if self.batch_first else current
        return steps, *(part[0] if len(part) == 1 else emit(aten.cat.default, part, 0) for part in finals)


@rewrites(aten.lstm.input, whole=True)
def lstm(
    emit: Emit,
    x: Node,
    states: list[Any],
    parameters: list[Any],
    has_biases: bool,
    layers: int,
    dropout: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> tuple[Any, ...]:
    """In evaluation mode: dropout between layers does nothing."""
    return _Stack(_Layer.lstm, has_biases, layers, bidirectional, batch_first).run(emit, x, states, parameters)


def _single(step: Step) -> Any:
    def function(
        emit: Emit,
        x: Node,
        state: Node | Tensor,
        parameters: list[Any],
        has_biases: bool,
        layers: int,
        dropout: float,
        train: bool,
        bidirectional: bool,
        batch_first: bool,
    ) -> tuple[Any, ...]:
        """A module with one state."""
        return _Stack(step, has_biases, layers, bidirectional, batch_first).run(emit, x, [state], parameters)

    return function


rewrites(aten.gru.input, whole=True)(_single(_Layer.gru))
rewrites(aten.rnn_tanh.input, whole=True)(_single(_plain("Tanh")))
rewrites(aten.rnn_relu.input, whole=True)(_single(_plain("Relu")))
