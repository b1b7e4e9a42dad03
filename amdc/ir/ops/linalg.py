"""Matrix operators on integers, and determinants."""

from __future__ import annotations

import torch
from torch import Tensor

from amdc.ir.ops.packed import WINDOW, convolve
from amdc.ir.ops.register import amdc_op


def _shifted(x: Tensor, zero: Tensor | None) -> Tensor:
    """x - zero in float64, which is exact for sums of up to 2^37 products of 8-bit numbers and faster than integers here."""
    wide = x.to(torch.float64)
    return wide if zero is None else wide - zero.to(torch.float64)


def _wrapped(x: Tensor) -> Tensor:
    return x.to(torch.int64).to(torch.int32)


def _matmul_fake(a: Tensor, b: Tensor, *_: object) -> Tensor:
    batch = torch.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    torch._check(a.shape[-1] == b.shape[-2], lambda: f"{list(a.shape)} and {list(b.shape)} cannot be multiplied")
    return a.new_empty((*batch, a.shape[-2], b.shape[-1]), dtype=torch.int32)


@amdc_op("matmul_integer(Tensor a, Tensor b, Tensor? a_zero, Tensor? b_zero) -> Tensor", fake=_matmul_fake)
def matmul_integer(a: Tensor, b: Tensor, a_zero: Tensor | None, b_zero: Tensor | None) -> Tensor:
    """(a - a_zero) (b - b_zero) summed in int32: a [...,M,K], b [...,K,N] int8 or uint8; the zeros broadcast to a and to b."""
    return _wrapped(torch.matmul(_shifted(a, a_zero), _shifted(b, b_zero)))


def _convolution_fake(x: Tensor, weight: Tensor, x_zero: Tensor | None, weight_zero: Tensor | None, *window: object) -> Tensor:
    like = [torch.empty(t.shape, dtype=torch.float32, device=t.device) for t in (x, weight)]
    return x.new_empty(torch.ops.amdc.convolution(*like, None, *window).shape, dtype=torch.int32)


@amdc_op(
    f"convolution_integer(Tensor x, Tensor weight, Tensor? x_zero, Tensor? weight_zero, {WINDOW}) -> Tensor",
    fake=_convolution_fake,
)
def convolution_integer(
    x: Tensor,
    weight: Tensor,
    x_zero: Tensor | None,
    weight_zero: Tensor | None,
    stride: list[int],
    pads: list[int],
    dilation: list[int],
    groups: int,
) -> Tensor:
    """As `amdc::convolution` on int8 or uint8, summed in int32; the zeros are taken off first, so that padding is exactly zero.

    x_zero: one element. weight_zero: one element, or [O, 1, ...].
    """
    sums = convolve(_shifted(x, x_zero), _shifted(weight, weight_zero), None, stride, pads, dilation, groups)
    return _wrapped(torch.round(sums))


@amdc_op("det(Tensor x) -> Tensor", shape=lambda x: x.shape[:-2])
def det(x: Tensor) -> Tensor:
    """The determinants of [..., n, n]."""
    return torch.linalg.det(x)
