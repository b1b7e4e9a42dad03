"""expand_depthwise.hip in its spreads, and the two launches instead of it, against float64."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor

from amdc.codegen.choice import Choices
from amdc.codegen.lowering import Lowered, LoweringOptions, lower
from amdc.ir.ops.expand_depthwise import expand_depthwise
from amdc.runtime.session import open_session
from amdc.target import target
from tests.kernels.harness import ARCH, Function, assert_close, run
from tests.support.run_graph import compile_lowered
from tests.tracing import trace

Block = tuple[tuple[int, int, int, int], int, int, int, list[int], float | None]
BLOCKS: dict[str, Block] = {  # input, channels, kernel, stride, pads (before, behind), the clamp's lower bound
    "whole planes": ((1, 16, 7, 7), 20, 5, 1, [2] * 4, 0.0),
    "pads that differ": ((2, 16, 14, 10), 12, 3, 2, [0, 0, 1, 1], 0.0),
    "no activation": ((1, 32, 9, 13), 24, 3, 1, [1] * 4, None),
    "bands": ((1, 8, 41, 30), 9, 5, 2, [2] * 4, 0.0),
}


def block(kernel: int, stride: int, pads: list[int], low: float | None) -> Function:
    def compute(x: Tensor, expand: Tensor, expand_bias: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return expand_depthwise(x, expand, expand_bias, "clamp", low, None, weight, bias, [stride, stride], pads)

    return compute


def offered(function: Function, inputs: Sequence[Tensor]) -> list[str]:
    """The candidates of a block."""
    seen: list[str] = []
    choices = Choices(lookup=lambda problem, names: seen.extend(names if problem.startswith("expand_depthwise") else ()))
    lower(trace(function, *inputs), target(ARCH), LoweringOptions(choices=choices))
    return seen


def lowered(function: Function, inputs: Sequence[Tensor], candidate: str) -> Lowered:
    choices = Choices(lookup=lambda problem, names: candidate if candidate in names else None)
    return lower(trace(function, *inputs), target(ARCH), LoweringOptions(choices=choices))


def check(of: Block, pick: slice) -> None:
    """The candidates in a slice of those offered, on the simulated GPU."""
    shape, channels, kernel, stride, pads, low = of
    generator = torch.Generator().manual_seed(sum(shape))
    shapes = (shape, (shape[1], -(-channels // 4) * 4), (channels,), (channels, 1, kernel, kernel), (channels,))
    inputs = [torch.randn(extents, generator=generator) for extents in shapes]
    function = block(kernel, stride, pads, low)
    exact, absolute = (function(*(f(x.double()) for x in inputs)).numpy() for f in (lambda x: x, torch.abs))
    for candidate in offered(function, inputs)[pick]:
        program = lowered(function, inputs, candidate)
        assert (len(program.program.launches) == 1) == (candidate != "apart")
        with open_session(compile_lowered(program), "sim") as session:
            result = run(trace(function, *inputs), session, *inputs)
        # A rectified sum of K products, in error by its bound, is one factor of kernel^2 more products.
        assert_close(result, exact, absolute, shape[1] + kernel**2, extra=4)


def test_one_launch() -> None:
    check(BLOCKS["pads that differ"], slice(1))


def test_two_launches() -> None:
    check(BLOCKS["no activation"], slice(-1, None))


@pytest.mark.slow
@pytest.mark.parametrize("name", BLOCKS)
def test_every_candidate(name: str) -> None:
    check(BLOCKS[name], slice(None))
