"""Opset 6 where its meaning differs from opset 7's: broadcasting is asked for by attributes, inference by is_test."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from amdc.frontends.onnx.operators.activation import prelu
from amdc.frontends.onnx.operators.linear import gemm
from amdc.frontends.onnx.operators.normalization import batch_normalization
from amdc.frontends.onnx.operators.pointwise import COMMUTATIVE, ORDERED, div, power
from amdc.frontends.onnx.operators.pooling import average_pool
from amdc.frontends.onnx.operators.shape import dropout_attribute
from amdc.frontends.onnx.registry import NotSupported, onnx_op

OPSET = 6
BINARY: dict[str, Callable[..., Tensor]] = {
    **{name: COMMUTATIVE[name] for name in ("Add", "And", "Equal", "Mul", "Or", "Xor")},
    **{name: ORDERED[name] for name in ("Greater", "Less", "Sub")},
    "Div": div,
    "Pow": power,
}


def _register(name: str, function: Callable[..., Tensor]) -> None:
    @onnx_op(name, since=OPSET)
    def apply(a: Tensor, b: Tensor, /, *, axis: int | None = None, broadcast: int = 0) -> Tensor:
        """With `axis`, the dimensions of b are those of a from there on."""
        if broadcast and axis is not None:
            behind = a.dim() - axis % a.dim() - b.dim()
            b = b.reshape([*b.shape, *[1] * behind])
        return function(a, b)


for _name, _function in BINARY.items():
    _register(_name, _function)


def _require_test(is_test: int) -> None:
    if not is_test:
        raise NotSupported("is_test=0 (training) is not supported; export the model in evaluation mode")


@onnx_op("Gemm", since=OPSET)
def gemm_6(
    a: Tensor,
    b: Tensor,
    c: Tensor,
    /,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    broadcast: int = 0,
    transA: int = 0,
    transB: int = 0,
) -> Tensor:
    """`broadcast` is no constraint here: c broadcasts whenever its shape asks for it."""
    return gemm(a, b, c, alpha=alpha, beta=beta, transA=transA, transB=transB)


@onnx_op("Dropout", since=OPSET)
def dropout_6(x: Tensor, /, *, is_test: int = 0, ratio: float = 0.5) -> tuple[Tensor, Tensor]:
    _require_test(is_test)
    return dropout_attribute(x)


@onnx_op("BatchNormalization", since=OPSET)
def batch_normalization_6(
    x: Tensor,
    scale: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    /,
    *,
    epsilon: float = 1e-5,
    is_test: int = 0,
    momentum: float = 0.9,
    spatial: int = 1,
    output_count: int = 1,
) -> Tensor | tuple[Tensor, ...]:
    _require_test(is_test)
    return batch_normalization(
        x, scale, bias, mean, variance, epsilon=epsilon, momentum=momentum, spatial=spatial, output_count=output_count
    )


@onnx_op("PRelu", since=OPSET)
def prelu_6(x: Tensor, slope: Tensor, /) -> Tensor:
    """One slope for all, or one for each channel."""
    per_channel = slope if slope.numel() == 1 else slope.reshape([-1] + [1] * (x.dim() - 2))
    return prelu(x, per_channel)


onnx_op("AveragePool", since=OPSET)(average_pool)  # padding is left out of the averages, as by default later
