"""Operators that move elements, exact in every dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.codegen.checking import check, sample

aten = torch.ops.aten
MOVES: dict[str, tuple[tuple[int, ...], Callable[[torch.Tensor], Any]]] = {
    "permute": ((2, 3, 5, 7), lambda x: (x.permute(0, 2, 3, 1).clone(), x.transpose(1, 3) + 0, x.permute(3, 1, 0, 2))),
    "transpose": ((31, 33), lambda x: x.t() + 0),
    "expand": ((3, 1, 5), lambda x: (x.expand(2, 3, 4, 5) + 0, aten.expand.default(x, [3, 7, 5]))),
    "slice": ((4, 9, 6), lambda x: (x[:, 2:7], x[1:3], x[:, :, 1::2], x[:, -3:], x[:, 5:2])),
    "select": ((4, 9, 6), lambda x: (x[1], x[:, 3], x[..., -1])),
    "flip": ((3, 4, 5), lambda x: (x.flip(1), x.flip((0, 2)))),
    "repeat": ((3, 5), lambda x: (x.repeat(2, 3), x.repeat(2, 1, 3))),
    "split": ((2, 7, 5), lambda x: (*x.split(3, 1), *x.split([2, 5], 1), *x.unbind(0))),
    "views": ((2, 6, 4), lambda x: (x.reshape(12, 4) + 0, x.unsqueeze(1), x[:1].squeeze(0), x.flatten(1) + 0)),
    "views that cut unevenly": ((2, 3, 4), lambda x: (x.reshape(4, 1, 6) + 0, x.transpose(0, 1).reshape(4, 6))),
    "pad": ((2, 3, 5), lambda x: (F.pad(x, (1, 2)), F.pad(x, (0, 0, 2, 1), value=7), F.pad(x, (-1, 2, 1, -1)))),
    "pad apart": ((2, 3, 5), lambda x: F.pad(x, (1, 1, 0, 0, 1, 0))),
    "pad extent 1": ((1, 1, 5), lambda x: (F.pad(x, (0, 0, 1, 0, 0, 1)), F.pad(x, (4, 4, 1, 1)))),
    "pixel shuffle": ((2, 8, 3, 5), lambda x: (aten.pixel_shuffle.default(x, 2), aten.channel_shuffle.default(x, 4))),
    "pixel unshuffle": ((2, 3, 4, 6), lambda x: aten.pixel_unshuffle.default(x, 2)),
    "cat": ((2, 3, 5), lambda x: (torch.cat([x, x + 1], 1), torch.cat([x, x, x], 0), torch.cat([x, x[:, :, :2]], 2))),
    "cat wide": ((2, 4, 8), lambda x: (torch.cat([x, x], 1), torch.stack([x, x], 1))),
    "full": ((3, 5), lambda x: (torch.full((3, 5), 2.5) + x, torch.full_like(x, 3), x + torch.arange(5))),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_moves(name: str) -> None:
    shape, function = MOVES[name]
    check(function, sample(shape), ulps=0)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float16, torch.int32])
def test_dtypes(dtype: torch.dtype) -> None:
    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x.permute(2, 0, 1).clone(), x[:, 1:3].clone(), torch.cat([x, x.flip(1)], 1), F.pad(x, (1, 1)), x.repeat(1, 2, 1)

    check(function, sample((3, 4, 5), dtype), ulps=0)


def test_many_inputs_of_one_concatenation() -> None:
    check(lambda x: torch.cat([x[:, i : i + 1 + i % 3] for i in range(19)], 1), sample((2, 22, 3)), ulps=0)


def test_concatenation_in_place() -> None:
    """At batch 1 producers write into the result; what is used elsewhere too, given twice, or an input is handled as well."""

    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        a, b = torch.relu(x), x * 2
        inner = torch.cat([a, b], 1)
        c = inner * 3
        outer = torch.cat([inner, c, x], 1)
        twice = torch.cat([c, c], 1)
        pooled = torch.cat([F.max_pool2d(x, 2), a[:, :, :2, :3] + 1], 1)
        return outer, a + b, twice, pooled

    check(function, sample((1, 3, 4, 6)), ulps=0)


def test_outputs_that_are_views_inputs_or_constants() -> None:
    weight = sample((3, 5), seed=7)
    check(lambda x: (x, x[1:], x.reshape(15), weight.clone() if x is None else weight, torch.relu(x)[2:]), sample((3, 5)), ulps=0)


def test_indexing() -> None:
    index = torch.tensor([[2, 0, -1], [1, 1, 3]])
    x = sample((4, 5, 6))
    check(lambda x, i: (x[i], x[:, i], x[i, i], x[:, i, i], x[i, :, i]), x, index, ulps=0)
    check(lambda x, i: (x.index_select(1, i[0] + 1), aten.embedding.default(x[0], i + 1)), x, index, ulps=0)
    places = sample((4, 5, 6), torch.int64).abs() % 5
    check(lambda x, p: (torch.gather(x, 1, p), torch.gather(x, 1, p[:2, :, :3])), x, places, ulps=0)


def test_writing_at_indices() -> None:
    x, order = sample((4, 5)), torch.stack([torch.randperm(4) for _ in range(5)], 1)
    check(lambda x, o: (torch.scatter(x, 0, o, x + 1), torch.scatter(x, 0, o[:2], 3.0)), x, order, ulps=0)
    rows = torch.tensor([3, 0])
    check(
        lambda x, r: (aten.index_put.default(x, [r], x[:2] * 2), aten.index_put.default(x, [None, r], x[:, :2])), x, rows, ulps=0
    )
    check(
        lambda x: (aten.slice_scatter.default(x, x[:2] + 1, 0, 1, 3), aten.select_scatter.default(x, x[0] * 2, 0, 2)), x, ulps=0
    )
