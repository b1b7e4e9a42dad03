"""pool_conv.hip through its lowering, on the simulated GPU, against float64."""

from __future__ import annotations

import pytest
import torch

from amdc.ir.ops.pool_convolution import pool_convolution
from tests.kernels.harness import assert_close, open_function, run

Sizes = tuple[int, int, int, int, int]  # batch, channels, height, width, filters
#        sizes, kernel, stride, padding, ceil_mode
CASES = [
    ((2, 64, 9, 11, 18), [3, 3], [2, 2], [1, 1], False),
    ((1, 32, 7, 6, 5), [2, 2], [2, 2], [0, 0], True),
    ((1, 32, 12, 5, 40), [2, 3], [1, 2], [1, 0], False),
    ((1, 256, 13, 13, 48), [3, 3], [2, 2], [0, 0], True),
    ((1, 64, 40, 41, 64), [3, 3], [1, 1], [1, 1], False),
]
SLOW = pytest.mark.slow


def tensors(sizes: Sizes) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    batch, channels, height, width, filters = sizes
    generator = torch.Generator().manual_seed(sum(sizes))
    ld = -(-filters // 4) * 4
    shapes = (batch, channels, height, width), (channels, ld), (filters,)
    x, weight, bias = (torch.randn(shape, generator=generator) for shape in shapes)
    return x, weight, bias


@pytest.mark.parametrize("case", [CASES[0], *(pytest.param(case, marks=SLOW) for case in CASES[1:])])
@pytest.mark.parametrize("tile", [None, *(pytest.param(tile, marks=SLOW) for tile in ("8x4", "16x8", "32x32", "64x16", "8x128"))])
def test_sizes(case: tuple[Sizes, list[int], list[int], list[int], bool], tile: str | None) -> None:
    sizes, *window, ceil_mode = case
    x, weight, bias = tensors(sizes)
    added = bias if sizes[4] != 5 else None
    graph, session = open_function(
        lambda x: torch.relu(pool_convolution(x, weight, added, *window, ceil_mode, sizes[4])), x, candidate=tile
    )
    with session:
        got = run(graph, session, x)
    wide = None if added is None else added.double()
    exact = torch.relu(pool_convolution(x.double(), weight.double(), wide, *window, ceil_mode, sizes[4])).numpy()
    pooled = torch.nn.functional.max_pool2d(x.double(), *window, 1, ceil_mode).abs()
    absolute = torch.einsum("nkhw,kf->nfhw", pooled, weight.double().abs()[:, : sizes[4]]) + bias.double().abs().reshape(-1, 1, 1)
    assert_close(got, exact, absolute.numpy(), sizes[1], 1)


def test_what_is_not_a_number_wins() -> None:
    """Each place of a window in turn; infinities are numbers, also those below all others."""
    x = torch.randn(1, 32, 3, 3 * 32, generator=torch.Generator().manual_seed(1))
    for window in range(9):
        x[0, 0, window // 3, 3 * window + window % 3] = torch.nan
    x[0, 1, :, 30:33], x[0, 2, 1, 34] = -torch.inf, torch.inf
    weight = torch.eye(32)
    graph, session = open_function(lambda x: pool_convolution(x, weight, None, [3, 3], [3, 3], [0, 0], False, 32), x)
    with session:
        got = torch.from_numpy(run(graph, session, x))
    pooled = torch.nn.functional.max_pool2d(x, 3, 3)
    assert got[0, 0, 0, :9].isnan().all() and got[0, 1, 0, 10] == -torch.inf and got[0, 2, 0, 11] == torch.inf
    torch.testing.assert_close(got[..., 12:], pooled[..., 12:], rtol=0, atol=0)
