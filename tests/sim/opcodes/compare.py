"""How a result is compared: to the bit (the default), to the bit but any NaN for a NaN, or within an error bound in ulp."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .floats import Array, f16, f32, f64

Check = Callable[[list[Array], list[Array]], Array]


def _same(got: Array, expected: Array) -> Array:
    same_bits = got.view(f"u{got.dtype.itemsize}") == expected.view(f"u{expected.dtype.itemsize}")
    return same_bits | (np.isnan(got) & np.isnan(expected))


def float32(got: list[Array], expected: list[Array]) -> Array:
    """To the bit; a NaN matches any NaN (its payload is not defined)."""
    return np.logical_and.reduce([_same(f32(g), f32(e)) for g, e in zip(got, expected, strict=True)])


def float32_flushed(got: list[Array], expected: list[Array]) -> Array:
    """As float32; a result that rounds up to the smallest normal number may be flushed (tininess before or after rounding)."""
    have, want = f32(got[0]), f32(expected[0])
    return float32(got, expected) | ((np.abs(want) == np.finfo(np.float32).tiny) & (have == 0))


def float16(got: list[Array], expected: list[Array]) -> Array:
    """As float32; the upper half of the register must agree too."""
    upper = (got[0] >> 16) == (expected[0] >> 16)
    return upper & _same(f16(got[0]), f16(expected[0]))


def float16_flushed(got: list[Array], expected: list[Array]) -> Array:
    """As float32_flushed."""
    have, want = f16(got[0]), f16(expected[0])
    return float16(got, expected) | ((np.abs(want) == np.finfo(np.float16).tiny) & (have == 0) & (got[0] >> 16 == 0))


def float64(got: list[Array], expected: list[Array]) -> Array:
    return _same(f64(*got), f64(*expected))


def within(ulp: float, dtype: type = np.float32, absolute: float = 0.0) -> Check:
    """At most `ulp` units in the last place of the expected value, or `absolute`, away; infinities and NaNs must agree."""
    view: Callable[..., Array] = {np.float16: f16, np.float32: f32, np.float64: f64}[dtype]

    def check(got: list[Array], expected: list[Array]) -> Array:
        have, want = view(*got), view(*expected)
        with np.errstate(all="ignore"):
            step = np.spacing(np.abs(want)).astype(np.float64)
            close = np.abs(have.astype(np.float64) - want.astype(np.float64)) <= np.maximum(ulp * step, absolute)
        return _same(have, want) | (np.isfinite(want) & close)

    return check
