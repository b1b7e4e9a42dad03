"""Recurrent layers: one direction of one layer, its input products already made by a matrix product over all steps.

Each result holds the state after every step, time first, so that a step reads row t - 1 and writes row t. `reverse` runs from the
last step to the first. Where t >= lengths[b], the step leaves batch element b's state as it is. `activations` are ONNX's names,
joined by commas, with an alpha and a beta for each; `clip` bounds what they get (0: no bound), but for the last of an LSTM, which
sees the new cell as it is (so does ONNX Runtime). Gate orders are ONNX's.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from amdc.ir.ops.register import amdc_op

COMMON = "str activations, float[] alphas, float[] betas, float clip"
Activation = Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Callable[[Tensor, float, float], Tensor]] = {
    "Affine": lambda x, alpha, beta: alpha * x + beta,
    "Elu": lambda x, alpha, _: F.elu(x, alpha),
    "HardSigmoid": lambda x, alpha, beta: torch.clamp(alpha * x + beta, 0.0, 1.0),
    "LeakyRelu": lambda x, alpha, _: F.leaky_relu(x, alpha),
    "Relu": lambda x, *_: torch.relu(x),
    "ScaledTanh": lambda x, alpha, beta: alpha * torch.tanh(beta * x),
    "Sigmoid": lambda x, *_: torch.sigmoid(x),
    "Softplus": lambda x, *_: F.softplus(x),
    "Softsign": lambda x, *_: F.softsign(x),
    "Tanh": lambda x, *_: torch.tanh(x),
    "ThresholdedRelu": lambda x, alpha, _: torch.where(x > alpha, x, 0.0),
}


def _activations(names: str, alphas: list[float], betas: list[float], clip: float) -> list[Activation]:
    def bounded(name: str, alpha: float, beta: float) -> Activation:
        function = ACTIVATIONS[name]
        return lambda x: function(torch.clamp(x, -clip, clip) if clip > 0 else x, alpha, beta)

    return [bounded(*row) for row in zip(names.split(","), alphas, betas, strict=True)]


def _scan(
    steps: Tensor, state: Tensor, lengths: Tensor | None, reverse: bool, step: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """The states [T,B,S] after each step; `step(row, state)` gives the next state [B,S]."""
    states: dict[int, Tensor] = {}
    order = range(steps.shape[0])
    for t in reversed(order) if reverse else order:
        after = step(steps[t], state)
        state = after if lengths is None else torch.where((lengths > t).unsqueeze(1), after, state)
        states[t] = state
    return torch.stack([states[t] for t in order]) if states else steps.new_empty(0, *state.shape)


@amdc_op(
    f"rnn(Tensor gates, Tensor weight, Tensor state, Tensor? lengths, {COMMON}, bool reverse) -> Tensor",
    shape=lambda gates, *_: gates.shape,
)
def rnn(
    gates: Tensor,
    weight: Tensor,
    state: Tensor,
    lengths: Tensor | None,
    activations: str,
    alphas: list[float],
    betas: list[float],
    clip: float,
    reverse: bool,
) -> Tensor:
    """h = f(gates + h weight^T): gates [T,B,H] (input products and biases), weight [H,H], state [B,H] give [T,B,H]."""
    (f,) = _activations(activations, alphas, betas, clip)
    return _scan(gates, state, lengths, reverse, lambda row, h: f(row + h @ weight.t()))


@amdc_op(
    f"gru(Tensor gates, Tensor weight, Tensor? hidden_bias, Tensor state, Tensor? lengths, {COMMON}, bool linear_before_reset, "
    "bool reverse) -> Tensor",
    shape=lambda gates, weight, bias, state, *_: (gates.shape[0], *state.shape),
)
def gru(
    gates: Tensor,
    weight: Tensor,
    hidden_bias: Tensor | None,
    state: Tensor,
    lengths: Tensor | None,
    activations: str,
    alphas: list[float],
    betas: list[float],
    clip: float,
    linear_before_reset: bool,
    reverse: bool,
) -> Tensor:
    """h = (1 - z) n + z h; gates [T,B,3H] and weight [3H,H] in the order z, r, n; state [B,H]; gives [T,B,H] (Cho et al. 2014).

    n = g(gates_n + (r h) weight_n^T), or with `linear_before_reset` g(gates_n + r (h weight_n^T + hidden_bias)), hidden_bias [H].
    """
    f, g = _activations(activations, alphas, betas, clip)
    size = state.shape[1]

    def step(row: Tensor, h: Tensor) -> Tensor:
        z, r = f(row[:, : 2 * size] + h @ weight[: 2 * size].t()).split(size, 1)
        if linear_before_reset:
            recurrent = h @ weight[2 * size :].t()
            recurrent = r * (recurrent if hidden_bias is None else recurrent + hidden_bias)
        else:
            recurrent = (r * h) @ weight[2 * size :].t()
        return (1 - z) * g(row[:, 2 * size :] + recurrent) + z * h

    return _scan(gates, state, lengths, reverse, step)


@amdc_op(
    f"lstm(Tensor gates, Tensor weight, Tensor state, Tensor? peepholes, Tensor? lengths, {COMMON}, bool coupled, bool reverse) "
    "-> Tensor",
    shape=lambda gates, weight, state, *_: (gates.shape[0], *state.shape),
)
def lstm(
    gates: Tensor,
    weight: Tensor,
    state: Tensor,
    peepholes: Tensor | None,
    lengths: Tensor | None,
    activations: str,
    alphas: list[float],
    betas: list[float],
    clip: float,
    coupled: bool,
    reverse: bool,
) -> Tensor:
    """gates [T,B,4H] and weight [4H,H] in the order i, o, f, c; state [B,2H]: hidden, then cell; gives [T,B,2H] likewise.

    c = f c + i g(...), h = o h(c) (Hochreiter and Schmidhuber 1997; Gers et al. 2000). peepholes [3H]: i, o, f (o sees the new
    cell). `coupled`: the forget gate is 1 - i.
    """
    f, g, _ = _activations(activations, alphas, betas, clip)
    _, _, h = _activations(activations, alphas, betas, 0.0)
    size = state.shape[1] // 2
    peek = peepholes if peepholes is not None else gates.new_zeros(3 * size)
    peek_i, peek_o, peek_f = peek.split(size)

    def step(row: Tensor, before: Tensor) -> Tensor:
        hidden, cell = before.split(size, 1)
        i, o, forget, candidate = (row + hidden @ weight.t()).split(size, 1)
        i = f(i + peek_i * cell)
        forget = 1 - i if coupled else f(forget + peek_f * cell)
        cell = forget * cell + i * g(candidate)
        return torch.cat([f(o + peek_o * cell) * h(cell), cell], 1)

    return _scan(gates, state, lengths, reverse, step)
