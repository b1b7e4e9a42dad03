"""Kernels that memory bounds, at the sizes where they change their way: vectors and tails, lanes a row, rows that do not fit into
registers, columns that lanes share, tiles of transposing copies, rows in spans."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import amdc
from amdc.codegen.choice import Choice, Choices
from amdc.codegen.lowering import Lowered, LoweringOptions, lower
from amdc.ir.ops.attention import attention
from amdc.runtime.session import open_session
from amdc.target import target
from tests.codegen.checking import check, sample, trace_as_written
from tests.support.run_graph import compile_lowered

SLOW = pytest.mark.slow
HALF, BF16 = torch.float16, torch.bfloat16


def lowered(function: Callable[..., Tensor], inputs: list[Tensor], name: str) -> Lowered:
    """`function` lowered with every problem's candidate `name`, where it has one; some problem must."""
    graph, met = trace_as_written(function, *inputs), list[Choice]()
    lower(graph, target("gfx803"), LoweringOptions(choices=Choices(record=met.append)))
    forced = {choice.problem: name for choice in met if name in [candidate.name for candidate in choice.candidates]}
    assert forced, f"no problem has a candidate '{name}': {[[c.name for c in choice.candidates] for choice in met]}"
    return lower(graph, target("gfx803"), LoweringOptions(choices=Choices(forced=forced)))


def forced(function: Callable[..., Tensor], inputs: list[Tensor], name: str, launches: int, rtol: float) -> None:
    """The forced candidate takes so many launches, and computes what PyTorch does."""
    made = lowered(function, inputs, name)
    assert len(made.program.launches) == launches
    with open_session(compile_lowered(made), "sim") as session:
        given = {port.name: tensor.numpy() for port, tensor in zip(made.program.inputs, inputs, strict=True)}
        (got,) = session.run(given).values()
    torch.testing.assert_close(torch.from_numpy(got), function(*inputs), rtol=rtol, atol=rtol, equal_nan=True)


@pytest.mark.parametrize(
    "count", [4096 + 8, pytest.param(1, marks=SLOW), pytest.param(4097, marks=SLOW), pytest.param(4098, marks=SLOW)]
)
@pytest.mark.parametrize("dtype", [HALF, pytest.param(torch.int8, marks=SLOW), pytest.param(torch.float64, marks=SLOW)])
def test_streams(count: int, dtype: torch.dtype) -> None:
    """Whole vectors, tails, and a cast between sizes."""
    check(lambda x, y: (x + y, x.to(torch.float32), x > y), sample((count,), dtype), sample((count,), dtype, seed=1))


@pytest.mark.parametrize("offset", [1, pytest.param(2, marks=SLOW), pytest.param(8, marks=SLOW)])
def test_streams_from_an_odd_address(offset: int) -> None:
    check(lambda x: (x[0, offset:] * 2, torch.cat([x[:, offset:], x], 1)), sample((3, 40), HALF))


ROWS = [
    (1030, 24),  # 16 lanes a row
    (1, 33000),  # longer than registers hold
    *(pytest.param(shape, marks=SLOW) for shape in ((1, 1), (1030, 63), (5, 771), (3, 3000), (2, 9000), (2, 33001), (1500, 200))),
]


@pytest.mark.parametrize("shape", ROWS)
@pytest.mark.parametrize("dtype", [torch.float32, *(pytest.param(dtype, marks=SLOW) for dtype in (HALF, BF16, torch.float64))])
def test_rows(shape: tuple[int, int], dtype: torch.dtype) -> None:
    """Errors of sums of a row's elements; narrow types are rounded at the end alone, PyTorch's too."""
    width = shape[1:]
    ulps, atol = (64.0, 1e-4) if dtype != BF16 else (4.0, 1e-2)
    check(
        lambda x, g, b: (torch.softmax(x, -1), F.layer_norm(x, width, g, b), x.mean(-1)),
        *(sample(s, dtype, seed=i) for i, s in enumerate((shape, width, width))),
        ulps=ulps, atol=atol if dtype != HALF else 2e-3,
    )  # fmt: skip


@pytest.mark.parametrize("width", [70, pytest.param(33000, marks=SLOW)])
def test_softmax_of_infinities_and_not_a_number(width: int) -> None:
    x = sample((6, width))
    x[0, 3], x[1, 5], x[2, width - 1], x[3], x[4, 1:] = math.nan, math.inf, -math.inf, -math.inf, -math.inf
    check(lambda x: (torch.softmax(x, 1), torch.softmax(x.mT, 0)), x, ulps=64, atol=1e-6)


COLUMNS = [(300, 36), pytest.param((3, 5000, 4), marks=SLOW), pytest.param((2, 700, 33), marks=SLOW)]


@pytest.mark.parametrize("shape", COLUMNS)
def test_columns(shape: tuple[int, ...]) -> None:
    """Lanes share a column; equal extremes give the first place."""
    dim, x = len(shape) - 2, sample(shape).round(decimals=1)
    check(lambda x: (x.sum(dim), x.argmin(dim), torch.softmax(x, dim)), x, ulps=128, atol=2e-4)


@SLOW
@pytest.mark.parametrize("shape", [(300, 36), (2, 700, 33)])
def test_columns_of_other_types(shape: tuple[int, ...]) -> None:
    dim, x = len(shape) - 2, sample(shape)
    check(lambda x: (x.argmax(-1), x.argmin(dim), x.sum(dim), x.amax(dim)), (x * 10).to(torch.int64))
    check(lambda x: (x.var(dim), x.sum(dim), x.amin(dim)), x.half(), ulps=4, atol=1e-2)
    check(lambda x: (x.any(dim), (x * x > -1).all(dim), x.var(dim), x.prod(dim)), x.double(), ulps=2**12, atol=1e-9)


