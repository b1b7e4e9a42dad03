"""Every dtype through the kernels, operator by operator, against PyTorch; conversions against PyTorch bit by bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from amdc.ir.arrays import from_numpy, to_numpy
from amdc.ir.regions import make_region
from tests.codegen.checking import check, sample, trace_as_written
from tests.support.run_graph import run_graph_on_sim

aten = torch.ops.aten
Function = Callable[[torch.Tensor], torch.Tensor]
NARROW = [torch.float16, torch.bfloat16]
FLOATS = [*NARROW, torch.float64]
SIGNED = [torch.int8, torch.int16, torch.int32, torch.int64]
# Each dtype makes every kernel anew: what differs in one conversion from another waits for `make test-slow`.
FEW_FLOATS = [torch.float16, pytest.param(torch.bfloat16, marks=pytest.mark.slow), torch.float64]
FEW_INTEGERS = [
    torch.int8,
    *(pytest.param(dtype, marks=pytest.mark.slow) for dtype in (torch.int16, torch.int32, torch.uint8)),
    torch.int64,
]
UNSIGNED = [torch.uint8, torch.uint16, torch.uint32, torch.uint64]
FLOAT8 = [torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz]

ANYWHERE: list[Function] = [
    torch.exp, torch.expm1, torch.erf, torch.sin, torch.cos, torch.atan, torch.sinh, torch.cosh, torch.tanh, torch.asinh,
    torch.sigmoid, torch.relu, torch.abs, torch.sign, torch.floor, torch.ceil, torch.round, torch.trunc, torch.neg, F.silu,
    F.hardswish, F.hardsigmoid, F.gelu, F.elu, F.softplus, torch.isnan, torch.isinf, torch.exp2,
    lambda x: F.gelu(x, approximate="tanh"), lambda x: F.leaky_relu(x, 0.1), lambda x: torch.clamp(x, -1, 2),
    lambda x: torch.fmod(x, 0.7), lambda x: torch.remainder(x, 0.7), lambda x: torch.pow(x, 2), lambda x: torch.pow(x, 3),
    lambda x: torch.where(x > 0, x, x * 0.5), lambda x: x / (x * x + 1), lambda x: torch.atan2(x, x * x - 2),
]  # fmt: skip
POSITIVE: list[Function] = [
    torch.log, torch.log2, torch.log10, torch.sqrt, torch.rsqrt, torch.log1p, torch.reciprocal, lambda x: torch.pow(x, -0.7),
    lambda x: torch.acosh(x + 1), lambda x: torch.asin(x / 41), lambda x: torch.acos(x / 41), lambda x: torch.atanh(x / 41),
]  # fmt: skip


def check_functions(functions: Sequence[Function], x: torch.Tensor, ulps: float, atol: float) -> None:
    """All functions of one vector in one kernel (compiling dominates these tests): row k of the result is functions[k](x)."""
    out = x.dtype

    def rows(x: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        result = functions[0](x).to(out)
        for number, function in enumerate(functions[1:], 1):
            result = torch.where(which == number, function(x).to(out), result)
        return result

    count = len(functions)
    spread, which = x.repeat(count, 1), torch.arange(count, dtype=torch.int32).reshape(-1, 1).repeat(1, len(x))
    graph = trace_as_written(rows, spread, which)
    make_region(graph, [node for node in graph.graph.nodes if node.op == "call_function"], "fused")
    given = dict(zip(graph.meta["inputs"], map(to_numpy, (spread, which)), strict=True))
    (got,) = run_graph_on_sim(graph, given)[0].values()
    for number, (row, function) in enumerate(zip(got.astype(np.float64), functions, strict=True)):
        want = function(x).to(out).double().numpy()
        unit = torch.finfo(out).eps if out.is_floating_point else 0.0
        np.testing.assert_allclose(row, want, rtol=ulps * unit, atol=atol, err_msg=f"function {number}")


@pytest.mark.slow  # one large kernel each
@pytest.mark.parametrize("dtype", [*NARROW, torch.float64])
def test_functions(dtype: torch.dtype) -> None:
    """Narrow floats: PyTorch rounds the fp32 value as the kernel does; the two may stand on both sides of a boundary, one unit
    apart, and where an operator rounds on the way (x / (x * x + 1)) two. Doubles are within a few units (amdc_math64.h)."""
    ulps, atol = (32, 1e-14) if dtype == torch.float64 else (2, 1e-6)
    x = torch.cat([torch.linspace(-8, 8, 257), torch.tensor([0.0, 1e-3, -1e-3])]).to(dtype)
    check_functions(ANYWHERE, x, ulps, atol)
    check_functions(POSITIVE, torch.linspace(0.01, 40, 257).to(dtype), ulps, atol)


ORDER: list[Function] = [
    lambda x: x == 2, lambda x: x != 2, lambda x: x < 2, lambda x: x <= 2, lambda x: x > 2, lambda x: x >= 2, lambda x: -x,
    lambda x: torch.maximum(x, x * x - 9), lambda x: torch.minimum(x, x * x), lambda x: torch.clamp(x, 1, 5), torch.abs,
    torch.relu,
    lambda x: x + 1, lambda x: x - x * x, lambda x: x * 3, lambda x: torch.where(x > 2, x, x + x), lambda x: x.logical_and(x - 1),
]  # fmt: skip
WHOLE: list[Function] = [
    lambda x: torch.div(x, 3, rounding_mode="floor"), lambda x: torch.div(x, 3, rounding_mode="trunc"),
    lambda x: torch.remainder(x, 3), lambda x: torch.fmod(x, 3), lambda x: x & 6, lambda x: x | 5, lambda x: x ^ 3, lambda x: ~x,
    lambda x: torch.pow(x, 2), lambda x: x << 2, lambda x: x >> 1,
]  # fmt: skip


@pytest.mark.parametrize("dtype", [*NARROW, torch.float64, *SIGNED, torch.uint8])
def test_arithmetic_and_order(dtype: torch.dtype) -> None:
    check_functions(ORDER, sample((67,), dtype), 0, 0)


@pytest.mark.parametrize("dtype", [*SIGNED, torch.uint8])
def test_whole_numbers(dtype: torch.dtype) -> None:
    check_functions(WHOLE, sample((67,), dtype), 0, 0)


REDUCTIONS: list[Function] = [
    lambda x: x.sum(1), lambda x: x.amax(1), lambda x: x.amin(0), lambda x: x.argmax(1), lambda x: x.any(0), lambda x: x.prod(1),
]  # fmt: skip


@pytest.mark.parametrize("dtype", FEW_INTEGERS)
def test_reductions_of_integers(dtype: torch.dtype) -> None:
    check(lambda x: tuple(f(x) for f in REDUCTIONS), sample((6, 11), dtype))


@pytest.mark.parametrize("dtype", FEW_FLOATS)
def test_reductions_of_floats(dtype: torch.dtype) -> None:
    """One unit of the result, and of its largest partial sum: PyTorch sums in fp32 too, in another order."""
    ulps, atol = (64, 1e-13) if dtype == torch.float64 else (1, 1e-3)
    several = [*REDUCTIONS[:4], lambda x: x.mean(1), lambda x: x.var(1), lambda x: torch.cumsum(x, 1), lambda x: x.sum(0)]
    check(lambda x: tuple(f(x) for f in several), sample((5, 70), dtype), ulps=ulps, atol=atol)


@pytest.mark.parametrize("dtype", [torch.float16, *(pytest.param(dtype, marks=pytest.mark.slow) for dtype in FLOATS[1:])])
def test_normalisations(dtype: torch.dtype) -> None:
    ulps, atol = (512, 1e-11) if dtype == torch.float64 else (2, 4e-3)  # kernels take epsilon as a float
    x, w, b = sample((2, 6, 5, 8), dtype), sample((6,), dtype, 1), sample((6,), dtype, 2)
    v, last = sample((6,), dtype, 3).abs() + 1, sample((8,), dtype, 4)
    check(lambda x, w, b, v, last: (
        F.softmax(x, 3), F.softmax(x, 1), F.log_softmax(x, 3), aten.native_layer_norm.default(x, [8], last, last, 1e-5)[0],
        aten.native_group_norm.default(x, w, b, 2, 6, 40, 3, 1e-5)[0],
        aten._native_batch_norm_legit_no_training.default(x, w, b, w, v, 0.1, 1e-5)[0],
        torch.ops.amdc.lrn.default(x, 4, 0.5, 0.75, 2.0),
    ), x, w, b, v, last, ulps=ulps, atol=atol)  # fmt: skip


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int8, torch.uint8, torch.int32])
def test_pooling_and_resizing(dtype: torch.dtype) -> None:
    x, floats = sample((1, 2, 6, 6), dtype), dtype.is_floating_point  # to 12 x 12, the weights are quarters: exact in any type

    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        moved = (aten.upsample_nearest2d.default(x, [9, 12]),) if floats or dtype == torch.uint8 else ()
        found = aten.max_pool2d_with_indices.default(x, [3, 3], [2, 2], [1, 1])
        averages = (F.avg_pool2d(x, 3, 2, 1), aten.upsample_bilinear2d.default(x, [12, 12], False)) if floats else ()
        return (*moved, *found, *averages)

    check(
        function, x, ulps=16 if dtype == torch.float64 else 2, atol=0 if not floats else 1e-14 if dtype == torch.float64 else 2e-3
    )


@pytest.mark.parametrize("dtype", [*FLOATS, *SIGNED, *UNSIGNED, torch.bool, *FLOAT8])
def test_movement(dtype: torch.dtype) -> None:
    x = sample((3, 4, 5)).to(dtype)

    def function(x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return x.permute(2, 0, 1).contiguous(), x[:, 1:3].contiguous(), x.reshape(12, 5).t().contiguous()

    (got,) = run_graph_on_sim(trace_as_written(function, x), {"x_1": to_numpy(x)})
    for held, want in zip(got.values(), function(x), strict=True):
        assert held.tobytes() == to_numpy(want).tobytes()


@pytest.mark.parametrize("dtype", [*NARROW, torch.uint8])
def test_joining(dtype: torch.dtype) -> None:
    check(
        lambda x, y: (torch.cat([x, y], 1), torch.stack([x, x]), torch.cat([x, y, x], 1)),
        sample((3, 5), dtype),
        sample((3, 2), dtype, 1),
        ulps=0,
    )


def converted(values: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """`values` as `dtype`, by the kernel."""
    graph = trace_as_written(lambda x: x.to(dtype), values)
    (got,) = run_graph_on_sim(graph, {graph.meta["inputs"][0]: to_numpy(values)})
    return from_numpy(np.array(got["out0"]))


def same_bits(got: torch.Tensor, want: torch.Tensor) -> bool:
    """Bit by bit; of NaNs only that they are NaNs."""
    wide, wanted = got.float(), want.float()
    return bool((((wide == wanted) & (wide.signbit() == wanted.signbit())) | (wide.isnan() & wanted.isnan())).all())


@pytest.mark.parametrize("dtype", [*NARROW, *FLOAT8])
def test_all_values_of_a_narrow_float_widen_exactly(dtype: torch.dtype) -> None:
    """Except that fp32 arithmetic flushes subnormals, which bfloat16 has."""
    bits = torch.arange(65536 if dtype in NARROW else 256)
    values = bits.to(torch.uint16).view(dtype) if dtype in NARROW else bits.to(torch.uint8).view(dtype)
    assert same_bits(converted(values, torch.float32), values.float())


@pytest.mark.parametrize("dtype", [*NARROW, *FLOAT8])
@pytest.mark.parametrize("source", [torch.float32, torch.float64])
def test_narrowing_rounds_to_nearest_even(dtype: torch.dtype, source: torch.dtype) -> None:
    """All values of the narrow type, the middles between neighbours, and what lies close to both."""
    bits = torch.arange(0, 65536, 7) if dtype in NARROW else torch.arange(256)
    known = (bits.to(torch.uint16).view(dtype) if dtype in NARROW else bits.to(torch.uint8).view(dtype)).float()
    known = torch.unique(known[known.isfinite()])
    middles = (known[1:] + known[:-1]) / 2
    base = torch.cat(
        [known, middles, known * 1.0001, middles * 1.0001, middles * 0.9999, known[-1:] * 2, torch.tensor([1e30, -1e30])]
    )
    base = base[(base.abs() > 1.2e-38) | (base == 0)]
    extra = torch.tensor([float("nan"), float("inf"), float("-inf"), 0.0, -0.0])
    values = torch.cat([base, extra]).to(source)
    assert same_bits(converted(values, dtype), values.to(dtype))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_conversions_between_any_two(data: Any) -> None:
    """Values that both types hold come back unchanged."""
    kinds = [torch.float32, *FLOATS, *SIGNED, *UNSIGNED, torch.bool]
    source, dtype = data.draw(st.sampled_from(kinds)), data.draw(st.sampled_from(kinds))
    low = 0 if {source, dtype} & {*UNSIGNED, torch.bool} else -100
    values = torch.tensor(
        data.draw(st.lists(st.integers(low, 1 if torch.bool in (source, dtype) else 100), min_size=1, max_size=9))
    )
    got = converted(values.to(source), dtype)
    assert got.dtype == dtype and torch.equal(got.to(torch.int64), values)
