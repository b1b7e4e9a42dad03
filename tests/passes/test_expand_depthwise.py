"""The 1x1 convolution before a depthwise one becomes part of it, and its kernel computes what PyTorch does."""

from __future__ import annotations

import torch
from torch import Tensor
from tracing import assert_becomes

from amdc.ir.ops.expand_depthwise import expand_depthwise
from amdc.ir.ops.packed import convolution_packed, pack_convolution_weight
from amdc.passes.fuse_expand_depthwise import FuseExpandDepthwise

aten = torch.ops.aten
K, C = 16, 20
EXPAND = pack_convolution_weight(torch.randn(C, K, 1, 1) / K**0.5, 1)
EXPAND_BIAS, WEIGHT, BIAS = torch.randn(C), torch.randn(C, 1, 3, 3), torch.randn(C)


def expanded(x: Tensor) -> Tensor:
    return convolution_packed(x, EXPAND, EXPAND_BIAS, [1, 1], [1, 1], [0] * 4, [1, 1], 1, C)


def before(x: Tensor) -> Tensor:
    return aten.convolution.default(expanded(x).clamp(0.0, 6.0), WEIGHT, BIAS, [2, 2], [1, 1], [1, 1], False, [0, 0], C)


def after(x: Tensor) -> Tensor:
    return expand_depthwise(x, EXPAND, EXPAND_BIAS, "clamp", 0.0, 6.0, WEIGHT, BIAS, [2, 2], [1] * 4)


def test_becomes_one_operator() -> None:
    assert_becomes(before, after, [FuseExpandDepthwise()], torch.randn(2, K, 7, 9))
