"""Normalisations of rows on the simulated GPU, with what is fused before and behind them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tests.codegen.checking import check, sample
from tests.codegen.test_regions import check_one_kernel

amdc_ops = torch.ops.amdc
layer_norm, rms_norm, group_norm = amdc_ops.layer_norm.default, amdc_ops.rms_norm.default, amdc_ops.group_norm.default
SHAPES = [(3, 31), (2, 5, 64), (2, 1030), (1, 1), (600, 8)]


@pytest.mark.parametrize("shape", SHAPES)
def test_layer_norm(shape: tuple[int, ...]) -> None:
    x, scale, shift = sample(shape), sample(shape[-1:], seed=1), sample(shape[-1:], seed=2)
    check(lambda x, g, b: layer_norm(x, list(g.shape), g, b, 1e-5), x, scale, shift, atol=1e-5)
    check(lambda x, g: layer_norm(x, list(g.shape), g, None, 1e-5), x, scale, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_rms_norm(shape: tuple[int, ...]) -> None:
    x, scale = sample(shape), sample(shape[-1:], seed=1)
    check(lambda x, g: rms_norm(x, list(g.shape), g, 1e-6), x, scale, atol=1e-5)
    check(lambda x: rms_norm(x, list(x.shape), None, 1e-6), x, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_group_norm(groups: int) -> None:
    x, scale, shift = sample((2, 6, 5, 3)), sample((6,), seed=1), sample((6,), seed=2)
    check(lambda x, g, b: group_norm(x, g, b, groups, 1e-5), x, scale, shift, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_floats(dtype: torch.dtype) -> None:
    x, scale = sample((3, 100), dtype), sample((100,), dtype, seed=1)
    check(lambda x, g: rms_norm(x, [100], g, 1e-6), x, scale, ulps=2**17, atol=1e-3)


def test_residual_sum_and_its_norm() -> None:
    x, y, scale, shift = sample((4, 70)), sample((4, 70), seed=1), sample((70,), seed=2), sample((70,), seed=3)
    check(lambda x, y, g, b: amdc_ops.add_layer_norm.default(x, y, [70], g, b, 1e-5), x, y, scale, shift, atol=1e-5)
    check(lambda x, y, g: amdc_ops.add_rms_norm.default(x, y, [70], g, 1e-5), x, y, scale, atol=1e-5)


X, SAME, ROW, COLUMN = sample((2, 3, 70)), sample((2, 3, 70), seed=1), sample((70,), seed=2), sample((2, 1, 1), seed=3)


def test_prologue_and_epilogue_of_a_norm() -> None:
    def function(x: Tensor, y: Tensor, g: Tensor, c: Tensor) -> Tensor:
        return torch.relu(layer_norm((x + y) * g + c, [70], g, g, 1e-5) * c) + y

    check_one_kernel(function, X, SAME, ROW, COLUMN)


def test_prologue_and_epilogue_of_a_group_norm() -> None:
    x, y, c = sample((2, 4, 5, 3)), sample((2, 4, 5, 3), seed=1), sample((4,), seed=2)
    check_one_kernel(lambda x, y, c, v: group_norm(torch.sigmoid(x) * c + y, v, v, 2, 1e-5) * c + y, x, y, c.view(4, 1, 1), c)


def test_prologue_and_epilogue_of_a_softmax() -> None:
    aten = torch.ops.aten
    mask = sample((2, 1, 70), seed=4)
    check_one_kernel(lambda x, m, c: aten._softmax.default(x * 0.125 + m, -1, False) * c, X, mask, COLUMN)


def test_prologue_of_a_reduction() -> None:
    aten = torch.ops.aten
    check_one_kernel(lambda x, y: aten.sum.dim_IntList(x * y, [-1], True) * 0.5, X, SAME)
    check_one_kernel(lambda x, c: aten.mean.dim(torch.exp(x) + c, [1, 2]), X, COLUMN)
    check_one_kernel(lambda x: aten.mean.dim(x.to(torch.float32), [-1]), sample((3, 70), torch.int64))
    check_one_kernel(lambda x: aten.amax.default(torch.abs(x), [-1]), X)
