"""attention_decode.hip over keys that lie in two tensors, through its lowering on the simulated GPU, against float64.

The bound is test_attention.py's."""

from __future__ import annotations

import pytest
import torch

from amdc.codegen.lowering import LoweringOptions, lower
from amdc.errors import InternalError
from amdc.ir.ops.attention_joined import attention_joined
from amdc.target import target
from tests.kernels.harness import UNIT, open_function, run
from tests.tracing import trace

Shape = tuple[int, int, int, int, int, int, int, int]  # batch, groups, heads a group, m, past, new, d, e
SIZES: tuple[Shape, ...] = (
    (1, 12, 1, 1, 255, 1, 64, 64),
    (2, 2, 3, 1, 62, 1, 32, 48),
    (1, 2, 1, 4, 64, 4, 64, 64),
    (1, 1, 2, 2, 1, 130, 7, 9),
    (1, 1, 1, 1, 600, 3, 128, 128),
)


def tensors(sizes: Shape) -> list[torch.Tensor]:
    batch, groups, heads, m, past, new, d, e = sizes
    generator = torch.Generator().manual_seed(sum(sizes))
    shapes = [(batch, groups * heads, m, d), *((batch, groups, n, width) for n in (past, new) for width in (d, e))]
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("causal", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("sizes", [SIZES[1], *(pytest.param(sizes, marks=pytest.mark.slow) for sizes in SIZES)])
def test_sizes(sizes: Shape, causal: bool) -> None:
    inputs = tensors(sizes)

    def function(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, new_k: torch.Tensor, new_v: torch.Tensor) -> torch.Tensor:
        return attention_joined(q, k, v, new_k, new_v, None, sizes[6] ** -0.5, causal)

    exact = function(*(x.double() for x in inputs))
    q, k, v, new_k, new_v = (x.double() for x in inputs)
    keys, values = torch.cat([k, new_k], 2), torch.cat([v, new_v], 2)
    products = (q.abs() @ keys.abs().repeat_interleave(sizes[2], 1).mT).amax(-1, keepdim=True)
    allowed = UNIT * (2 * (sizes[6] + 2) * products + keys.shape[2] + 8) * values.abs().max() + 1e-30
    graph, session = open_function(function, *inputs)
    with session:
        got = torch.from_numpy(run(graph, session, *inputs)).double()
    assert ((got - exact).abs() <= allowed).all(), f"{((got - exact).abs() / allowed).max():.3g} of the bound"


@pytest.mark.slow
def test_a_mask_goes_over_all_keys() -> None:
    inputs = tensors(SIZES[2])
    mask = torch.randn(1, 2, 4, 68, generator=torch.Generator().manual_seed(1))
    graph, session = open_function(lambda *given: attention_joined(*given, 0.125, False), *inputs, mask)
    with session:
        got = torch.from_numpy(run(graph, session, *inputs, mask))
    torch.testing.assert_close(got, attention_joined(*inputs, mask, 0.125, False), rtol=1e-4, atol=1e-5)


def test_many_rows_are_refused() -> None:
    graph = trace(lambda *given: attention_joined(*given, None, 0.125, False), *tensors((1, 1, 1, 40, 8, 8, 64, 64)))
    with pytest.raises(InternalError, match="40 rows"):
        lower(graph, target("gfx803"), LoweringOptions())
