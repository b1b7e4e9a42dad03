"""Rotary position embeddings take no copies."""

from __future__ import annotations

import pytest
import torch

from amdc.codegen.lowering import LoweringOptions, lower
from amdc.passes.fuse_elementwise import FuseElementwise
from amdc.passes.rotate_halves import RotateHalves
from amdc.target import target
from tests.codegen.checking import check
from tests.tracing import after_passes, assert_becomes, calls, run, trace

aten = torch.ops.aten
X = torch.randn(2, 3, 5, 8, generator=torch.Generator().manual_seed(0))
COSINES, SINES = torch.cos(torch.arange(40.0)).view(5, 8), torch.sin(torch.arange(40.0)).view(5, 8)


def rotated(x: torch.Tensor) -> torch.Tensor:
    return torch.cat((-x[..., 4:], x[..., :4]), -1)


def embedded(x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
    return x * cosines + rotated(x) * sines


def test_halves() -> None:
    signs = torch.tensor([-1.0] * 4 + [1.0] * 4)

    def after(x: torch.Tensor) -> torch.Tensor:
        return torch.flip(x.view(2, 3, 5, 2, 4), [3]).view(2, 3, 5, 8) * signs

    assert_becomes(rotated, after, [RotateHalves()], X)


def test_one_launch() -> None:
    graph = trace(embedded, X, COSINES, SINES)
    after_passes(graph, [RotateHalves(), FuseElementwise()])
    assert len(lower(graph, target("gfx803"), LoweringOptions()).program.launches) == 1


def test_kernels_read_it_in_place() -> None:
    def spelled(x: torch.Tensor, cosines: torch.Tensor, sines: torch.Tensor) -> torch.Tensor:
        return x * cosines + torch.flip(x.view(2, 3, 5, 2, 4), [3]).view(2, 3, 5, 8) * sines

    check(spelled, X, COSINES, SINES, atol=1e-6)


@pytest.mark.parametrize(
    "kept", [lambda x: torch.cat((x[..., 4:], x[..., :4]), -1), lambda x: torch.cat((-x[..., 2:], x[..., :2]), -1)]
)
def test_what_stays(kept: object) -> None:
    graph = trace(kept, X)  # type: ignore[arg-type]
    (expected,) = run(graph, X)
    after_passes(graph, [RotateHalves()])
    assert calls(graph, aten.cat.default) == 1
    assert torch.equal(run(graph, X)[0], expected)
