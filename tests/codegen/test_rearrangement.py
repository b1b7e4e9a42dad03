"""Operators that move elements by rules and masks, exact in every dtype."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from amdc.errors import ModelError
from tests.codegen.checking import check, sample

aten = torch.ops.aten
MOVES: dict[str, tuple[tuple[int, ...], Callable[[torch.Tensor], Any]]] = {
    "diagonal": ((3, 5, 4), lambda x: (aten.diagonal(x, 0, 1, 2) + 0, aten.diagonal_copy(x, -1, 0, 2))),
    "diagonal above": ((3, 5, 4), lambda x: aten.diagonal_copy(x, 2, 2, 1)),
    "as strided": ((5, 7), lambda x: (aten.as_strided_copy(x, [3, 4], [2, 3], 1), aten.as_strided_copy(x, [2, 2], [0, 1]))),
    "unfold": ((3, 11), lambda x: (aten.unfold_copy(x, 1, 3, 2), aten.unfold_copy(x, 0, 2, 1))),
    "reflection 1": ((2, 7), lambda x: (aten.reflection_pad1d(x, [3, 6]), aten.reflection_pad1d(x, [0, 1]))),
    "reflection 2": ((1, 2, 4, 5), lambda x: aten.reflection_pad2d(x, [1, 2, 3, 0])),
    "reflection 3": ((1, 3, 4, 2), lambda x: aten.reflection_pad3d(x, [1, 0, 2, 3, 1, 2])),
    "replication 1": ((2, 3), lambda x: aten.replication_pad1d(x, [4, 2])),
    "replication 2": ((1, 2, 4, 5), lambda x: aten.replication_pad2d(x, [5, 0, 1, 2])),
    "replication 3": ((1, 2, 1, 2), lambda x: aten.replication_pad3d(x, [1, 2, 2, 1, 0, 3])),
    "roll": ((3, 5, 2), lambda x: (aten.roll(x, [2, -1], [1, 0]), aten.roll(x, [7], [1]), aten.roll(x, [4]), aten.roll(x, [0]))),
    "repeat interleave": ((3, 5, 2), lambda x: (x.repeat_interleave(3, 1), aten.repeat_interleave.self_int(x, 2))),
    "fill": ((3, 5), lambda x: (aten.fill.Scalar(x, 3), aten.copy(x, x[:1]))),
    "copy that converts": ((3, 5), lambda x: aten.copy(torch.zeros(2, 3, 5, dtype=torch.int32), x)),
    "adaptive max": ((2, 7, 5), lambda x: (*aten.adaptive_max_pool2d(x, [3, 2]), *aten.adaptive_max_pool2d(x, [7, 9]))),
    "adaptive max 3": ((1, 2, 4, 7, 5), lambda x: aten.adaptive_max_pool3d(x, [3, 2, 4])),
}  # fmt: skip


@pytest.mark.parametrize("name", MOVES)
def test_moves(name: str) -> None:
    shape, function = MOVES[name]
    check(function, sample(shape), ulps=0)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float16, torch.uint8])
def test_dtypes(dtype: torch.dtype) -> None:
    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return aten.diagonal_copy(x, 1), aten.roll(x, [1], [0]), aten.repeat_interleave.self_int(x, 2, 0), aten.fill.Scalar(x, 1)

    check(function, sample((5, 7), dtype), ulps=0)


def test_a_view_in_unknown_memory_is_refused() -> None:
    with pytest.raises(ModelError, match="as_strided of a view"):
        check(lambda x: aten.as_strided_copy(x.t(), [2, 2], [1, 2]), sample((3, 5)))


@pytest.mark.parametrize("shape", [(31,), (3, 5, 7), (700,)])
def test_masked_scatter(shape: tuple[int, ...]) -> None:
    x, mask, source = sample(shape), sample(shape[-1:], torch.bool, seed=3), sample((1000,), seed=1)
    check(lambda x, m, s: aten.masked_scatter(x, m, s), x, mask, source, ulps=0)


def test_unpooling() -> None:
    x = sample((2, 3, 7, 5))

    def function(x: torch.Tensor) -> torch.Tensor:
        values, places = aten.max_pool2d_with_indices(x, [2, 2])
        return aten.max_unpool2d(values, places, [7, 5])

    check(function, x, ulps=0)


UPSAMPLES: dict[str, tuple[tuple[int, ...], Callable[[torch.Tensor], Any]]] = {
    "linear 1": ((2, 3, 7), lambda x: (aten.upsample_linear1d(x, [13], False), aten.upsample_linear1d(x, [4], True))),
    "trilinear": ((1, 2, 3, 4, 5), lambda x: aten.upsample_trilinear3d(x, [5, 2, 7], False)),
    "exact": ((1, 2, 5, 7), lambda x: aten._upsample_nearest_exact2d(x, [8, 3])),
    "antialias": ((1, 2, 9, 11), lambda x: aten._upsample_bilinear2d_aa(x, [4, 5], False)),
    "antialias cubic": ((1, 2, 9, 11), lambda x: aten._upsample_bicubic2d_aa(x, [4, 5], False)),
    "vec": ((1, 2, 5, 3), lambda x: aten.upsample_bilinear2d.vec(x, None, False, [2.0, 1.5])),
    "vec nearest": ((1, 2, 5, 3), lambda x: aten.upsample_nearest2d.vec(x, [7, 4], None)),
}  # fmt: skip


@pytest.mark.parametrize("name", UPSAMPLES)
def test_upsampling(name: str) -> None:
    shape, function = UPSAMPLES[name]
    check(function, sample(shape), ulps=128, atol=4e-6)
