"""Matrix products through their lowering, on the simulated GPU, against float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from amdc.errors import ModelError
from amdc.ir.ops import packed
from tests.kernels.harness import check_function, open_function

aten = torch.ops.aten
SIZES = ((1, 1, 1), (31, 33, 31), (33, 7, 65), (1, 100, 130), (100, 1, 130), (13, 17, 1), (2, 1000, 64))


def tensors(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(sum(map(sum, shapes)))
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("m, n, k", SIZES)
def test_mm(m: int, n: int, k: int) -> None:
    check_function(aten.mm.default, tensors((m, k), (k, n)), k)


@pytest.mark.parametrize("m, n, k", SIZES)
def test_bmm(m: int, n: int, k: int) -> None:
    check_function(aten.bmm.default, tensors((3, m, k), (3, k, n)), k)


def scaled_addmm(c: torch.Tensor, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    return aten.addmm.default(c, a, b, beta=0.5, alpha=2.0)


@pytest.mark.parametrize("m, n, k", [SIZES[1], SIZES[3]])
@pytest.mark.parametrize("bias", [lambda m, n: (n,), lambda m, n: (m, n), lambda m, n: (m, 1), lambda m, n: (1,)])
def test_addmm(m: int, n: int, k: int, bias: Callable[[int, int], tuple[int, ...]]) -> None:
    check_function(scaled_addmm, tensors(bias(m, n), (m, k), (k, n)), k, extra=2)


@pytest.mark.parametrize("m, n, k", SIZES)
def test_linear_packed(m: int, n: int, k: int) -> None:
    x, w = tensors((m, k), (k, n))
    check_function(lambda x, w: packed.linear_packed(x, w, n), [x, packed.pack_matrix(w)], k)


def test_a_hundred_launches_with_fresh_inputs() -> None:
    check_function(aten.mm.default, tensors((31, 67), (67, 29)), 67, times=100)


def test_empty_operands_are_refused() -> None:
    with pytest.raises(ModelError, match="without elements"):
        open_function(aten.mm.default, torch.ones(2, 0), torch.ones(0, 3))
