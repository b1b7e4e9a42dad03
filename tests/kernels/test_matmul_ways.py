"""Every way to compute a matrix product that its lowering offers, on the simulated GPU, against float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch

from amdc.codegen.choice import Choices
from amdc.codegen.lowering import LoweringOptions, lower
from amdc.ir.ops import packed
from amdc.ir.regions import make_region
from amdc.runtime.session import open_session
from amdc.target import target
from tests.kernels.harness import assert_close, run
from tests.support.run_graph import compile_lowered
from tests.tracing import trace

aten = torch.ops.aten
Function = Callable[..., torch.Tensor]
Pick = Callable[[str, Sequence[str]], str]


def splits(_: str, names: Sequence[str]) -> str:
    """The cheapest candidate that cuts k in pieces."""
    return next(name for name in names if "split" in name)


def joins(_: str, names: Sequence[str]) -> str:
    """The cheapest that does so within one launch."""
    return next(name for name in names if "join" in name)


def whole(_: str, names: Sequence[str]) -> str:
    """The cheapest that does not, and takes no vectors."""
    return next(name for name in names if "split" not in name and "join" not in name and name != "gemv")


def check(
    function: Function, inputs: Sequence[torch.Tensor], terms: int, pick: Pick, templates: Sequence[str], extra: int = 0
) -> None:
    """Run `function` as one region whose product is computed in the way that `pick` takes, by kernels of `templates`."""
    graph = trace(function, *inputs)
    make_region(graph, [node for node in graph.graph.nodes if node.op == "call_function"], "fused")
    program = compile_lowered(lower(graph, target("gfx803"), LoweringOptions(choices=Choices(lookup=pick))))
    kernels = program.program.kernels
    assert [kernels[launch.kernel].template for launch in program.program.launches] == list(templates)
    with open_session(program, "sim") as session:
        exact, absolute = (function(*(f(x.double()) for x in inputs)).numpy() for f in (lambda x: x, torch.abs))
        assert_close(run(graph, session, *inputs), exact, absolute, terms, extra)


def tensors(*shapes: tuple[int, ...]) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(sum(map(sum, shapes)))
    return [torch.randn(shape, generator=generator) for shape in shapes]


@pytest.mark.parametrize("m, n, k", [(31, 33, 1000), (5, 64, 1201), (20, 8, 517)])
def test_pieces_of_k(m: int, n: int, k: int) -> None:
    check(aten.mm.default, tensors((m, k), (k, n)), k, splits, ["gemm", "gemm_sum"], extra=20)
    check(aten.mm.default, tensors((m, k), (k, n)), k, joins, ["gemm"], extra=20)


@pytest.mark.parametrize("pick, templates", [(splits, ["gemm", "gemm_sum"]), (joins, ["gemm"]), (whole, ["gemm"])])
def test_bias_prologue_and_epilogue(pick: Pick, templates: Sequence[str]) -> None:
    """The prologue works on each piece, the bias and the epilogue on the sum, once."""

    def fused(c: torch.Tensor, a: torch.Tensor, scale: torch.Tensor, b: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return torch.relu(aten.addmm.default(c, torch.relu(a * scale), b, beta=0.5, alpha=2.0) + other)

    check(fused, tensors((37,), (19, 700), (700,), (700, 37), (19, 37)), 700, pick, templates, extra=30)


def test_pieces_of_batches() -> None:
    check(aten.bmm.default, tensors((3, 18, 600), (3, 600, 21)), 600, splits, ["gemm", "gemm_sum"], extra=20)
    check(aten.bmm.default, tensors((3, 18, 600), (3, 600, 21)), 600, joins, ["gemm"], extra=20)


def test_pieces_repeat_bit_by_bit() -> None:
    """Whichever work-group comes last, and the counters are zeros again behind each launch."""
    graph = trace(aten.mm.default, *(inputs := tensors((40, 1024), (1024, 72))))
    program = compile_lowered(lower(graph, target("gfx803"), LoweringOptions(choices=Choices(lookup=joins))))
    with open_session(program, "sim") as session:
        first, *others = (run(graph, session, *inputs) for _ in range(5))
    assert all(np.array_equal(first, other) for other in others)


@pytest.mark.slow
@pytest.mark.parametrize("k", [512, 1203])
@pytest.mark.parametrize("m, n", [(1, 40), (16, 96), (33, 31), (130, 70)])
def test_every_way_that_is_offered(m: int, n: int, k: int) -> None:
    offered: list[str] = []

    def last_seen(_: str, names: Sequence[str]) -> str:
        offered[:] = names
        return names[0]

    inputs = tensors((m, k), (k, n))
    graph = trace(lambda x, w: packed.linear_packed(x, w, n), inputs[0], packed.pack_matrix(inputs[1]))
    lower(graph, target("gfx803"), LoweringOptions(choices=Choices(lookup=last_seen)))
    for name in offered:
        templates = ["gemv"] if name == "gemv" else ["gemm", "gemm_sum"] if "split" in name else ["gemm"]
        weights = [inputs[0], packed.pack_matrix(inputs[1])]
        check(lambda x, w: packed.linear_packed(x, w, n), weights, k, lambda *_, name=name: name, templates, extra=40)


@pytest.mark.slow
@pytest.mark.parametrize("pick", [splits, whole])
def test_half_floats(pick: Pick) -> None:
    """Sums are made in fp32 and rounded once."""
    a, b = (x.half() for x in tensors((35, 640), (640, 36)))
    graph = trace(aten.mm.default, a, b)
    bundle = compile_lowered(lower(graph, target("gfx803"), LoweringOptions(choices=Choices(lookup=pick))))
    with open_session(bundle, "sim") as session:
        result = run(graph, session, a, b)
    np.testing.assert_allclose(result, (a.double() @ b.double()).numpy(), rtol=2**-10, atol=1e-3)
