"""Point-wise operators, each by its own kernel, against PyTorch. Units in the last place: eager PyTorch itself is within one or
two of the true value, a kernel within two to four (kernels/hip/amdc_math.h)."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from tests.codegen.checking import EPSILON, check, sample

Function = Callable[[torch.Tensor], torch.Tensor]
WIDE = torch.cat([torch.linspace(-12, 12, 1021), torch.tensor([0.0, -0.0, 1e-6, -1e-6, 60.0, -60.0])])
UNIT = torch.linspace(-1, 1, 1021)
POSITIVE = torch.cat([torch.linspace(1e-3, 40, 1021), torch.tensor([1e-20, 1e20, 1.0])])

ANYWHERE: list[Function] = [
    torch.exp, torch.expm1, torch.erf, torch.sin, torch.cos, torch.atan, torch.sinh, torch.cosh, torch.tanh, torch.asinh,
    torch.sigmoid, torch.relu, torch.abs, torch.sign, torch.floor, torch.ceil, torch.round, torch.trunc, torch.neg, F.silu,
    F.hardswish, F.hardsigmoid, F.gelu, F.elu, F.softplus, torch.isnan, torch.isinf,
    lambda x: F.gelu(x, approximate="tanh"), lambda x: F.leaky_relu(x, 0.1), lambda x: torch.clamp(x, -1, 2),
    lambda x: torch.clamp(x, min=0.5), lambda x: F.hardtanh(x), lambda x: x * 2 + 1, lambda x: 3 - x,
    lambda x: torch.add(x, x, alpha=2),
    lambda x: torch.fmod(x, 0.7), lambda x: torch.remainder(x, 0.7), lambda x: torch.pow(x, 2), lambda x: torch.pow(x, 3),
    lambda x: torch.pow(1.5, x),
    lambda x: torch.div(x, 0.3, rounding_mode="floor"), lambda x: torch.div(x, 0.3, rounding_mode="trunc"),
    lambda x: torch.where(x > 0, x, x * 0.5), lambda x: x / (x * x + 1),
]  # fmt: skip


def test_functions_of_any_number() -> None:
    """Near a zero of sin, gelu and the like the error is absolute: that of the argument."""
    check(lambda x: tuple(f(x) for f in ANYWHERE), WIDE, ulps=6, atol=12 * EPSILON)


def test_functions_of_positive_numbers() -> None:
    functions: list[Function] = [torch.log, torch.sqrt, torch.rsqrt, torch.log1p, torch.reciprocal, lambda x: torch.pow(x, -0.7)]
    check(lambda x: tuple(f(x) for f in functions), POSITIVE, ulps=6, atol=2 * EPSILON)
    check(lambda x: torch.acosh(x + 1), POSITIVE[:1021], ulps=6, atol=6 * EPSILON)


def test_functions_of_the_unit_interval() -> None:
    functions: list[Function] = [torch.asin, torch.acos, torch.tan, lambda x: torch.atanh(x * 0.99)]
    check(lambda x: tuple(f(x) for f in functions), UNIT, ulps=8, atol=4 * EPSILON)


def test_not_a_number_and_infinity() -> None:
    special = torch.tensor([math.nan, math.inf, -math.inf, 1.0, -1.0])
    functions: list[Function] = [
        torch.relu, torch.exp, torch.erf, torch.tanh, torch.sigmoid, torch.isnan, torch.isinf, torch.abs, torch.neg, torch.floor,
        lambda x: torch.clamp(x, -2, 2), lambda x: torch.maximum(x, x * 0), lambda x: torch.minimum(x * 0, x), lambda x: x == x,
    ]  # fmt: skip
    check(lambda x: tuple(f(x) for f in functions), special)


@pytest.mark.parametrize("shape", [(1, 1, 1), (31,), (3, 33), (2, 3, 5, 7), (1, 257, 3), (513, 1), (2, 4, 4, 8)])
def test_shapes(shape: tuple[int, ...]) -> None:
    check(lambda x, y: (torch.relu(x + y), x * y - 1), sample(shape), sample(shape, seed=1))


BROADCASTS = [
    ((2, 3, 4, 8), (3, 1, 1)),
    ((2, 3, 5, 7), (1, 3, 1, 1)),
    ((4, 6), (6,)),
    ((4, 6), (4, 1)),
    ((5, 1, 7), (1, 4, 1)),
    ((2, 1, 3, 1, 4), (1, 5, 1, 2, 1)),
    ((3, 4), ()),
    ((2, 3, 1, 2, 3, 4), (1, 2, 1, 4)),
]


@pytest.mark.parametrize(("left", "right"), BROADCASTS)
def test_broadcasting(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    check(lambda x, y: (x + y, y - x), sample(left), sample(right, seed=1))


@pytest.mark.parametrize("dtype", [torch.int32, torch.int64, torch.bool, torch.float16, torch.uint8])
def test_other_dtypes(dtype: torch.dtype) -> None:
    x, y = sample((5, 33), dtype), sample((5, 33), dtype, seed=1)

    def function(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, ...]:
        common = (x == y, x.to(torch.float32), torch.where(x == y, x, y), x.logical_and(y))
        if dtype == torch.bool:
            return (*common, x & y, x ^ y, x.logical_not(), x.to(torch.int64))
        return (*common, x + y, x * y, torch.maximum(x, y), x < y, x.to(torch.int64), x + 1)

    check(function, x, y)


def test_integer_division_follows_python() -> None:
    x, y = sample((4, 33), torch.int64), sample((4, 33), torch.int64, seed=1)
    y = torch.where(y == 0, torch.tensor(3), y)
    check(lambda x, y: (torch.div(x, y, rounding_mode="floor"), torch.remainder(x, y), torch.fmod(x, y), x / y), x, y)


def test_sizes_beyond_one_group() -> None:
    check(lambda x, y: torch.relu(x * 2 + y), sample((3, 701, 5)), sample((701, 1), seed=1))
