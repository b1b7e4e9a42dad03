"""Reductions, softmax and normalisation against PyTorch. Sums of n terms may differ by n roundings of the largest partial sum."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from amdc.codegen.lowering import lower
from amdc.errors import ModelError
from amdc.target import target
from tests.codegen.checking import check, sample, trace_as_written

aten = torch.ops.aten
LARGE = [pytest.param(shape, marks=pytest.mark.slow) for shape in ((2, 3, 5, 7), (2, 64, 7, 7))]  # a kernel a dimension
SHAPES = [(1, 1, 1), (31, 33), (3, 1301), (600, 300), *LARGE]
FLOATS: list[Callable[..., torch.Tensor]] = [torch.sum, torch.mean, torch.amax, torch.amin, torch.var]


@pytest.mark.parametrize("shape", SHAPES)
def test_over_each_dimension(shape: tuple[int, ...]) -> None:
    dims = [d for d in range(len(shape)) if shape[d] > 1] or [0]
    functions = FLOATS if max(shape) > 1 else FLOATS[:4]
    check(lambda x: tuple(f(x, d, keepdim=d % 2 == 0) for f in functions for d in dims), sample(shape), ulps=16, atol=2e-4)


def test_over_several_dimensions() -> None:
    choices = [(2, 3), (0, 2), (0, 2, 3), (1, 3), (0, 1, 2, 3)]
    check(lambda x: tuple(f(x, dims) for f in FLOATS for dims in choices), sample((2, 3, 4, 5)), ulps=16, atol=2e-5)


def test_over_all() -> None:
    check(lambda x: (x.sum(), x.mean(), x.max(), x.min(), x.prod()), sample((3, 5, 7)), ulps=32, atol=2e-5)


def test_positions_of_extremes() -> None:
    x = sample((4, 33, 5))
    x[1, 7, 2] = x[1, 3, 2] = 9.0  # the first of two equals counts
    check(lambda x: (x.argmax(1), x.argmin(2, keepdim=True), x.argmax(), *x.max(1), *x.min(2, keepdim=True)), x, ulps=0)


def test_integers_and_booleans() -> None:
    x = sample((3, 4, 5), torch.int64)
    check(lambda x: (x.sum(1), x.amax(2), (x > 0).any(1), (x > -9).all(2), x.sum(), x.argmax(0), (x > 3).any()), x)
    check(lambda x: (x.sum(1), x.amin(0)), sample((3, 4, 5), torch.int32))


def test_not_a_number_wins() -> None:
    x = sample((3, 70))
    x[1, 65] = float("nan")
    check(lambda x: (x.amax(1), x.amin(1), x.amax(0), x.sum(1)), x, ulps=16, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1), (31, 33), (2, 5, 7), (3, 1301), (1, 1000, 1, 1), (4, 64, 64)])
def test_softmax(shape: tuple[int, ...]) -> None:
    """An error of d in an exponent is a relative error of d; exponents here reach 30."""
    check(
        lambda x: tuple(f(x * 5, d) for f in (F.softmax, F.log_softmax) for d in range(len(shape))),
        sample(shape),
        ulps=64,
        atol=1e-6,
    )


@pytest.mark.parametrize("shape", [(1, 4), (31, 33), (2, 5, 384), (1, 2, 1301)])
def test_layer_norm(shape: tuple[int, ...]) -> None:
    width = shape[-1]
    check(
        lambda x, w, b: (
            *aten.native_layer_norm.default(x, [width], w, b, 1e-5),
            aten.native_layer_norm.default(x, [width], None, None, 1e-3)[0],
        ),
        sample(shape), sample((width,), seed=1), sample((width,), seed=2),
        ulps=32, atol=1e-5,
    )  # fmt: skip


def test_group_and_instance_norm() -> None:
    x, w, b = sample((2, 6, 5, 7)), sample((6,), seed=1), sample((6,), seed=2)
    check(lambda x, w, b: aten.native_group_norm.default(x, w, b, 2, 6, 35, 3, 1e-5)[0], x, w, b, ulps=32, atol=1e-5)
    check(lambda x, w, b: aten.native_group_norm.default(x, w, b, 2, 6, 35, 6, 1e-5)[0], x, w, b, ulps=32, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 5, 7, 7), (3, 4), (1, 8, 8, 8)])
def test_batch_norm(shape: tuple[int, ...]) -> None:
    x, channels = sample(shape), shape[1]
    w, b, mean = (sample((channels,), seed=s) for s in (1, 2, 3))
    variance = sample((channels,), seed=4).abs() + 0.1
    normalise = aten._native_batch_norm_legit_no_training.default
    check(lambda x, w, b, m, v: normalise(x, w, b, m, v, 0.1, 1e-5)[0], x, w, b, mean, variance, ulps=16, atol=1e-5)


@pytest.mark.parametrize(("size", "beta"), [(5, 0.75), (4, 0.75), (3, 0.6), (1, 1.0)])
def test_local_response_norm(size: int, beta: float) -> None:
    check(lambda x: torch.ops.amdc.lrn.default(x, size, 0.5, beta, 2.0), sample((2, 7, 5, 3)), ulps=8)


def test_running_sums_and_variance_with_mean() -> None:
    x = sample((3, 7, 5))
    check(lambda x: (*(torch.cumsum(x, d) for d in range(3)), *torch.var_mean(x, (1, 2))), x, ulps=16, atol=2e-6)
    check(lambda x: torch.cumsum(x, 1), sample((2, 40), torch.int64))


def test_interpolating_integers_is_refused() -> None:
    """Rather than rounded in another way than PyTorch's."""
    with pytest.raises(ModelError, match="interpolates float32"):
        graph = trace_as_written(lambda x: aten.upsample_bilinear2d.default(x, [8, 8], False), sample((1, 2, 4, 4), torch.uint8))
        lower(graph, target("gfx803"))
