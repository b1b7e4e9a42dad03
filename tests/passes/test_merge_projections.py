"""Products of one input that end in attention become one."""

from __future__ import annotations

import torch

from amdc.ir.ops.attention import attention
from amdc.passes.merge_projections import MergeProjections
from tests.tracing import after_passes, assert_becomes, calls, run, trace

aten = torch.ops.aten
A, B, C = (torch.randn(12, n, generator=torch.Generator().manual_seed(n)) for n in (16, 8, 8))
P, R = torch.arange(16.0), torch.arange(8.0)
X = torch.randn(10, 12, generator=torch.Generator().manual_seed(0))


def heads(x: torch.Tensor) -> torch.Tensor:
    return x.view(2, 5, -1, 4).permute(0, 2, 1, 3)


def joined(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return attention(heads(q), heads(k), heads(v), None, 0.5, False)


def test_queries_keys_and_values() -> None:
    """Groups of heads make parts of different widths; a part without a bias gets zeros."""
    weight, bias = torch.cat([A, B, C], 1), torch.cat([P, R, torch.zeros(8)])

    def before(x: torch.Tensor) -> torch.Tensor:
        return joined(torch.mm(x, A) + P, torch.mm(x, B) + R, torch.mm(x, C))

    def after(x: torch.Tensor) -> torch.Tensor:
        m = torch.mm(x, weight) + bias
        return joined(*(aten.slice.Tensor(m, 1, start, start + n) for start, n in ((0, 16), (16, 8), (24, 8))))

    assert_becomes(before, after, [MergeProjections()], X)


def test_rotated_queries_and_keys() -> None:
    def rotated(x: torch.Tensor) -> torch.Tensor:
        return heads(x) * 0.5 + torch.cat([-heads(x)[..., 2:], heads(x)[..., :2]], -1) * 0.25

    def function(x: torch.Tensor) -> torch.Tensor:
        return attention(rotated(torch.mm(x, A)), rotated(torch.mm(x, B)), heads(torch.mm(x, C)), None, 0.5, True)

    graph = trace(function, X)
    expected = run(graph, X)
    after_passes(graph, [MergeProjections()])
    assert calls(graph, aten.mm.default) == 1
    torch.testing.assert_close(run(graph, X), expected)


def test_keys_and_values_of_a_cache() -> None:
    """New keys and values are put into caches, which attention reads and the model gives back."""
    place = torch.arange(5) + 1

    def function(x: torch.Tensor, cache: torch.Tensor) -> tuple[torch.Tensor, ...]:
        q, k, v = (heads(torch.mm(x, weight)) for weight in (A, B, C))
        keys, values = (aten.index_put.default(cache, [None, None, place], new) for new in (k, v))
        return attention(q, keys, values, None, 0.5, False), keys, values

    graph = trace(function, X, torch.zeros(2, 2, 7, 4))
    after_passes(graph, [MergeProjections()])
    assert calls(graph, aten.mm.default) == 1


def test_memory_of_another_input() -> None:
    """Cross attention: keys and values are of one input, queries of another."""
    graph = trace(lambda x, y: joined(torch.mm(x, A), torch.mm(y, B), torch.mm(y, C)), X, X + 1.0)
    after_passes(graph, [MergeProjections()])
    assert calls(graph, aten.mm.default) == 2


def test_what_stays() -> None:
    def gated(x: torch.Tensor) -> torch.Tensor:
        return torch.relu(torch.mm(x, B)) * torch.mm(x, C)

    def also_a_result(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        k = torch.mm(x, B)
        return joined(torch.mm(x, A), k, k), k

    def tied(x: torch.Tensor) -> torch.Tensor:
        return joined(torch.mm(x, A), torch.mm(x, B), torch.mm(x + 1.0, B))

    for function in (gated, also_a_result, tied):
        graph = trace(function, X)
        count = calls(graph, aten.mm.default)
        after_passes(graph, [MergeProjections()])
        assert calls(graph, aten.mm.default) == count
