"""Activations with a bias, and products and convolutions with an activation behind."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from amdc.frontends.onnx.operators.convolution import conv
from amdc.frontends.onnx.operators.linear import gemm, matmul
from amdc.frontends.onnx.operators.microsoft.domain import microsoft_op
from amdc.frontends.onnx.registry import NotSupported


@microsoft_op("Gelu")
def gelu(x: Tensor, /) -> Tensor:
    return F.gelu(x)


@microsoft_op("FastGelu")
def fast_gelu(x: Tensor, bias: Tensor | None = None, /) -> Tensor:
    return F.gelu(x if bias is None else x + bias, approximate="tanh")


@microsoft_op("QuickGelu")
def quick_gelu(x: Tensor, /, *, alpha: float = 1.702) -> Tensor:
    return x * torch.sigmoid(alpha * x)


@microsoft_op("BiasGelu")
def bias_gelu(x: Tensor, bias: Tensor, /) -> Tensor:
    return F.gelu(x + bias)


@microsoft_op("BiasSoftmax")
def bias_softmax(x: Tensor, bias: Tensor, /, *, axis: int = 1, is_inner_broadcast: int) -> Tensor:
    """Softmax of x + bias over all dimensions from `axis` on. The bias repeats along x's outer dimensions, or along the inner of
    those before `axis` (is_inner_broadcast: it has one row for each outer element)."""
    axis %= x.dim()
    if is_inner_broadcast and bias.dim() < x.dim():
        raise NotSupported("a bias that is broadcast inside needs as many dimensions as its operand")
    rows = (x + bias).reshape(math.prod(x.shape[:axis]), -1)
    return torch.softmax(rows, 1).reshape(x.shape)


@microsoft_op("FusedMatMul")
def fused_matmul(
    a: Tensor,
    b: Tensor,
    /,
    *,
    alpha: float = 1.0,
    transA: int = 0,
    transB: int = 0,
    transBatchA: int = 0,
    transBatchB: int = 0,
) -> Tensor:
    """alpha a' b'; transBatch moves the first dimension before the last two (applied before the transposition of these)."""
    left, right = _oriented(a, transA, transBatchA), _oriented(b, transB, transBatchB)
    product = matmul(left, right)
    return product if alpha == 1.0 else product * alpha


def _oriented(x: Tensor, transpose: int, batch: int) -> Tensor:
    if batch:
        order = list(range(x.dim()))
        x = x.permute([*order[1:-1], 0, order[-1]])
    return x.transpose(-1, -2) if transpose and x.dim() > 1 else x


def activate(x: Tensor, name: str, alpha: float, beta: float) -> Tensor:
    """The activation of a fused operator; alpha and beta are its parameters in the order of the standard attributes."""
    if name in ("", "Relu"):
        return torch.relu(x) if name else x
    if name == "Tanh":
        return torch.tanh(x)
    if name == "Sigmoid":
        return torch.sigmoid(x)
    if name == "LeakyRelu":
        return F.leaky_relu(x, alpha)
    if name == "Clip":
        return torch.clamp(x, alpha, beta)
    if name == "HardSigmoid":
        return torch.clamp(x * alpha + beta, 0.0, 1.0)
    raise NotSupported(f"activation '{name}' is not supported")


@microsoft_op("FusedConv")
def fused_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    added: Tensor | None = None,
    /,
    *,
    activation: str = "",
    activation_params: list[float] | None = None,
    auto_pad: str = "NOTSET",
    dilations: list[int] | None = None,
    group: int = 1,
    kernel_shape: list[int] | None = None,
    pads: list[int] | None = None,
    strides: list[int] | None = None,
) -> Tensor:
    """A convolution, what is added to it, and an activation."""
    window = {"auto_pad": auto_pad, "dilations": dilations, "kernel_shape": kernel_shape, "pads": pads, "strides": strides}
    result = conv(x, weight, bias, group=group, **window)  # type: ignore[arg-type]
    alpha, beta = [*(activation_params or []), 0.0, 0.0][:2]
    return activate(result if added is None else result + added, activation, alpha, beta)


@microsoft_op("FusedGemm")
def fused_gemm(
    a: Tensor,
    b: Tensor,
    c: Tensor | None = None,
    /,
    *,
    activation: str = "",
    activation_alpha: float = 0.01,
    activation_beta: float = 0.0,
    activation_gamma: float = 0.0,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    result = gemm(a, b, c, alpha=alpha, beta=beta, transA=transA, transB=transB)
    return activate(result, activation, activation_alpha, activation_beta)
