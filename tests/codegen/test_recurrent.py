"""Recurrent layers against their definition in PyTorch: whole sequences in one launch, and a launch a step."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from amdc.codegen.lowerings import recurrent
from tests.codegen.checking import check, sample

ops = torch.ops.amdc
SIGMOID, TANH = "Sigmoid", "Tanh"


def tensors(gates: int, steps: int, batch: int, hidden: int, width: int = 1) -> list[torch.Tensor]:
    scale = hidden**-0.5
    inputs = sample((steps, batch, gates * hidden)), sample((gates * hidden, hidden), seed=1) * scale
    return [*inputs, sample((batch, width * hidden), seed=2)]


def run(function: Any, given: list[torch.Tensor]) -> None:
    check(function, *given, ulps=256, atol=2e-6)


@pytest.mark.parametrize(("steps", "batch", "hidden"), [(1, 1, 1), (3, 2, 31), (2, 1, 65), (2, 3, 129), (2, 1, 257)])
@pytest.mark.parametrize("reverse", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_sizes(steps: int, batch: int, hidden: int, reverse: bool) -> None:
    def function(x: torch.Tensor, w: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, ...]:
        common = ["Sigmoid,Tanh,Tanh", [0.0] * 3, [0.0] * 3, 0.0]
        lstm = ops.lstm(x, w, s, None, None, *common, False, reverse)
        rnn = ops.rnn(x[:, :, :hidden], w[:hidden], s[:, :hidden], None, TANH, [0.0], [0.0], 0.0, reverse)
        return lstm, rnn

    run(function, tensors(4, steps, batch, hidden, 2))


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("hidden", [5, 130])
def test_gru(linear: bool, hidden: int) -> None:
    def function(x: torch.Tensor, w: torch.Tensor, s: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return ops.gru(x, w, b if linear else None, s, None, "Sigmoid,Tanh", [0.0] * 2, [0.0] * 2, 0.0, linear, False)

    run(function, [*tensors(3, 3, 2, hidden), sample((hidden,), seed=4)])


@pytest.mark.parametrize("hidden", [7, 70])
def test_a_launch_a_step(hidden: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for layers whose weights one CU cannot read fast enough."""
    monkeypatch.setattr(recurrent, "WHOLE_WEIGHTS", 0)
    lengths = torch.tensor([2, 3])

    def function(x: torch.Tensor, w: torch.Tensor, s: torch.Tensor, n: torch.Tensor) -> tuple[torch.Tensor, ...]:
        common = ["Sigmoid,Tanh,Tanh", [0.0] * 3, [0.0] * 3, 0.0]
        results = tuple(ops.lstm(x, w, s, None, n, *common, False, reverse) for reverse in (False, True))
        gru = ops.gru(
            x[:, :, : 3 * hidden], w[: 3 * hidden], None, s[:, :hidden], n, "Sigmoid,Tanh", [0.0] * 2, [0.0] * 2, 0.0, True, False
        )
        return *results, gru

    run(function, [*tensors(4, 3, 2, hidden, 2), lengths])


def test_peepholes_lengths_and_coupled_gates() -> None:
    lengths = torch.tensor([4, 1, 2])

    def function(x: torch.Tensor, w: torch.Tensor, s: torch.Tensor, p: torch.Tensor, n: torch.Tensor) -> tuple[torch.Tensor, ...]:
        common = ["Sigmoid,Tanh,Tanh", [0.0] * 3, [0.0] * 3, 0.5]
        return ops.lstm(x, w, s, p, n, *common, True, False), ops.lstm(x, w, s, p, n, *common, False, True)

    run(function, [*tensors(4, 4, 3, 11, 2), sample((33,), seed=5), lengths])


@pytest.mark.slow
@pytest.mark.parametrize("name", recurrent.ACTIVATIONS)
def test_activations(name: str) -> None:
    def function(x: torch.Tensor, w: torch.Tensor, s: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return ops.rnn(x, w, s, None, name, [0.3], [0.6], 0.0, False), ops.rnn(x, w, s, None, name, [0.3], [0.6], 0.8, False)

    run(function, tensors(1, 2, 1, 5))


def test_half_precision() -> None:
    """The state is kept in fp32 from step to step, PyTorch rounds it: within a few units of half."""

    def function(x: torch.Tensor, w: torch.Tensor, s: torch.Tensor) -> torch.Tensor:
        return ops.rnn(x, w, s, None, TANH, [0.0], [0.0], 0.0, False)

    check(function, *(t.half() for t in tensors(1, 3, 2, 31)), ulps=4, atol=2e-3)
