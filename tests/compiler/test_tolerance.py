"""The derived tolerance: what it allows and what it refuses."""

from __future__ import annotations

import math

import ml_dtypes
import numpy as np
import pytest
import torch

from amdc.compiler.tolerance import SAFETY, UNIT_ROUNDOFF, compare, relative_bounds
from amdc.program import Buffer, Launch, Program


def chain(lengths: list[int], dtype: str = "float32") -> Program:
    """A program of successive sums of the given lengths, each of one element."""
    names = [f"b{index}" for index in range(len(lengths) + 1)]
    launches = tuple(
        Launch("k", (1, 1, 1), (), (names[i],), (names[i + 1],), f"n{i}", flops=2 * length) for i, length in enumerate(lengths)
    )
    buffers = {name: Buffer(name, "activation", dtype, (1,)) for name in names}
    return Program("gfx803", (), (), buffers, {}, launches, 0, 0, 0, 0)


def test_squares_add_along_the_longest_path() -> None:
    bounds = relative_bounds(chain([8, 32]))
    assert bounds["b0"] == 0
    assert math.isclose(bounds["b1"], SAFETY * UNIT_ROUNDOFF * 4)
    assert math.isclose(bounds["b2"], SAFETY * UNIT_ROUNDOFF * math.sqrt(16 + 64))


def test_a_real_sum_keeps_its_bound_and_a_wrong_one_does_not() -> None:
    """fp32 sums of 4096 products, in a naive kernel's order, against fp64: the bound holds them; a lost product breaks it."""
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 64, 4096)).astype(np.float32)
    total = np.zeros(64, np.float32)
    for k in range(a.shape[1]):
        total += a[:, k] * b[:, k]
    exact = (a.astype(np.float64) * b).sum(axis=1)
    rtol = relative_bounds(chain([4096]))["b1"]
    assert compare("sum", total, exact, rtol).passed
    assert not compare("sum", total - a[:, 0] * b[:, 0], exact, rtol).passed


@pytest.mark.parametrize("dtype, unit", [("float16", 2.0**-11), ("bfloat16", 2.0**-8)])
def test_each_store_in_16_bits_counts(dtype: str, unit: float) -> None:
    bounds = relative_bounds(chain([1, 1, 1], dtype))
    assert math.isclose(bounds["b1"], SAFETY * unit / math.sqrt(3), rel_tol=1e-6)
    assert math.isclose(bounds["b3"], SAFETY * unit, rel_tol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_a_chain_in_16_bits_keeps_its_bound_and_a_wrong_one_does_not(dtype: str) -> None:
    """Thirty layers of tanh(W x), each stored in 16 bits, against the same in fp32; a layer left out breaks the bound."""
    torch.manual_seed(0)
    narrow, layers = getattr(torch, dtype), [torch.randn(64, 64) / 8 for _ in range(30)]

    def run(x: torch.Tensor, skip: int | None, stored: torch.dtype) -> np.ndarray:
        for number, weight in enumerate(layers):
            if number != skip:
                x = torch.tanh(weight @ x.float()).to(stored)
        return x.float().numpy()

    start = torch.randn(64, 8).to(narrow)
    rtol = relative_bounds(chain([64] * 30, dtype))["b30"]
    exact = run(start, None, torch.float32)
    assert compare("x", run(start, None, narrow), exact, rtol).passed
    assert not compare("x", run(start, 29, narrow), exact, rtol).passed


def test_extension_dtypes_are_compared_as_floats() -> None:
    reference = np.array([1.0, 2.0], ml_dtypes.bfloat16)
    assert compare("t", np.array([1.0, 2.015625], ml_dtypes.bfloat16), reference, 2.0**-7).passed
    assert not compare("t", np.array([1.0, 2.5], ml_dtypes.bfloat16), reference, 2.0**-7).passed


def test_double_is_held_to_its_own_precision() -> None:
    assert relative_bounds(chain([8], "float64"))["b1"] == SAFETY * 2.0**-53 * 4


def test_nan_and_infinity_must_stand_at_the_same_places() -> None:
    reference = np.array([1, np.nan, np.inf], np.float32)
    assert compare("t", reference.copy(), reference, 1e-6).passed
    assert not compare("t", np.array([1, 0, np.inf], np.float32), reference, 1e-6).passed
    assert not compare("t", np.array([np.nan, np.nan, np.inf], np.float32), reference, 1e-6).passed
    assert not compare("t", np.array([1, np.nan, -np.inf], np.float32), reference, 1e-6).passed


def test_integers_must_be_equal_and_shapes_too() -> None:
    assert not compare("t", np.array([1, 2]), np.array([1, 3]), 1.0).passed
    assert not compare("t", np.zeros((2, 1), np.float32), np.zeros(2, np.float32), 1.0).passed


def test_the_worst_element_is_named() -> None:
    result = compare("t", np.array([[0.0, 1.0], [5.0, 1.0]]), np.ones((2, 2)), 1e-6)
    assert result.worst_index == (1, 0) and result.max_error == 4
