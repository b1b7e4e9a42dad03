"""Attention reads a cache and the step's own keys where they lie."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from amdc.ir.ops.attention import attention
from amdc.ir.ops.attention_joined import attention_joined
from amdc.passes.join_keys import JoinKeys
from tests.tracing import CONTEXT, assert_becomes, calls, trace

GENERATOR = torch.Generator().manual_seed(0)
Q = torch.randn(1, 4, 1, 8, generator=GENERATOR)
PAST_K, PAST_V = (torch.randn(1, 2, 6, 8, generator=GENERATOR) for _ in range(2))
K, V = (torch.randn(1, 2, 1, 8, generator=GENERATOR) for _ in range(2))


def step(q: torch.Tensor, past_k: torch.Tensor, past_v: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return attention(q, torch.cat([past_k, k], -2), torch.cat([past_v, v], 2), None, 0.5, False)


def test_a_step_of_decoding() -> None:
    def after(q: torch.Tensor, past_k: torch.Tensor, past_v: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        return attention_joined(q, past_k, past_v, k, v, None, 0.5, False, 0.0)

    assert_becomes(step, after, [JoinKeys()], Q, PAST_K, PAST_V, K, V)


def test_the_operator_is_attention_over_both() -> None:
    joined = attention_joined(Q, PAST_K, PAST_V, K, V, None, 0.5, True)
    torch.testing.assert_close(joined, attention(Q, torch.cat([PAST_K, K], 2), torch.cat([PAST_V, V], 2), None, 0.5, True))
    with pytest.raises(RuntimeError, match="do not fit"):
        trace(lambda *given: attention_joined(*given, None, 0.5, True), Q, PAST_K, PAST_V, K[..., :4].contiguous(), V)


def with_its_keys(*given: torch.Tensor) -> Any:
    """The joined keys are an output of the model: they are made anyway."""
    keys = torch.cat([given[1], given[3]], 2)
    return attention(given[0], keys, torch.cat([given[2], given[4]], 2), None, 0.5, False), keys


def by_another_length(*given: torch.Tensor) -> torch.Tensor:
    """The first part of the values ends elsewhere than that of the keys."""
    values = torch.cat([given[2][:, :, :5], torch.cat([given[2][:, :, 5:], given[4]], 2)], 2)
    return attention(given[0], torch.cat([given[1], given[3]], 2), values, None, 0.5, False)


@pytest.mark.parametrize("function", [with_its_keys, by_another_length])
def test_others_stay(function: Any) -> None:
    graph = trace(function, Q, PAST_K, PAST_V, K, V)
    assert not JoinKeys().run(graph, CONTEXT).changed and calls(graph, attention_joined) == 0


def test_many_rows_stay_and_say_why() -> None:
    graph = trace(step, Q.expand(1, 4, 5, 8).contiguous(), PAST_K, PAST_V, K, V)
    result = JoinKeys().run(graph, CONTEXT)
    assert not result.changed and "too many rows" in result.notes[0]
