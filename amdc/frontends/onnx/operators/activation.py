"""Activation functions."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from amdc.frontends.onnx.registry import onnx_op


@onnx_op("Relu", since=6)
def relu(x: Tensor, /) -> Tensor:
    return torch.relu(x)


@onnx_op("Sigmoid", since=6)
def sigmoid(x: Tensor, /) -> Tensor:
    return torch.sigmoid(x)


@onnx_op("HardSigmoid", since=6)
def hard_sigmoid(x: Tensor, /, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    return torch.clamp(x * alpha + beta, 0.0, 1.0)


@onnx_op("HardSwish", since=14)
def hard_swish(x: Tensor, /) -> Tensor:
    return x * hard_sigmoid(x, alpha=1 / 6, beta=0.5)


@onnx_op("LeakyRelu", since=6)
def leaky_relu(x: Tensor, /, *, alpha: float = 0.01) -> Tensor:
    return F.leaky_relu(x, alpha)


@onnx_op("PRelu", since=7, scalars=("slope",))
def prelu(x: Tensor, slope: Tensor | float, /) -> Tensor:
    """The slope broadcasts to x as numpy does."""
    return torch.where(x > 0, x, x * slope)


@onnx_op("Elu", since=6)
def elu(x: Tensor, /, *, alpha: float = 1.0) -> Tensor:
    return F.elu(x, alpha)


@onnx_op("Celu", since=12)
def celu(x: Tensor, /, *, alpha: float = 1.0) -> Tensor:
    return torch.ops.aten.elu.default(x, alpha, 1.0, 1.0 / alpha)


@onnx_op("Selu", since=6)
def selu(x: Tensor, /, *, alpha: float = 1.67326319217681884765625, gamma: float = 1.05070102214813232421875) -> Tensor:
    return torch.ops.aten.elu.default(x, alpha, gamma, 1.0)


@onnx_op("Gelu", since=20)
def gelu(x: Tensor, /, *, approximate: str = "none") -> Tensor:
    return F.gelu(x, approximate=approximate)


@onnx_op("Swish", since=24)
def swish(x: Tensor, /, *, alpha: float = 1.0) -> Tensor:
    return x * torch.sigmoid(x if alpha == 1.0 else x * alpha)


@onnx_op("SwiGLU", since=28)
def swiglu(a: Tensor, b: Tensor, /, *, alpha: float = 1.0) -> Tensor:
    return swish(a, alpha=alpha) * b


@onnx_op("Softplus")
def softplus(x: Tensor, /) -> Tensor:
    """log(1 + exp(x)), written so that exp never overflows."""
    return torch.relu(x) + torch.log1p(torch.exp(-torch.abs(x)))


@onnx_op("Softsign")
def softsign(x: Tensor, /) -> Tensor:
    return x / (torch.abs(x) + 1)


@onnx_op("Mish", since=18)
def mish(x: Tensor, /) -> Tensor:
    return x * torch.tanh(softplus(x))


@onnx_op("ThresholdedRelu", since=10)
def thresholded_relu(x: Tensor, /, *, alpha: float = 1.0) -> Tensor:
    return torch.where(x > alpha, x, 0.0)


@onnx_op("Shrink", since=9)
def shrink(x: Tensor, /, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    return torch.where(x < -lambd, x + bias, torch.where(x > lambd, x - bias, 0.0)).to(x.dtype)


def _flattened(x: Tensor, axis: int) -> tuple[Tensor, int]:
    """Operands of the softmax family before opset 13, which works on x as a matrix split at `axis`: (x or its matrix, dimension).

    Where only one dimension from `axis` on is larger than 1, it alone is normalised and no reshape is needed.
    """
    axis %= max(x.dim(), 1)
    wide = [d for d in range(axis, x.dim()) if x.shape[d] > 1]
    if len(wide) <= 1:
        return x, wide[0] if wide else axis
    return x.reshape(math.prod(x.shape[:axis]), -1), 1


@onnx_op("Softmax")
def softmax_flattened(x: Tensor, /, *, axis: int = 1) -> Tensor:
    matrix, dim = _flattened(x, axis)
    return torch.softmax(matrix, dim).reshape(x.shape)


@onnx_op("Softmax", since=13)
def softmax(x: Tensor, /, *, axis: int = -1) -> Tensor:
    return torch.softmax(x, axis)


@onnx_op("LogSoftmax")
def log_softmax_flattened(x: Tensor, /, *, axis: int = 1) -> Tensor:
    matrix, dim = _flattened(x, axis)
    return torch.log_softmax(matrix, dim).reshape(x.shape)


@onnx_op("LogSoftmax", since=13)
def log_softmax(x: Tensor, /, *, axis: int = -1) -> Tensor:
    return torch.log_softmax(x, axis)


@onnx_op("Hardmax")
def hardmax_flattened(x: Tensor, /, *, axis: int = 1) -> Tensor:
    matrix, dim = _flattened(x, axis)
    return hardmax(matrix, axis=dim).reshape(x.shape)


@onnx_op("Hardmax", since=13)
def hardmax(x: Tensor, /, *, axis: int = -1) -> Tensor:
    """1 at the first largest element along the axis, else 0."""
    places = torch.arange(x.shape[axis]).reshape([-1 if d == axis % x.dim() else 1 for d in range(x.dim())])
    return (places == torch.argmax(x, axis, keepdim=True)).to(x.dtype)
