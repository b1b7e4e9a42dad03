"""Element-wise arithmetic, functions, comparison and logic."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from amdc.frontends.onnx.registry import NotSupported, onnx_op

UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "Abs": torch.abs,
    "Acos": torch.acos,
    "Acosh": torch.acosh,
    "Asin": torch.asin,
    "Asinh": torch.asinh,
    "Atan": torch.atan,
    "Atanh": torch.atanh,
    "BitwiseNot": torch.bitwise_not,
    "Ceil": torch.ceil,
    "Cos": torch.cos,
    "Cosh": torch.cosh,
    "Erf": torch.erf,
    "Exp": torch.exp,
    "Floor": torch.floor,
    "IsNaN": torch.isnan,
    "Log": torch.log,
    "Neg": torch.neg,
    "Not": torch.logical_not,
    "Reciprocal": torch.reciprocal,
    "Round": torch.round,
    "Sign": torch.sign,
    "Sin": torch.sin,
    "Sinh": torch.sinh,
    "Sqrt": torch.sqrt,
    "Tan": torch.tan,
    "Tanh": torch.tanh,
}

COMMUTATIVE: dict[str, Callable[..., Tensor]] = {
    "Add": torch.add,
    "And": torch.logical_and,
    "BitwiseAnd": torch.bitwise_and,
    "BitwiseOr": torch.bitwise_or,
    "BitwiseXor": torch.bitwise_xor,
    "Equal": torch.eq,
    "Mul": torch.mul,
    "Or": torch.logical_or,
    "Xor": torch.logical_xor,
}
ORDERED: dict[str, Callable[..., Tensor]] = {
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Sub": torch.sub,
}
TENSORS_ONLY = ("And", "Or", "Xor")  # torch has no overload with a number
Operand = Tensor | float


def _register_unary(name: str, function: Callable[[Tensor], Tensor]) -> None:
    @onnx_op(name)
    def apply(x: Tensor, /) -> Tensor:
        return function(x)


def _register_commutative(name: str, function: Callable[..., Tensor]) -> None:
    @onnx_op(name, since=7, scalars=() if name in TENSORS_ONLY else ("a", "b"))  # from opset 7 on with numpy's broadcasting
    def apply(a: Operand, b: Operand, /) -> Tensor:
        return function(a, b) if isinstance(a, Tensor) else function(b, a)


def _register_ordered(name: str, function: Callable[..., Tensor]) -> None:
    @onnx_op(name, since=7, scalars=("b",))
    def apply(a: Tensor, b: Operand, /) -> Tensor:
        return function(a, b)


for _name, _unary in UNARY.items():
    _register_unary(_name, _unary)
for _name, _binary in COMMUTATIVE.items():
    _register_commutative(_name, _binary)
for _name, _binary in ORDERED.items():
    _register_ordered(_name, _binary)


@onnx_op("Div", since=7, scalars=("b",))
def div(a: Tensor, b: Operand, /) -> Tensor:
    """Integer division truncates."""
    return torch.div(a, b) if a.is_floating_point() else torch.div(a, b, rounding_mode="trunc")


@onnx_op("Mod", since=10, scalars=("b",))
def mod(a: Tensor, b: Operand, /, *, fmod: int = 0) -> Tensor:
    """The sign follows the divisor, with fmod=1 the dividend."""
    return torch.fmod(a, b) if fmod else torch.remainder(a, b)


@onnx_op("Pow", since=7, scalars=("exponent",))
def power(x: Tensor, exponent: Operand, /) -> Tensor:
    """The result has the base's dtype, whatever the exponent's."""
    return torch.pow(x, exponent).to(x.dtype)


@onnx_op("BitShift", since=11)
def bit_shift(x: Tensor, amount: Tensor, /, *, direction: str) -> Tensor:
    """Of unsigned integers, as products and quotients by powers of two."""
    if x.dtype.is_signed:
        raise NotSupported(f"shifts of the signed {x.dtype} are not supported")
    factor = torch.pow(2, amount).to(x.dtype)
    return x * factor if direction == "LEFT" else torch.div(x, factor, rounding_mode="trunc")


@onnx_op("Where", since=9)
def where(condition: Tensor, x: Tensor, y: Tensor, /) -> Tensor:
    return torch.where(condition, x, y)


@onnx_op("IsInf", since=10)
def is_inf(x: Tensor, /, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    if detect_negative and detect_positive:
        return torch.isinf(x)
    if not detect_negative and not detect_positive:
        return torch.zeros_like(x, dtype=torch.bool)
    return x == (float("inf") if detect_positive else float("-inf"))


@onnx_op("Sum", since=6)
def sum_(*terms: Tensor) -> Tensor:
    return reduce(torch.add, terms)


@onnx_op("Mean", since=6)
def mean(*terms: Tensor) -> Tensor:
    return reduce(torch.add, terms) / len(terms)


@onnx_op("Max", since=6)
def max_(*terms: Tensor) -> Tensor:
    return reduce(torch.maximum, terms)


@onnx_op("Min", since=6)
def min_(*terms: Tensor) -> Tensor:
    return reduce(torch.minimum, terms)


@onnx_op("Clip", since=6)
def clip_attributes(x: Tensor, /, *, min: float | None = None, max: float | None = None) -> Tensor:
    return clip(x, min, max)


@onnx_op("Clip", since=11, static=("low", "high"))
def clip(x: Tensor, low: float | None = None, high: float | None = None, /) -> Tensor:
    """Bounds are scalars; where they cross, the upper one wins."""
    if low is None and high is None:
        return x
    return torch.clamp(x, _scalar(low), _scalar(high))


def _scalar(value: float | list[float] | None) -> float | None:
    """A bound; older exporters write it as a tensor with one element."""
    if isinstance(value, list):
        if len(value) != 1:
            raise NotSupported(f"a bound must be a scalar, but has {len(value)} elements")
        return value[0]
    return value
