"""Prologues and epilogues within the matrix kernels: each way of each kernel, in one launch, against float64."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from amdc.errors import InternalError
from amdc.ir.ops import packed
from tests.kernels.harness import check_function, open_function
from tests.kernels.test_convolution import Case

aten = torch.ops.aten
CASES = {
    "taps": Case(2, 19, 33, (7, 6), (3, 3), pads=(1, 1, 1, 1)),
    "taps, dwordx4 stores": Case(1, 16, 20, (8, 8), (3, 3), pads=(1, 2, 1, 0)),
    "linear": Case(2, 3, 17, (15, 14), (5, 5), stride=(2, 2), pads=(2, 2, 2, 2)),
    "pointwise": Case(2, 21, 35, (6, 6), (1, 1)),
    "groups": Case(2, 10, 6, (6, 5), (3, 3), pads=(1, 1, 1, 1), groups=2),
    "pointwise groups": Case(2, 10, 6, (6, 6), (1, 1), groups=2),
    "depthwise": Case(2, 5, 10, (7, 9), (3, 3), pads=(1, 1, 1, 1), groups=5),
    "vector": Case(1, 33, 70, (1, 1), (1, 1)),
    "3-d": Case(1, 3, 4, (4, 5, 6), (2, 3, 2), (1, 1, 1), (1, 1, 1, 1, 1, 1), (1, 1, 1)),
}


def like_output(case: Case) -> torch.Tensor:
    return torch.randn(case.plain()(*case.tensors()).shape)


def per_channel(channels: int, case: Case) -> torch.Tensor:
    """A positive factor or summand for each channel."""
    return 0.5 + torch.rand((channels, *(1,) * len(case.size)))


@pytest.mark.parametrize("name", CASES)
def test_epilogue_with_residual(name: str) -> None:
    case = CASES[name]
    function, tensors = case.packed()

    def fused(x: torch.Tensor, w: torch.Tensor, b: torch.Tensor, scale: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return torch.relu(function(x, w, b) * scale + other)

    check_function(fused, [*tensors, per_channel(case.outs, case), like_output(case)], case.terms, extra=3, fuse=True)


@pytest.mark.parametrize("name", CASES)
def test_prologue_leaves_the_padding_zero(name: str) -> None:
    case = CASES[name]
    function, (x, *rest) = case.packed()

    def fused(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        return function(torch.relu(x * scale + shift), *rest)

    inputs = [x, per_channel(case.channels, case), per_channel(case.channels, case), *rest]
    check_function(fused, inputs, case.terms, extra=3, fuse=True)


def test_transposed_with_both() -> None:
    def fused(x: torch.Tensor, scale: torch.Tensor, w: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        y = aten.convolution(torch.relu(x * scale), w, None, [2, 2], [0, 0], [1, 1], True, [0, 0], 1)
        return torch.relu(y + other)

    shapes = ((1, 6, 4, 5), (6, 1, 1), (6, 3, 2, 2), (1, 3, 8, 10))
    check_function(fused, [torch.randn(shape) for shape in shapes], 6, extra=3, fuse=True)


@pytest.mark.parametrize("m, n, k", [(33, 31, 17), (1, 70, 65), (64, 36, 32)])
def test_linear_with_both(m: int, n: int, k: int) -> None:
    def fused(x: torch.Tensor, scale: torch.Tensor, w: torch.Tensor, bias: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return torch.relu(packed.linear_packed(torch.relu(x * scale), w, n) + bias) + other

    inputs = [torch.randn(m, k), torch.rand(k), packed.pack_matrix(torch.randn(k, n)), torch.randn(n), torch.randn(m, n)]
    check_function(fused, inputs, k, extra=4, fuse=True)


def test_a_prologue_on_the_weights_is_refused() -> None:
    case = replace(CASES["taps"], bias=False)
    function, tensors = case.packed()
    with pytest.raises(InternalError, match="not on the convolution's input"):
        open_function(lambda x, w: function(x, torch.relu(w)), *tensors, fuse=True)
