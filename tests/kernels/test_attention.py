"""attention.hip and attention_decode.hip through their lowering, on the simulated GPU, against float64.

The bound: a score errs by (D + 2) u times the sum of its absolute products, which changes a weight by as much relatively; a
result is an average of values: it errs by at most twice that times max|v|, plus (N + 4) u max|v| of its own sum (u: harness.py).
"""

from __future__ import annotations

import pytest
import torch

from amdc.codegen.lowering import LoweringOptions, lower
from amdc.ir.ops.attention import attention
from amdc.target import target
from tests.kernels.harness import UNIT, Function, open_function, run

Shape = tuple[int, int, int, int, int, int, int]  # batch, groups, heads a group, m, n, d, e
PREFILL: tuple[Shape, ...] = (
    (1, 1, 1, 1, 1, 1, 1),
    (2, 3, 1, 33, 31, 64, 64),
    (1, 2, 2, 65, 129, 32, 32),
    (1, 1, 1, 70, 70, 80, 80),
    (1, 1, 1, 130, 66, 96, 128),
    (1, 2, 1, 17, 67, 7, 5),
    (1, 1, 1, 20, 20, 33, 300),
    (1, 1, 1, 20, 20, 300, 33),
)
DECODE: tuple[Shape, ...] = (
    (1, 4, 1, 1, 100, 64, 64),
    (2, 2, 4, 1, 63, 32, 48),
    (1, 1, 1, 3, 70, 128, 128),
    (1, 2, 1, 1, 300, 7, 9),
)


def tensors(sizes: Shape, dtype: torch.dtype = torch.float32) -> list[torch.Tensor]:
    batch, groups, heads, m, n, d, e = sizes
    generator = torch.Generator().manual_seed(sum(sizes))
    shapes = (batch, groups * heads, m, d), (batch, groups, n, d), (batch, groups, n, e)
    return [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]


def check(function: Function, inputs: list[torch.Tensor], rounding: float = 0.0) -> None:
    """`function` of q, k, v and perhaps a mask; `rounding` is the relative error of storing a result."""
    graph, session = open_function(function, *inputs)
    wide = [x.double() if x.is_floating_point() else x for x in inputs]
    exact = function(*wide)
    q, k, v = wide[:3]
    heads = q.shape[1] // k.shape[1]
    products = (q.abs() @ k.abs().repeat_interleave(heads, 1).mT).amax(-1, keepdim=True)
    allowed = UNIT * (2 * (q.shape[-1] + 2) * products + k.shape[2] + 8) * v.abs().max() + rounding * exact.abs() + 1e-30
    with session:
        got = torch.from_numpy(run(graph, session, *inputs)).double()
    assert not got.isnan().any()
    assert ((got - exact).abs() <= allowed).all(), f"{((got - exact).abs() / allowed).max():.3g} of the bound"


SLOW = pytest.mark.slow


@pytest.mark.parametrize("causal", [pytest.param(False, marks=SLOW), True])
@pytest.mark.parametrize("sizes", [PREFILL[1], DECODE[1], *(pytest.param(s, marks=SLOW) for s in (*PREFILL, *DECODE))])
def test_sizes(sizes: Shape, causal: bool) -> None:
    check(lambda q, k, v: attention(q, k, v, None, sizes[5] ** -0.5, causal), tensors(sizes))


@pytest.mark.parametrize("sizes", [PREFILL[2], DECODE[1]])
@pytest.mark.parametrize(
    "shape", [(-1, 1, 1, -1), *(pytest.param(s, marks=SLOW) for s in ((1, 1, 1, -1), (1, -1, -1, 1), (-1, -1, -1, -1)))]
)
def test_masks(sizes: Shape, shape: tuple[int, ...]) -> None:
    q, k, v = tensors(sizes)
    extents = (q.shape[0], q.shape[1], q.shape[2], k.shape[2])
    drawn = [extent if wanted == -1 else 1 for extent, wanted in zip(extents, shape, strict=True)]
    added = torch.randn(drawn, generator=torch.Generator().manual_seed(1))
    check(lambda q, k, v, mask: attention(q, k, v, mask, 0.3, False), [q, k, v, added])
    check(lambda q, k, v, mask: attention(q, k, v, mask, 0.3, True), [q, k, v, added > -0.5])


def test_rows_that_see_nothing_give_zero() -> None:
    inputs = tensors((1, 1, 1, 70, 20, 16, 16))
    check(lambda q, k, v: attention(q, k, v, None, 0.3, True), inputs)
    hidden = torch.zeros(70, 20)
    hidden[::3] = -torch.inf
    check(lambda q, k, v, mask: attention(q, k, v, mask, 0.3, False), [*inputs, hidden])


@SLOW
def test_large_negative_masks_as_models_have_them() -> None:
    mask = torch.zeros(1, 1, 1, 100)
    mask[..., 60:] = torch.finfo(torch.float32).min
    for sizes in ((1, 2, 1, 40, 100, 32, 32), (1, 2, 1, 1, 100, 32, 32)):
        check(lambda q, k, v, mask: attention(q, k, v, mask, 0.3, False), [*tensors(sizes), mask])


@SLOW
@pytest.mark.parametrize("sizes", [PREFILL[1], DECODE[0]])
def test_softcap(sizes: Shape) -> None:
    check(lambda q, k, v: attention(q, k, v, None, 1.0, False, 5.0), tensors(sizes))


@pytest.mark.parametrize("sizes", [(1, 2, 1, 33, 70, 64, 64), pytest.param((1, 2, 2, 1, 70, 64, 64), marks=SLOW)])
@pytest.mark.parametrize("dtype, unit", [(torch.float16, 2.0**-11), pytest.param(torch.bfloat16, 2.0**-8, marks=SLOW)])
def test_narrow_storage(sizes: Shape, dtype: torch.dtype, unit: float) -> None:
    def widened(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        narrow = [x.to(dtype) for x in (q, k, v)] if q.dtype == torch.float32 else [q, k, v]
        return attention(*narrow, None, 0.125, True).to(q.dtype)

    check(widened, [x.to(dtype).float() for x in tensors(sizes)], unit)


def merged(qkv: torch.Tensor) -> torch.Tensor:
    """As in GPT-2: one product holds queries, keys and values, and the heads end side by side."""
    q, k, v = (part.view(2, 37, 3, 16).permute(0, 2, 1, 3) for part in qkv.split(48, 2))
    return torch.ops.aten.view.default(attention(q, k, v, None, 0.25, True).permute(0, 2, 1, 3).contiguous(), [74, 48])


def test_merged_heads_take_one_launch() -> None:
    qkv = torch.randn(2, 37, 144, generator=torch.Generator().manual_seed(0))
    graph, session = open_function(merged, qkv)
    with session:
        got = run(graph, session, qkv)
    assert len(lower(graph, target("gfx803"), LoweringOptions()).program.launches) == 1
    torch.testing.assert_close(torch.from_numpy(got), merged(qkv), rtol=1e-5, atol=1e-5)
