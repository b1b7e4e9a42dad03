"""RNN, GRU and LSTM: the input products of all steps are one matrix product, the rest is an amdc:: operator a direction."""

from __future__ import annotations

import torch
from torch import Tensor

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.onnx.registry import NotSupported, onnx_op
from amdc.ir.ops.recurrent import ACTIVATIONS

# The defaults of alpha and beta where the operators' definition gives some.
DEFAULTS = {
    "Affine": (1.0, 0.0),
    "Elu": (1.0, 0.0),
    "HardSigmoid": (0.2, 0.5),
    "LeakyRelu": (0.01, 0.0),
    "ScaledTanh": (1.0, 1.0),
    "ThresholdedRelu": (1.0, 0.0),
}
TAKES_ALPHA, TAKES_BETA = set(DEFAULTS), {"Affine", "HardSigmoid", "ScaledTanh"}
REVERSED = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}


def _activations(
    names: list[str] | None, alphas: list[float] | None, betas: list[float] | None, usual: list[str], directions: int
) -> list[tuple[str, list[float], list[float]]]:
    """For each direction the names, alphas and betas of its activations; the attributes list only those that a function takes."""
    given = [_spelling(name) for name in names] if names else usual * directions
    if len(given) != len(usual) * directions:
        raise NotSupported(f"it names {len(given)} activations, but has {len(usual) * directions}")
    rest = {"alpha": list(alphas or []), "beta": list(betas or [])}

    def take(kind: str, takes: bool, usually: float) -> float:
        return rest[kind].pop(0) if takes and rest[kind] else usually

    rows = []
    for name in given:
        alpha, beta = DEFAULTS.get(name, (0.0, 0.0))
        rows.append((name, take("alpha", name in TAKES_ALPHA, alpha), take("beta", name in TAKES_BETA, beta)))
    parts = [rows[d * len(usual) : (d + 1) * len(usual)] for d in range(directions)]
    return [(",".join(n for n, _, _ in part), [a for _, a, _ in part], [b for _, _, b in part]) for part in parts]


def _spelling(name: str) -> str:
    """The name as ONNX writes it; models do not always keep the capitals."""
    known = {candidate.lower(): candidate for candidate in ACTIVATIONS}
    if name.lower() not in known:
        raise NotSupported(f"activation '{name}' is unknown")
    return known[name.lower()]


class _Layer:
    """What the three layers share: time first inside, the caller's layout outside; a direction at a time."""

    def __init__(self, x: Tensor, weight: Tensor, bias: Tensor | None, direction: str, layout: int, gates: int) -> None:
        if direction not in REVERSED:
            raise NotSupported(f"direction '{direction}' is unknown")
        self.reversed = REVERSED[direction]
        self.layout = layout
        self.x = x.transpose(0, 1) if layout else x
        self.steps, self.batch = self.x.shape[:2]
        self.size = weight.shape[1] // gates
        self.weight, self.bias = weight, bias

    def gates(self, direction: int, biased_rows: int) -> Tensor:
        """[T,B,gates * H]: x W^T and the input's bias, and of the recurrent bias the first `biased_rows`."""
        rows = self.x.reshape(self.steps * self.batch, self.x.shape[2])
        product = torch.mm(rows, self.weight[direction].t()).reshape(self.steps, self.batch, self.weight.shape[1])
        if self.bias is None:
            return product
        here, recurrent = self.bias[direction].split(self.weight.shape[1])
        if biased_rows < self.weight.shape[1]:
            recurrent = torch.cat([recurrent[:biased_rows], torch.zeros_like(recurrent[biased_rows:])])
        return product + (here + recurrent)

    def first_state(self, given: Tensor | None, direction: int) -> Tensor:
        if given is None:
            return torch.zeros(self.batch, self.size, dtype=self.x.dtype)
        return (given.transpose(0, 1) if self.layout else given)[direction]

    def all_states(self, states: list[Tensor], lengths: Tensor | None) -> Tensor:
        """Y [T,directions,B,H], or with layout 1 [B,T,directions,H]; zero from each sequence's length on."""
        stacked = torch.stack(states, 1)
        if lengths is not None:
            inside = torch.arange(self.steps).reshape(-1, 1, 1, 1) < lengths.reshape(1, 1, -1, 1)
            stacked = torch.where(inside, stacked, 0.0).to(stacked.dtype)
        return stacked.permute(2, 0, 1, 3) if self.layout else stacked

    def last_states(self, states: list[Tensor]) -> Tensor:
        """The state after the last step of each direction: [directions,B,H], or with layout 1 [B,directions,H]."""
        ends = [part[0 if backwards else -1] for part, backwards in zip(states, self.reversed, strict=True)]
        return torch.stack(ends, 1 if self.layout else 0)


