"""Element-wise arithmetic, functions, comparison and logic."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from amdc.frontends.onnx.operators.wide import UNSIGNED, divide, in_int64, in_order, unsigned_dtype, widen
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
BY_ORDER = ("Greater", "GreaterOrEqual", "Less", "LessOrEqual")
TENSORS_ONLY = ("And", "Or", "Xor")  # torch has no overload with a number
Operand = Tensor | float


def _register_unary(name: str, function: Callable[[Tensor], Tensor]) -> None:
    @onnx_op(name)
    def apply(x: Tensor, /) -> Tensor:
        return in_int64(function, x)


def _register_commutative(name: str, function: Callable[..., Tensor]) -> None:
    @onnx_op(name, since=7, scalars=() if name in TENSORS_ONLY else ("a", "b"))  # from opset 7 on with numpy's broadcasting
    def apply(a: Operand, b: Operand, /) -> Tensor:
        return in_int64(function, a, b) if isinstance(a, Tensor) else in_int64(function, b, a)


def _register_ordered(name: str, function: Callable[..., Tensor]) -> None:
    @onnx_op(name, since=7, scalars=("b",))
    def apply(a: Tensor, b: Operand, /) -> Tensor:
        return in_order(function, a, b) if name in BY_ORDER else in_int64(function, a, b)


for _name, _unary in UNARY.items():
    _register_unary(_name, _unary)
for _name, _binary in COMMUTATIVE.items():
    _register_commutative(_name, _binary)
for _name, _binary in ORDERED.items():
    _register_ordered(_name, _binary)


@onnx_op("Div", since=7, scalars=("b",))
def div(a: Tensor, b: Operand, /) -> Tensor:
    """Integer division truncates."""
    if a.is_floating_point():
        return torch.div(a, b)
    return divide(a, b) if a.dtype in UNSIGNED else torch.div(a, b, rounding_mode="trunc")


@onnx_op("Mod", since=10, scalars=("b",))
def mod(a: Tensor, b: Operand, /, *, fmod: int = 0) -> Tensor:
    """The sign follows the divisor, with fmod=1 the dividend."""
    if a.dtype in UNSIGNED:
        return in_int64(lambda x, y, quotient: x - quotient * y, a, b, divide(a, b))
    return torch.fmod(a, b) if fmod else torch.remainder(a, b)


@onnx_op("Pow", since=7, scalars=("exponent",))
def power(x: Tensor, exponent: Operand, /) -> Tensor:
    """The result has the base's dtype, whatever the exponent's."""
    if x.dtype in UNSIGNED:
        return in_int64(torch.pow, x, exponent)
    return torch.pow(x, widen(exponent) if unsigned_dtype(exponent) else exponent).to(x.dtype)


@onnx_op("BitShift", since=11)
def bit_shift(x: Tensor, amount: Tensor, /, *, direction: str) -> Tensor:
    """As products and quotients by powers of two; an amount outside the width leaves nothing but the sign's bits."""
    width = x.dtype.itemsize * 8
    count = amount.to(torch.int64)
    inside = torch.logical_and(count >= 0, count < width)
    count = torch.where(inside, count, width if direction == "LEFT" or x.dtype.is_signed else 0)
    value = x.to(torch.int64)
    if direction == "LEFT":
        shifted = torch.where(inside, value * _power_of_two(count), 0)
    elif x.dtype.is_signed:
        shifted = _shifted_right(value, count)
    else:
        shifted = torch.where(inside, _logical_right(value, count), 0)
    return shifted.to(x.dtype)


def _power_of_two(count: Tensor) -> Tensor:
    """2^count in int64 for counts up to 63 (2^63 is the lowest number)."""
    return torch.pow(2, torch.clamp(count, max=63))


def _shifted_right(value: Tensor, count: Tensor) -> Tensor:
    """Signed; by 63 in two steps, because 2^63 is negative."""
    most = torch.clamp(count, max=62)
    once = torch.div(value, _power_of_two(most), rounding_mode="floor")
    return torch.where(count > most, torch.div(once, 2, rounding_mode="floor"), once)


def _logical_right(value: Tensor, count: Tensor) -> Tensor:
    """Unsigned, of bits held in int64: the first step makes room for the sign."""
    half = torch.bitwise_and(torch.div(value, 2, rounding_mode="floor"), 2**63 - 1)
    return torch.where(count == 0, value, _shifted_right(half, torch.clamp(count - 1, min=0)))


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
    return reduce(lambda a, b: in_int64(torch.add, a, b), terms)


@onnx_op("Mean", since=6)
def mean(*terms: Tensor) -> Tensor:
    return reduce(torch.add, terms) / len(terms)


@onnx_op("Max", since=6)
def max_(*terms: Tensor) -> Tensor:
    return reduce(lambda a, b: in_order(torch.maximum, a, b), terms)


@onnx_op("Min", since=6)
def min_(*terms: Tensor) -> Tensor:
    return reduce(lambda a, b: in_order(torch.minimum, a, b), terms)


@onnx_op("Clip", since=6)
def clip_attributes(x: Tensor, /, *, min: float | None = None, max: float | None = None) -> Tensor:
    return clip(x, min, max)


@onnx_op("Clip", since=11, static=("low", "high"))
def clip(x: Tensor, low: float | None = None, high: float | None = None, /) -> Tensor:
    """Bounds are scalars; where they cross, the upper one wins."""
    if low is None and high is None:
        return x
    return in_order(torch.clamp, x, _scalar(low), _scalar(high))


def _scalar(value: float | list[float] | None) -> float | None:
    """A bound; older exporters write it as a tensor with one element."""
    if isinstance(value, list):
        if len(value) != 1:
            raise NotSupported(f"a bound must be a scalar, but has {len(value)} elements")
        return value[0]
    return value
