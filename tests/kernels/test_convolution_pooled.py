"""A 3x3 convolution pools its own results: the pass, and the kernels' results against float64."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from amdc.codegen.lowerings import convolution_winograd4
from amdc.ir.ops.convolution_pooled import convolution_pooled
from amdc.ir.ops.packed import pack_convolution_weight
from amdc.passes.fuse_convolution_pool import FuseConvolutionPool
from amdc.passes.pack_weights import PackWeights
from tests.kernels.harness import open_function, run
from tests.tracing import CONTEXT, after_passes, assert_becomes, calls, trace

aten = torch.ops.aten
SLOW = pytest.mark.slow
GENERATOR = torch.Generator().manual_seed(0)
X, WEIGHT, BIAS = (torch.randn(shape, generator=GENERATOR) for shape in ((1, 32, 8, 6), (36, 32, 3, 3), (36,)))
PACKED = pack_convolution_weight(WEIGHT, 1)


def convolved(x: Tensor, weight: Tensor = WEIGHT, stride: int = 1) -> Tensor:
    return aten.convolution.default(x, weight, BIAS if weight is WEIGHT else None, [stride] * 2, [1, 1], [1, 1], False, [0, 0], 1)


def test_a_pooling_behind_a_relu() -> None:
    assert_becomes(
        lambda x: F.max_pool2d(convolved(x).relu(), 2).exp(),
        lambda x: convolution_pooled(x, PACKED, BIAS, 36).relu().exp(),
        [PackWeights(), FuseConvolutionPool()],
        X,
    )


def test_a_pooling_alone() -> None:
    passes = [PackWeights(), FuseConvolutionPool()]
    assert_becomes(lambda x: F.max_pool2d(convolved(x), 2, 2), lambda x: convolution_pooled(x, PACKED, BIAS, 36), passes, X)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: F.max_pool2d(convolved(x), 3, 2),  # windows that overlap
        lambda x: F.max_pool2d(convolved(x), 2, 2, 1),  # padding
        lambda x: F.max_pool2d(convolved(x)[:, :, 1:], 2),  # not the convolution's own result
        lambda x: F.max_pool2d(convolved(x.repeat(1, 1, 1, 2)[..., :7]), 2),  # an odd side
        lambda x: F.max_pool2d(convolved(x, stride=2), 2),  # a stride
        lambda x: F.max_pool2d(convolved(x, WEIGHT[:16].contiguous()), 2),  # few filters
        lambda x: (lambda y: F.max_pool2d(y, 2).sum() + y.sum())(convolved(x)),  # used twice
    ],
)
def test_others_stay(function: Callable[[Tensor], Tensor]) -> None:
    graph = trace(function, X)
    after_passes(graph, [PackWeights()])
    assert not FuseConvolutionPool().run(graph, CONTEXT).changed and calls(graph, convolution_pooled) == 0


@pytest.mark.parametrize(
    "batch, channels, height, width, filters, way",
    [
        (1, 40, 8, 14, 36, "winograd2x2 lds 32x24s2 2 parts"),
        *(
            pytest.param(*case, marks=SLOW)
            for case in (
                (2, 32, 6, 10, 70, "winograd2x2 lds 32x32"),
                (1, 32, 2, 2, 32, "winograd2x2 lds 32x28"),
                (1, 33, 10, 12, 36, "apart"),
                (1, 36, 10, 14, 32, "winograd4x4 64x64x16"),  # neither side a multiple of four
            )
        ),
    ],
)
def test_sizes(
    monkeypatch: pytest.MonkeyPatch, batch: int, channels: int, height: int, width: int, filters: int, way: str
) -> None:
    monkeypatch.setattr(convolution_winograd4, "may_pay", lambda *_: True)
    generator = torch.Generator().manual_seed(channels)
    shapes = (batch, channels, height, width), (filters, channels, 3, 3), (filters,)
    x, weight, bias = (torch.randn(shape, generator=generator) for shape in shapes)
    packed = pack_convolution_weight(weight, 1)
    graph, session = open_function(
        lambda x: torch.relu(convolution_pooled(x, packed, bias, filters)), x, fuse="2x2" in way, candidate=way
    )
    with session:
        launched = [launch.kernel for launch in session.program.launches]
        got = torch.from_numpy(run(graph, session, x))
    kernel = {"apart": "pool", "winograd2x2": "winograd_lds"}.get(way.split()[0], "winograd4")
    assert any(name.startswith(kernel) for name in launched)
    exact = torch.relu(F.max_pool2d(F.conv2d(x.double(), weight.double(), bias.double(), padding=1), 2))
    # Winograd's transforms err by some tens of units in the last place of sums of 9 * channels products of numbers of about 1.
    torch.testing.assert_close(got.double(), exact, rtol=1e-4, atol=1e-5 * channels**0.5)


def test_what_is_not_a_number_wins() -> None:
    x = torch.zeros(1, 32, 8, 8)
    x[0, 0, 5, 5] = torch.nan
    weight = torch.ones(32 * 9, 32)
    graph, session = open_function(lambda x: convolution_pooled(x, weight, None, 32), x, candidate="apart")
    with session:
        got = torch.from_numpy(run(graph, session, x))
    assert got[..., 2:, 2:].isnan().all() and (got[..., :2, :] == 0).all() and (got[..., :, :2] == 0).all()