@onnx_op("RNN", since=7)
def rnn(
    x: Tensor,
    weight: Tensor,
    recurrence: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    initial: Tensor | None = None,
    /,
    *,
    activations: list[str] | None = None,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    clip: float = 0.0,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    output_sequence: int = 0,
) -> tuple[Tensor, Tensor]:
    """All states, and the last ones. x [T,B,I] (layout 1: [B,T,I]), weight [directions,H,I], recurrence [directions,H,H]."""
    layer = _Layer(x, weight, bias, direction, layout, 1)
    chosen = _activations(activations, activation_alpha, activation_beta, ["Tanh"], len(layer.reversed))
    states = [
        torch.ops.amdc.rnn.default(
            layer.gates(d, layer.size), recurrence[d], layer.first_state(initial, d), lengths, *chosen[d], clip, backwards
        )
        for d, backwards in enumerate(layer.reversed)
    ]
    return layer.all_states(states, lengths), layer.last_states(states)


@onnx_op("GRU", since=7)
def gru(
    x: Tensor,
    weight: Tensor,
    recurrence: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    initial: Tensor | None = None,
    /,
    *,
    activations: list[str] | None = None,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    clip: float = 0.0,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    linear_before_reset: int = 0,
    output_sequence: int = 0,
) -> tuple[Tensor, Tensor]:
    """All states, and the last ones; gates in the order z, r, h. weight [directions,3H,I], recurrence [directions,3H,H]."""
    layer = _Layer(x, weight, bias, direction, layout, 3)
    chosen = _activations(activations, activation_alpha, activation_beta, ["Sigmoid", "Tanh"], len(layer.reversed))
    linear, size = bool(linear_before_reset), layer.size
    states = []
    for d, backwards in enumerate(layer.reversed):
        hidden_bias = bias[d][5 * size :] if linear and bias is not None else None
        gates, state = layer.gates(d, 2 * size if linear else 3 * size), layer.first_state(initial, d)
        states.append(
            torch.ops.amdc.gru.default(gates, recurrence[d], hidden_bias, state, lengths, *chosen[d], clip, linear, backwards)
        )
    return layer.all_states(states, lengths), layer.last_states(states)


@onnx_op("LSTM", since=7)
def lstm(
    x: Tensor,
    weight: Tensor,
    recurrence: Tensor,
    bias: Tensor | None = None,
    lengths: Tensor | None = None,
    initial: Tensor | None = None,
    initial_cell: Tensor | None = None,
    peepholes: Tensor | None = None,
    /,
    *,
    activations: list[str] | None = None,
    activation_alpha: list[float] | None = None,
    activation_beta: list[float] | None = None,
    clip: float = 0.0,
    direction: str = "forward",
    hidden_size: int | None = None,
    input_forget: int = 0,
    layout: int = 0,
    output_sequence: int = 0,
) -> tuple[Tensor, Tensor, Tensor]:
    """All hidden states, the last ones, and the last cells; gates in the order i, o, f, c. weight [directions,4H,I]."""
    layer = _Layer(x, weight, bias, direction, layout, 4)
    chosen = _activations(activations, activation_alpha, activation_beta, ["Sigmoid", "Tanh", "Tanh"], len(layer.reversed))
    states = []
    for d, backwards in enumerate(layer.reversed):
        state = torch.cat([layer.first_state(initial, d), layer.first_state(initial_cell, d)], 1)
        peek = None if peepholes is None else peepholes[d]
        states.append(
            torch.ops.amdc.lstm.default(
                layer.gates(d, 4 * layer.size),
                recurrence[d],
                state,
                peek,
                lengths,
                *chosen[d],
                clip,
                bool(input_forget),
                backwards,
            )
        )
    hidden, cells = ([part[..., start : start + layer.size] for part in states] for start in (0, layer.size))
    return layer.all_states(hidden, lengths), layer.last_states(hidden), layer.last_states(cells)
