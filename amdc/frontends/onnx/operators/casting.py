"""Casts between all element types, those that torch only holds included."""

from __future__ import annotations

import math

import torch
from torch import Tensor

import amdc.ir.ops  # noqa: F401  (registers torch.ops.amdc)
from amdc.frontends.onnx.elements import BITS, DTYPES, element_name, held_dtype, integer_range
from amdc.frontends.onnx.registry import NotSupported, onnx_op

FLOAT8 = (torch.float8_e4m3fn, torch.float8_e4m3fnuz, torch.float8_e5m2, torch.float8_e5m2fnuz)
# Of each narrow float: the largest value, and the step between neighbours below each bound (OCP Microscaling Formats 1.0, 5.3).
GRIDS: dict[str, tuple[float, list[tuple[float, float]]]] = {
    "FLOAT4E2M1": (6.0, [(2, 0.5), (4, 1), (8, 2)]),
    "FLOAT6E2M3": (7.5, [(2, 1 / 8), (4, 1 / 4), (8, 1 / 2)]),
    "FLOAT6E3M2": (28.0, [(2.0**e, 2.0 ** (e - 3)) for e in range(-1, 6)]),
}
FRACTION, EXPONENT_ONE = 2**23 - 1, 2**23  # of float32


def to_element(x: Tensor, element: int, saturate: bool = True, round_mode: str = "up") -> Tensor:
    """x as values of an ONNX element type, in the dtype that holds it."""
    name, dtype = element_name(element), held_dtype(element, "its output")
    if element in DTYPES:
        return to_float8(x, dtype, saturate) if dtype in FLOAT8 else x.to(dtype)
    if name in GRIDS:
        return _on_grid(x.to(dtype), *GRIDS[name])
    if name == "FLOAT8E8M0":
        return _power_of_two(x.to(torch.float32), saturate, round_mode)
    limits, levels = integer_range(element), 2 ** BITS[name]
    assert limits is not None, name
    low = limits[0]  # the lowest bits of the truncated number, as two's complement has them
    return (torch.bitwise_and(x.to(torch.int64) - low, levels - 1) + low).to(dtype)


def to_float8(x: Tensor, dtype: torch.dtype, saturate: bool) -> Tensor:
    """Rounded to the nearest; what is too large becomes the largest number, or without `saturate` infinity or NaN."""
    if not x.is_floating_point() or x.dtype in FLOAT8:
        x = x.to(torch.float32)
    largest = torch.finfo(dtype).max
    if saturate:
        return torch.clamp(x, -largest, largest).to(dtype)
    if dtype != torch.float8_e4m3fn:
        return x.to(dtype)
    too_large = torch.abs(x) > 464.0  # half-way between 448 and what would follow it; this type has no infinity
    return torch.where(too_large, math.nan, x).to(dtype)


def _on_grid(x: Tensor, largest: float, steps: list[tuple[float, float]]) -> Tensor:
    """The nearest value of a narrow float, half to even; too large ones become the largest, NaN (there is none) 0."""
    size = torch.clamp(torch.where(torch.isnan(x), 0.0, torch.abs(x)), max=largest)
    step = torch.full((), steps[-1][1], dtype=x.dtype)
    for bound, width in reversed(steps[:-1]):
        step = torch.where(size < bound, width, step)
    rounded = torch.round(size / step) * step
    return torch.where(x < 0, -rounded, rounded)


def _power_of_two(x: Tensor, saturate: bool, round_mode: str) -> Tensor:
    """The exponent of |x| alone, rounded up, down or to the nearest; 0 becomes 2^-127, infinity and NaN become NaN."""
    bits = torch.ops.amdc.bit_cast.default(torch.abs(x), torch.int32)
    if round_mode == "up":
        raised = bits + FRACTION
    elif round_mode == "nearest":
        raised = bits + torch.where(bits > FRACTION, EXPONENT_ONE // 2, EXPONENT_ONE // 2 - 1)
    elif round_mode == "down":
        raised = bits
    else:
        raise NotSupported(f"round_mode '{round_mode}' is unknown")
    exponent = torch.div(raised.to(torch.int64), EXPONENT_ONE, rounding_mode="floor")
    special = bits >= 255 * EXPONENT_ONE
    exponent = torch.clamp(exponent, max=254) if saturate else exponent
    powers = torch.ops.amdc.bit_cast.default((exponent * EXPONENT_ONE).to(torch.int32), torch.float32)
    powers = torch.where(exponent == 0, 2.0**-127, powers)
    return torch.where(torch.logical_or(special, exponent > 254), math.nan, powers)


@onnx_op("Cast", since=6)
def cast(x: Tensor, /, *, to: int, saturate: int = 1, round_mode: str = "up") -> Tensor:
    return to_element(x, to, bool(saturate), round_mode)


@onnx_op("CastLike", since=15, typed=("like",))
def cast_like(
    x: Tensor, like: Tensor, /, *, saturate: int = 1, round_mode: str = "up", elements: tuple[int, ...] = (0, 0)
) -> Tensor:
    return to_element(x, elements[1], bool(saturate), round_mode)


@onnx_op("BitCast", since=26)
def bit_cast(x: Tensor, /, *, to: int, elements: tuple[int, ...] = (0,)) -> Tensor:
    """The same bits as another type; between integers (and truth values) of one width a cast keeps them."""
    if to not in DTYPES or elements[0] not in DTYPES:
        raise NotSupported(f"the bits of {element_name(elements[0])} as {element_name(to)} are not supported")
    dtype = DTYPES[to]
    if dtype.itemsize != x.dtype.itemsize:
        raise NotSupported(f"{x.dtype} and {dtype} have different widths")
    both_integers = not (x.dtype.is_floating_point or dtype.is_floating_point) and dtype != torch.bool
    return x.to(dtype) if both_integers else torch.ops.amdc.bit_cast.default(x, dtype)
