"""pooled_linear.hip through its lowering, on the simulated GPU, against float64."""

from __future__ import annotations

import pytest
import torch

from amdc.ir.ops.packed import pack_matrix
from amdc.ir.ops.pooled_linear import pooled_linear
from tests.kernels.harness import UNIT, assert_close, open_function, run

SLOW = pytest.mark.slow
#        shape of x, outputs, bias
PRODUCTS = [
    ((1, 300, 7, 7), 70, True),
    pytest.param((1, 1024, 7, 7), 2, True, marks=SLOW),
    pytest.param((1, 257, 1, 1), 1000, False, marks=SLOW),
    pytest.param((1, 33, 3, 5), 64, True, marks=SLOW),
    pytest.param((1, 4096), 129, False, marks=SLOW),
]


@pytest.mark.parametrize("shape, outs, biased", PRODUCTS)
def test_product(shape: tuple[int, ...], outs: int, biased: bool) -> None:
    """Twice: the counters are as they were after a launch."""
    generator = torch.Generator().manual_seed(outs)
    weight, bias = torch.randn(shape[1], outs, generator=generator), torch.randn(outs, generator=generator)
    packed, added = pack_matrix(weight), bias if biased else None
    graph, session = open_function(lambda x: pooled_linear(x, packed, added, outs, False), torch.zeros(shape))
    with session:
        for _ in range(2):
            x = torch.randn(shape, generator=generator)
            wide = x.double().flatten(2).mean(2) if len(shape) > 2 else x.double()
            means = x.double().abs().flatten(2).mean(2) if len(shape) > 2 else x.double().abs()
            exact = wide @ weight.double() + (bias.double() if biased else 0)
            absolute = means @ weight.double().abs() + bias.double().abs()
            assert_close(run(graph, session, x), exact.numpy(), absolute.numpy(), shape[1] + x[0, 0].numel(), 2)


@pytest.mark.parametrize(
    "shape, outs",
    [((1, 300, 13, 13), None), *(pytest.param(*case, marks=SLOW) for case in (((1, 512, 7, 7), 1000), ((1, 80), 5)))],
)
def test_softmax(shape: tuple[int, ...], outs: int | None) -> None:
    """A logit's error, as a product's, is the result's relative one; exp adds a few units in the last place."""
    generator = torch.Generator().manual_seed(7)
    weight = None if outs is None else pack_matrix(torch.randn(shape[1], outs, generator=generator))
    bias = None if outs is None else torch.randn(outs, generator=generator)
    graph, session = open_function(lambda x: pooled_linear(x, weight, bias, outs or shape[1], True), torch.zeros(shape))
    with session:
        for scale in (1.0, 30.0):
            x = scale * torch.randn(shape, generator=generator)
            given = [None if held is None else held.double() for held in (weight, bias)]
            exact = pooled_linear(x.double(), *given, outs or shape[1], True)
            size = pooled_linear(
                x.double().abs(), *(held if held is None else held.abs() for held in given), outs or shape[1], False
            )
            terms = shape[1] * (outs is not None) + x[0, 0].numel()
            allowed = exact * (2 * terms * UNIT * float(size.max()) + 16 * UNIT) + 2.0**-120
            got = torch.from_numpy(run(graph, session, x)).double()
            assert ((got - exact).abs() <= allowed).all(), f"{((got - exact).abs() / allowed).max():.3g} of the bound"


def test_what_is_not_a_number_stays() -> None:
    x = torch.zeros(1, 40, 2, 2)
    x[0, 3, 0, 0] = torch.nan
    graph, session = open_function(lambda x: pooled_linear(x, None, None, 40, True), x)
    with session:
        assert bool(torch.from_numpy(run(graph, session, x)).isnan().all())
