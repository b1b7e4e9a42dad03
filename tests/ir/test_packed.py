"""The packed operators compute what PyTorch's do, in eager and fake execution, and can be trained."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch._subclasses.fake_tensor import FakeTensorMode

from amdc.ir.ops.packed import (
    convolution,
    convolution_packed,
    leading_dimension,
    linear_packed,
    pack_convolution_weight,
    pack_matrix,
)


@pytest.mark.parametrize("columns", [1, 3, 4, 31, 64, 511, 512, 1000, 2048, 4096])
def test_the_row_stride_is_aligned_and_spread_over_the_channels(columns: int) -> None:
    stride = leading_dimension(columns)
    assert columns <= stride <= columns + 19
    assert stride % 4 == 0
    assert stride % 512 != 0


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("pads", [(0, 0, 0, 0), (1, 1, 1, 1), (0, 1, 3, 2)])
def test_convolutions(groups: int, pads: tuple[int, ...]) -> None:
    x, weight, bias = torch.randn(2, 8, 9, 7), torch.randn(12, 8 // groups, 3, 2), torch.randn(12)
    top, left, bottom, right = pads
    want = F.conv2d(F.pad(x, (left, right, top, bottom)), weight, bias, (2, 1), 0, (1, 2), groups)
    window = ([2, 1], list(pads), [1, 2], groups)
    packed = pack_convolution_weight(weight, groups)
    torch.testing.assert_close(convolution(x, weight, bias, *window), want, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(convolution_packed(x, packed, bias, [3, 2], *window, 12), want, rtol=1e-4, atol=1e-5)
    with FakeTensorMode() as mode:
        fake = convolution_packed(mode.from_tensor(x), mode.from_tensor(packed), None, [3, 2], *window, 12)
    assert fake.shape == want.shape


def test_linear_and_its_derivative() -> None:
    x, weight = torch.randn(3, 5), torch.randn(5, 7)
    packed = pack_matrix(weight).requires_grad_()
    result = linear_packed(x, packed, 7)
    torch.testing.assert_close(result, x @ weight)
    result.sum().backward()
    assert packed.grad is not None
    torch.testing.assert_close(packed.grad[:, :7], x.sum(0)[:, None].expand(5, 7))
    assert not packed.grad[:, 7:].any()