PERMUTED = [((3, 17, 20, 70), (0, 2, 3, 1)), ((3, 17, 2, 5, 70), (4, 2, 0, 3, 1)), ((130, 67), (1, 0))]


@pytest.mark.parametrize("dtype", [torch.float32, *(pytest.param(d, marks=SLOW) for d in (HALF, torch.int8, torch.int64))])
@pytest.mark.parametrize(("shape", "order"), [PERMUTED[0], *(pytest.param(*given, marks=SLOW) for given in PERMUTED[1:])])
def test_transposing_copies(shape: tuple[int, ...], order: tuple[int, ...], dtype: torch.dtype) -> None:
    def function(x: Tensor) -> Tensor:
        return x.permute(order).clone(memory_format=torch.contiguous_format)

    graph = trace_as_written(function, sample(shape, dtype))
    kernels = lower(graph, target("gfx803")).program.kernels.values()
    assert [kernel.template for kernel in kernels] == ["transpose"]
    check(function, sample(shape, dtype))


@pytest.mark.parametrize("op", ["var", "amax", *(pytest.param(op, marks=SLOW) for op in ("mean", "sum", "amin", "prod"))])
@pytest.mark.parametrize("dtype", [torch.float32, *(pytest.param(dtype, marks=SLOW) for dtype in (HALF, torch.float64))])
def test_long_rows_in_spans(op: str, dtype: torch.dtype) -> None:
    """Three work-groups share each row, in one launch; the last one's part is shorter. Not a number wins over extremes."""
    x = sample((2, 49160 // dtype.itemsize), dtype)
    if op == "prod":
        x = torch.where(x > 3.3, x / 3.3, 1)  # few that are not 1: little is rounded
    x[1, 5000] = math.nan if op in ("amax", "amin") else 7.0
    rtol = {HALF: 2e-3, torch.float32: 1e-5, torch.float64: 1e-12}[dtype]
    forced(lambda x: getattr(torch, op)(x, -1), [x], "3 spans", 1, rtol)


def test_rows_in_spans_again_and_again() -> None:
    """Every launch finds the counters at zero, and the same input gives the same bits."""
    made = lowered(lambda x: x.sum(-1), [sample((2, 12300))], "3 spans")
    inputs = [sample((2, 12300), seed=seed) for seed in range(4)]
    with open_session(compile_lowered(made), "sim") as session:
        (name,) = (port.name for port in made.program.inputs)
        first, again = ([next(iter(session.run({name: x.numpy()}).values())) for x in inputs] for _ in range(2))
    for x, one, other in zip(inputs, first, again, strict=True):
        assert one.tobytes() == other.tobytes()
        torch.testing.assert_close(torch.from_numpy(one), x.sum(-1), rtol=1e-5, atol=1e-4)


class FusedSum(torch.nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x * 2).sum() / 4 + 1


def test_a_mebibyte_is_summed_by_many_work_groups_in_one_launch() -> None:
    """What is fused in front and behind happens once."""
    x = sample((1 << 18,))
    bundle = amdc.compile(FusedSum().eval(), example_inputs=(x,))
    (launch,) = bundle.program.launches
    assert math.prod(launch.grid) >= 32
    with open_session(bundle, "sim") as session:
        (got,) = session.run({bundle.program.inputs[0].name: x.numpy()}).values()
    torch.testing.assert_close(torch.from_numpy(got), FusedSum()(x), rtol=1e-5, atol=0.0)


@pytest.mark.parametrize("causal", [False, pytest.param(True, marks=SLOW)])
def test_attention_over_parts_of_the_keys(causal: bool) -> None:
    q, k, v = sample((1, 4, 2, 64)), sample((1, 2, 515, 64), seed=1), sample((1, 2, 515, 48), seed=2)
    forced(lambda q, k, v: attention(q, k, v, None, 0.125, causal), [q, k, v], "4 splits", 1, rtol=2e-5)


@SLOW
@pytest.mark.parametrize(("width", "lanes"), [(16500, 512), (16385, 512), (32804, 1024)])
def test_rows_that_work_groups_keep_whole(width: int, lanes: int) -> None:
    """Where 256 lanes could not keep one: read once, also where the last vector is cut."""
    x, scale, shift = sample((5, width)), sample((width,), seed=1), sample((width,), seed=2)
    normalise = torch.ops.amdc.layer_norm.default

    def function(x: Tensor, g: Tensor, b: Tensor) -> Tensor:
        return normalise(x, [width], g, b, 1e-5)

    made = lower(trace_as_written(function, x, scale, shift), target("gfx803"), LoweringOptions())
    (kernel,) = made.program.kernels.values()
    assert (kernel.parameters["ROW_LANES"], kernel.parameters["LOOP"]) == (lanes, 0)
    check(function, x, scale, shift, atol=1e-5)
    check(lambda x: torch.softmax(x, -1), x, atol=1e-6)


@SLOW
def test_the_longest_rows_that_a_softmax_keeps() -> None:
    """Vocabularies of 50,257 words are kept whole; doubles, which take twice the registers, are not."""
    for dtype, loop in ((torch.float32, 0), (torch.float64, 1)):
        x = sample((2, 50257), dtype)
        made = lower(trace_as_written(lambda x: torch.softmax(x, -1), x), target("gfx803"), LoweringOptions())
        (kernel,) = made.program.kernels.values()
        assert kernel.parameters["LOOP"] == loop
        check(lambda x: torch.softmax(x, -1), x, atol=1e-6)


@SLOW
def test_many_single_elements() -> None:
    """Four a lane, and a last work-group that is not full."""
    check(lambda x: F.pad(x, (1, 1, 1, 1)), sample((3, 64, 53, 54)))
