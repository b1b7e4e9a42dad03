"""Floating point as the ISA manual states it, in numpy: bit patterns in, bit patterns out.

All functions take and give arrays of the float dtype; `f32`/`bits` and their kin convert from and to register dwords. A 16-bit
value stands in the low half of its dword, and results have a zero upper half, as GCN3 leaves it.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np

Array = np.ndarray


def f32(words: Array) -> Array:
    return words.astype(np.uint32).view(np.float32)


def f16(words: Array) -> Array:
    return (words & 0xFFFF).astype(np.uint16).view(np.float16)


def u64(low: Array, high: Array) -> Array:
    return low.astype(np.uint64) | (high.astype(np.uint64) << np.uint64(32))


def f64(low: Array, high: Array) -> Array:
    return u64(low, high).view(np.float64)


def bits(values: Array) -> Array:
    """The dword (float16, float32, integers of 32 bits and less) that holds each value."""
    if values.dtype == np.bool_:
        return values.astype(np.uint32)
    unsigned = {1: np.uint8, 2: np.uint16, 4: np.uint32}[values.dtype.itemsize]
    return np.ascontiguousarray(values).view(unsigned).astype(np.uint32)


def pair(values: Array) -> list[Array]:
    """The two dwords (low, high) of 64-bit values."""
    raw = np.ascontiguousarray(values).view(np.uint64)
    return [raw.astype(np.uint32), (raw >> np.uint64(32)).astype(np.uint32)]


def flush(values: Array) -> Array:
    """Denormals become zeros of the same sign."""
    tiny = np.abs(values) < np.finfo(values.dtype).tiny
    return np.where(tiny, np.copysign(values.dtype.type(0), values), values)


def keep(values: Array) -> Array:
    return values


def is_signalling(values: Array) -> Array:
    """NaNs whose quiet bit is clear."""
    raw, quiet = _raw(values)
    return np.isnan(values) & ((raw & quiet) == 0)


def quiet(values: Array) -> Array:
    raw, bit = _raw(values)
    return np.where(np.isnan(values), raw | bit, raw).astype(raw.dtype).view(values.dtype)


def _raw(values: Array) -> tuple[Array, np.generic]:
    unsigned, mantissa = {2: (np.uint16, 10), 4: (np.uint32, 23), 8: (np.uint64, 52)}[values.dtype.itemsize]
    return np.ascontiguousarray(values).view(unsigned), unsigned(1 << (mantissa - 1))


def exponent(values: Array) -> Array:
    """The biased exponent field."""
    raw, _ = _raw(values)
    mantissa, mask = {2: (10, 0x1F), 4: (23, 0xFF), 8: (52, 0x7FF)}[values.dtype.itemsize]
    return ((raw >> raw.dtype.type(mantissa)) & raw.dtype.type(mask)).astype(np.int64)


def fused(a: Array, b: Array, c: Array) -> Array:
    """a * b + c rounded once, to nearest even."""
    if a.dtype == np.float64:
        return np.array([_fused64(x, y, z) for x, y, z in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)])
    return add_to_odd(a.astype(np.float64) * b.astype(np.float64), c.astype(np.float64)).astype(a.dtype)


def add_to_odd(a: Array, b: Array) -> Array:
    """The double sum rounded to odd, so that one further rounding to float32 or float16 is the right one."""
    total = a + b
    virtual = total - a
    error = (a - (total - virtual)) + (b - virtual)
    raw = total.view(np.int64)
    toward = np.where((error > 0) == (total > 0), raw + 1, raw - 1)
    inexact = np.isfinite(total) & (error != 0) & ((raw & 1) == 0)
    return np.where(inexact, toward, raw).view(np.float64)


def directed(exact: Array, mode: int) -> Array:
    """float32 from doubles: 0 to nearest even, 1 up, 2 down, 3 toward zero."""
    near = exact.astype(np.float32)
    wide, infinite = near.astype(np.float64), np.float32(np.inf)
    if mode == 1:
        return np.where(wide < exact, np.nextafter(near, infinite), near)
    if mode == 2:
        return np.where(wide > exact, np.nextafter(near, -infinite), near)
    if mode == 3:
        return np.where(np.abs(wide) > np.abs(exact), np.nextafter(near, np.float32(0)), near)
    return near


def _fused64(a: float, b: float, c: float) -> float:
    if not np.isfinite([a, b, c]).all():
        return float(np.float64(a) * np.float64(b) + np.float64(c))
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return float(np.float64(a) * np.float64(b) + np.float64(c)) if Fraction(a) * Fraction(b) == 0 else 0.0
    try:
        return float(exact)
    except OverflowError:
        return float("inf") if exact > 0 else float("-inf")


def minimum(a: Array, b: Array, ieee: bool = True) -> Array:
    """The manual's v_min: a NaN loses against a number, a signalling NaN wins (quieted) in IEEE mode, -0 < +0."""
    return _select_extreme(a, b, ieee, lambda x, y: (x < y) | ((x == y) & np.signbit(x)))


def maximum(a: Array, b: Array, ieee: bool = True) -> Array:
    return _select_extreme(a, b, ieee, lambda x, y: (x > y) | ((x == y) & ~np.signbit(x)))


def _select_extreme(a: Array, b: Array, ieee: bool, first: Callable[[Array, Array], Array]) -> Array:
    result = np.where(first(a, b), a, b)
    result = np.where(np.isnan(a), b, np.where(np.isnan(b), a, result))
    if ieee:
        result = np.where(is_signalling(b), quiet(b), result)
        result = np.where(is_signalling(a), quiet(a), result)
    return result


def clamp(values: Array, dx10: bool = True) -> Array:
    """The clamp modifier: to [0, 1]; NaN becomes 0 in DX10 mode and stays one otherwise."""
    zero, one = values.dtype.type(0), values.dtype.type(1)
    limited = np.where(values > one, one, np.where(values > zero, values, zero))
    return np.where(np.isnan(values), zero if dx10 else values, limited).astype(values.dtype)


def to_integer(values: Array, low: int, high: int) -> Array:
    """Truncation toward zero, saturated at the ends; NaN gives 0."""
    wide = np.trunc(values.astype(np.float64))
    limited = np.clip(np.nan_to_num(wide, nan=0.0, posinf=float(high), neginf=float(low)), low, high)
    return limited.astype(np.int64)


def to_half_toward_zero(values: Array) -> Array:
    """float32 to float16, rounded toward zero (the largest finite value instead of an overflow)."""
    near = values.astype(np.float16)
    too_far = np.abs(near.astype(np.float64)) > np.abs(values.astype(np.float64))
    stepped = (near.view(np.uint16) - np.uint16(1)).view(np.float16)
    return np.where(np.isfinite(values) & too_far, stepped, near)
