"""Attention as models spell it becomes one operator with the same result."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from amdc.ir.graph import Graph, is_op
from amdc.ir.ops.attention import attention
from amdc.passes.canonicalize import Canonicalize
from amdc.passes.fold_constants import FoldConstants
from amdc.passes.fuse_attention import FuseAttention
from tests.tracing import after_passes, calls, run, trace

aten = torch.ops.aten
PASSES = (FoldConstants(), Canonicalize(), FoldConstants(), FuseAttention())
Q, K, V = (torch.randn(2, 3, n, 8, generator=torch.Generator().manual_seed(n)) for n in (5, 7, 7))
ROOT = math.sqrt(8.0)
ROOT_TENSOR, BILLION, TEN_THOUSAND = torch.tensor(ROOT), torch.tensor(-1e9), torch.tensor(-1e4)


def fused(function: Callable[..., torch.Tensor], *inputs: torch.Tensor, attentions: int = 1) -> Graph:
    """The graph behind the passes, which has so many attentions and no softmax left, and the same result."""
    graph = trace(function, *inputs)
    expected = run(graph, *inputs)
    after_passes(graph, PASSES)
    assert calls(graph, attention) == attentions
    if attentions:
        assert calls(graph, aten._softmax.default, aten.bmm.default) == 0
    for got, want in zip(run(graph, *inputs), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
    return graph


def arguments(graph: Graph) -> tuple[bool, float, bool, float]:
    """Whether there is a mask; scale, causal and softcap."""
    (node,) = (n for n in graph.graph.nodes if is_op(n, attention))
    mask, scale, causal, *softcap = node.args[3:]
    return mask is not None, scale, causal, softcap[0] if softcap else 0.0


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, change: Callable[[torch.Tensor], torch.Tensor]) -> torch.Tensor:
    return torch.matmul(torch.softmax(change(torch.matmul(q, k.transpose(-1, -2))), -1), v)


SCALES: dict[str, Callable[..., torch.Tensor]] = {
    "scores divided": lambda q, k, v: attend(q, k, v, lambda s: s / ROOT),
    "scores multiplied": lambda q, k, v: attend(q, k, v, lambda s: s * ROOT**-1),
    "queries": lambda q, k, v: attend(q / ROOT, k, v, lambda s: s),
    "keys": lambda q, k, v: attend(q, k * ROOT**-1, v, lambda s: s),
    "both by the root": lambda q, k, v: attend(q * 8**-0.25, k * 8**-0.25, v, lambda s: s),
    "keys transposed before": lambda q, k, v: torch.softmax(q @ (k.transpose(-1, -2) * 8**-0.5), -1) @ v,
    "a constant tensor": lambda q, k, v: attend(q, k, v, lambda s: s / ROOT_TENSOR),
}


@pytest.mark.parametrize("name", SCALES)
def test_scales(name: str) -> None:
    graph = fused(SCALES[name], Q, K, V)
    assert arguments(graph) == (False, pytest.approx(8**-0.5), False, 0.0)


LOWER = torch.ones(5, 7, dtype=torch.bool).tril(2)
LOWEST = torch.finfo(torch.float32).min
CAUSAL: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "added -inf": lambda s: s + torch.zeros(5, 7).masked_fill(~LOWER, -torch.inf),
    "added lowest": lambda s: s + torch.full((1, 1, 5, 7), LOWEST).triu(3),
    "where -inf": lambda s: torch.where(LOWER, s, -torch.inf),
    "where -1e9": lambda s: torch.where(LOWER[None, None], s, BILLION),
    "where -1e4, as in GPT-2": lambda s: torch.where(LOWER[None, None], s, TEN_THOUSAND),
    "filled": lambda s: s.masked_fill(~LOWER, LOWEST),
    "filled with -inf": lambda s: s.masked_fill(LOWER.logical_not(), -torch.inf),
}


@pytest.mark.parametrize("name", CAUSAL)
def test_causal_masks(name: str) -> None:
    graph = fused(lambda q, k, v: attend(q, k, v, lambda s: CAUSAL[name](s * 0.5)), Q, K, V)
    assert arguments(graph) == (False, 0.5, True, 0.0)


PADDING = torch.tensor([[1, 1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0, 0]])
MASKS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "added, as in BERT": lambda s, p: s / ROOT + (1.0 - p[:, None, None, :].float()) * -10000.0,
    "added lowest": lambda s, p: s / ROOT + (1.0 - p[:, None, None, :].float()) * LOWEST,
    "where": lambda s, p: torch.where(p[:, None, None, :] > 0, s / ROOT, LOWEST),
    "filled": lambda s, p: (s / ROOT).masked_fill(p[:, None, None, :] == 0, -torch.inf),
    "position bias and mask": lambda s, p: s + torch.arange(105.0).view(1, 3, 5, 7) / 50 + (p[:, None, None, :] - 1.0) * 1e9,
    "two masks": lambda s, p: torch.where(LOWER, s / ROOT, -torch.inf).masked_fill(p[:, None, None, :] == 0, LOWEST),
    "bool and float": lambda s, p: (s + torch.arange(7.0)).masked_fill(p[:, None, None, :] == 0, -torch.inf),
    "in three dimensions": lambda s, p: (s.view(6, 5, 7) + torch.arange(210.0).view(6, 5, 7) / 100).view(2, 3, 5, 7),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks(name: str) -> None:
    graph = fused(lambda q, k, v, p: attend(q, k, v, lambda s: MASKS[name](s, p)), Q, K, V, PADDING)
    assert arguments(graph)[::2] == (True, name == "two masks")


def test_capped_scores() -> None:
    graph = fused(lambda q, k, v: attend(q, k, v, lambda s: torch.tanh(s * 0.25 / 5.0) * 5.0), Q, K, V)
    assert arguments(graph) == (False, pytest.approx(0.25), False, 5.0)


def split(x: torch.Tensor, heads: int) -> torch.Tensor:
    return x.view(2, x.shape[1], heads, 8).transpose(1, 2)


def test_heads_of_projections() -> None:
    """Heads are split and joined again around it; nothing but views remains between."""

    def function(x: torch.Tensor) -> torch.Tensor:
        q, k, v = (split(part, 3) for part in x.split(24, 2))
        return attend(q, k, v, lambda s: s / ROOT).transpose(1, 2).reshape(2, 5, 24)

    fused(function, torch.randn(2, 5, 72))


def test_three_dimensions() -> None:
    graph = fused(lambda q, k, v: torch.bmm(torch.softmax(torch.bmm(q, k.mT) * 0.5, 2), v), Q[0], K[0], V[0])
    (node,) = (n for n in graph.graph.nodes if is_op(n, attention))
    assert node.meta["val"].shape == (1, 3, 5, 8)


def test_keys_and_values_repeated_for_groups() -> None:
    def repeated(x: torch.Tensor) -> torch.Tensor:
        return x[:, :, None].expand(2, 2, 3, 7, 8).reshape(2, 6, 7, 8)

    q, k, v = torch.randn(2, 6, 5, 8), K[:, :2], V[:, :2]
    graph = fused(lambda q, k, v: attend(q, repeated(k), repeated(v), lambda s: s / ROOT), q, k, v)
    (node,) = (n for n in graph.graph.nodes if is_op(n, attention))
    assert node.args[1].meta["val"].shape == node.args[2].meta["val"].shape == (2, 2, 7, 8)


def test_decomposed_by_pytorch() -> None:
    """What torch decomposes scaled_dot_product_attention to, which gives 0 for rows that see nothing."""
    mask = torch.zeros(5, 7).masked_fill(~LOWER, -torch.inf)
    mask[2] = -torch.inf
    fused(lambda q, k, v: torch.ops.aten._scaled_dot_product_attention_math(q, k, v, mask)[0], Q, K, V)


def test_weights_that_are_no_numbers_are_0() -> None:
    """As the ONNX exporter spells scaled_dot_product_attention; row 2 sees nothing."""
    mask = torch.zeros(5, 7)
    mask[2] = -torch.inf

    def function(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        weights = torch.softmax(torch.matmul(q * 0.5, k.mT * 0.5) + mask, -1)
        return torch.matmul(torch.where(torch.isnan(weights), 0.0, weights), v)

    fused(function, Q, K, V)


def test_a_mask_that_is_causal() -> None:
    graph = fused(lambda q, k, v: attention(q, k, v, LOWER, 0.5, False), Q, K, V)
    assert arguments(graph) == (False, 0.5, True, 0.0)


KEPT: dict[str, Callable[..., torch.Tensor | tuple[torch.Tensor, ...]]] = {
    "weights are a result": lambda q, k, v: ((w := torch.softmax(q @ k.mT, -1)) @ v, w),
    "scores are a result": lambda q, k, v: (torch.softmax((s := q @ k.mT), -1) @ v, s + 1.0),
    "softmax over rows": lambda q, k, v: torch.softmax(q @ k.mT, -2) @ v,
    "a mild penalty": lambda q, k, v: attend(q, k, v, lambda s: torch.where(LOWER, s, -5.0)),
    "scaled behind the mask": lambda q, k, v: attend(q, k, v, lambda s: (s + torch.arange(7.0)) * 0.5),
}


@pytest.mark.parametrize("name", KEPT)
def test_what_stays(name: str) -> None:
    fused(KEPT[name], Q, K, V, attentions=0)  # type: ignore[arg-type]


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_spelling_keeps_its_result(data: st.DataObject) -> None:
    """Random sizes, heads, scales and masks, in random order: fused, and the same result."""
    batch, heads, m, d = (data.draw(st.integers(1, high)) for high in (2, 3, 4, 5))
    n = m + data.draw(st.integers(0, 3))
    generator = torch.Generator().manual_seed(data.draw(st.integers(0, 99)))
    q, k, v = (torch.randn(batch, heads, rows, d, generator=generator) for rows in (m, n, n))
    padding = torch.rand(batch, 1, 1, n, generator=generator) > 0.4
    lower = torch.ones(m, n, dtype=torch.bool).tril(n - m)
    steps: list[Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = [
        lambda s, p: s + torch.zeros(m, n).masked_fill(~lower, LOWEST),
        lambda s, p: torch.where(lower, s, -torch.inf),
        lambda s, p: s + (~p).float() * -1e9,
        lambda s, p: s.masked_fill(~p, LOWEST),
        lambda s, p: s + torch.arange(float(heads)).view(-1, 1, 1) * torch.arange(float(n)),
    ]
    chosen = data.draw(st.lists(st.sampled_from(steps), max_size=3, unique=True))
    on_q, on_s = (data.draw(st.sampled_from((1.0, 0.5, 0.3))) for _ in range(2))

    def function(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        scores = torch.matmul(q * on_q, k.transpose(-1, -2)) * on_s
        for step in chosen:
            scores = step(scores, p)
        return torch.matmul(torch.softmax(scores, -1), v)

    # A row that sees nothing has no result to compare: a softmax of lowest numbers averages what their rounding leaves.
    padding = padding | (torch.arange(n) == 0)
    fused(function, q, k, v, padding)


def test_keys_repeated_for_groups_of_heads_before_attention() -> None:
    def repeated(x: torch.Tensor) -> torch.Tensor:
        return x[:, :, None].expand(2, 2, 3, 5, 4).reshape(2, 6, 5, 4)

    q, k, v = torch.randn(2, 6, 3, 4), torch.randn(2, 2, 5, 4), torch.randn(2, 2, 5, 4)
    graph = trace(lambda q, k, v: attention(q, repeated(k), repeated(v), None, 0.5, False), q, k, v)
    expected = run(graph, q, k, v)
    after_passes(graph, [Canonicalize(), FuseAttention(), Canonicalize()])
    assert calls(graph, aten.expand.default) == 0
    torch.testing.assert_close(run(graph, q, k, v), expected)
