"""bottleneck.hip through its lowering, on the simulated GPU, against float64."""

from __future__ import annotations

import pytest
import torch

from amdc.ir.ops.bottleneck import bottleneck
from tests.kernels.harness import assert_close, open_function, run

Sizes = tuple[int, int, int, int, int, int]  # batch, channels, height, width, inner planes, filters
SLOW = pytest.mark.slow
#        sizes, affine, biases, way
CASES = [
    ((2, 24, 7, 5, 16, 6), True, True, "4rows s2 x4"),
    *(
        pytest.param(*case, marks=SLOW)
        for case in (
            ((1, 40, 14, 14, 24, 32), True, False, None),
            ((1, 8, 1, 1, 8, 1), False, True, "1rows s16 x8"),
            ((1, 64, 9, 13, 8, 31), True, True, "9rows s4 x8"),
            ((1, 512, 7, 7, 128, 32), True, False, "2rows s16 x2"),
            ((3, 32, 13, 4, 48, 17), False, False, "4rows s8 x8"),
        )
    ),
]


def tensors(sizes: Sizes) -> list[torch.Tensor]:
    """x, scale, shift, the 1x1's weights and bias, the 3x3's weights and bias."""
    batch, k, height, width, channels, filters = sizes
    generator = torch.Generator().manual_seed(sum(sizes))
    shapes = [(batch, k, height, width), (k,), (k,), (k, -(-channels // 4) * 4), (channels,)]
    shapes += [(channels * 9, -(-filters // 4) * 4), (filters,)]
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("sizes, affine, biases, way", CASES)
def test_sizes(sizes: Sizes, affine: bool, biases: bool, way: str | None) -> None:
    x, scale, shift, inner, inner_bias, weight, bias = tensors(sizes)

    def layer(x: torch.Tensor, change: torch.dtype = torch.float32, size: bool = False) -> torch.Tensor:
        def held(value: torch.Tensor, wanted: bool = True) -> torch.Tensor | None:
            return (value.abs() if size else value).to(change) if wanted else None

        args = (held(scale, affine), held(shift, affine), held(inner), held(inner_bias, biases), sizes[4])
        return bottleneck(x, *args, held(weight), held(bias, biases), sizes[5])

    graph, session = open_function(lambda x: torch.relu(layer(x)), x, candidate=way)
    with session:
        got = [run(graph, session, x) for _ in range(2)]
    absolute = layer(x.double().abs(), torch.float64, size=True).numpy()
    # The inner sums' errors pass through the outer ones: both bounds add up, and scale and shift err once each.
    assert_close(got[0], torch.relu(layer(x.double(), torch.float64)).numpy(), absolute, sizes[1] + 9 * sizes[4], 4)
    assert (got[0] == got[1]).all()


def test_what_is_not_a_number_spreads() -> None:
    """From a channel to its neighbourhood; an infinity below zero ends in the ReLU."""
    x = torch.zeros(1, 8, 6, 6)
    x[0, 3, 1, 1], x[0, 5, 4, 4] = torch.nan, -torch.inf
    inner, weight = torch.ones(8, 8), torch.ones(72, 4)
    graph, session = open_function(lambda x: bottleneck(x, None, None, inner, None, 8, weight, None, 4), x)
    with session:
        got = torch.from_numpy(run(graph, session, x))
    assert got[0, :, :3, :3].isnan().all() and (got[0, :, 3:, 3:] == 0).all()
