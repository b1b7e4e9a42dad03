"""float64 arithmetic and rounding, bit for bit."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from . import compare, operands
from .build import vector
from .floats import Array, clamp, exponent, fused, maximum, minimum
from .harness import Batch, Case

D1, D2, D3 = "f64 -> f64", "f64 f64 -> f64", "f64 f64 f64 -> f64"
BELOW_ONE = np.uint64(0x3FEFFFFFFFFFFFFF).view(np.float64)


def frexp_mantissa(a: Array) -> Array:
    return np.where(np.isfinite(a), np.frexp(a)[0], a)


def frexp_exponent(a: Array) -> Array:
    return np.where(np.isfinite(a), np.frexp(a)[1], 0).astype(np.int32)


@functools.cache
def two_over_pi(bits: int = 1201) -> int:
    """floor(2/pi * 2^bits), by Machin's formula in integers."""
    scale = 1 << (bits + 64)

    def arctangent_of_inverse(n: int) -> int:
        total, power, k = 0, scale // n, 0
        while power:
            total += (power // (2 * k + 1)) * (-1) ** k
            power, k = power // (n * n), k + 1
        return total

    pi = 4 * (4 * arctangent_of_inverse(5) - arctangent_of_inverse(239))
    return (2 << bits) * scale // pi


def trig_preop(a: Array, segment: Array) -> Array:
    """v_trig_preop_f64: 53 bits of 2/pi, from a place that the exponent of a and the segment choose."""
    results = []
    for power, part in zip(exponent(a).tolist(), (segment & np.uint32(31)).tolist(), strict=True):
        shift = part * 53 + max(power - 1077, 0)
        field = ((two_over_pi() << shift) >> 1148) & ((1 << 53) - 1)
        results.append(np.ldexp(float(field), -53 - shift + (128 if power >= 1968 else 0)))
    return np.array(results)


def normal_reciprocal(a: Array) -> Array:
    """Neither a nor its reciprocal is denormal or overflows."""
    return (exponent(a) > 2) & (exponent(a) < 2043) | (a == 0) | ~np.isfinite(a)


CASES: list[Case] = [
    vector("v_add_f64", D2, np.add),
    vector("v_add_f64", D2, lambda a, b: -a + np.abs(b), label="mods", code="v_add_f64 {d}, -{a}, |{b}|"),
    vector("v_add_f64", D2, lambda a, b: clamp(a + b), label="clamp", modifiers="clamp"),
    vector("v_mul_f64", D2, np.multiply),
    vector("v_mul_f64", D1, lambda a: a * 0.5, label="inline-half", code="v_mul_f64 {d}, {a}, 0.5"),
    vector("v_fma_f64", D3, fused),
    vector("v_fma_f64", D3, lambda a, b, c: fused(-a, b, np.abs(c)), label="mods", code="v_fma_f64 {d}, -{a}, {b}, |{c}|"),
    vector("v_min_f64", D2, minimum),
    vector("v_max_f64", D2, maximum),
    vector("v_ldexp_f64", "f64 i32 -> f64", lambda a, n: np.ldexp(a, np.clip(n, -4000, 4000))),
    vector(
        "v_ldexp_f64",
        "f64 i32 -> f64",
        lambda a, n: np.ldexp(a, (n << 20) >> 20),
        label="near",
        code="v_bfe_i32 v30, {b}, 0, 12\nv_ldexp_f64 {d}, {a}, v30",
    ),
    vector("v_trunc_f64", D1, np.trunc),
    vector("v_ceil_f64", D1, np.ceil),
    vector("v_rndne_f64", D1, np.rint),
    vector("v_floor_f64", D1, np.floor),
    vector("v_fract_f64", D1, lambda a: np.minimum(a - np.floor(a), BELOW_ONE)),
    vector("v_frexp_mant_f64", D1, frexp_mantissa),
    vector("v_frexp_exp_i32_f64", "f64 -> i32", frexp_exponent),
    # The manual gives these three an error of up to 2^29 ulp.
    vector("v_rcp_f64", D1, lambda a: 1 / a, check=compare.within(2**29, np.float64), care=normal_reciprocal),
    vector("v_rsq_f64", D1, lambda a: 1 / np.sqrt(a), check=compare.within(2**29, np.float64), care=normal_reciprocal),
    vector("v_sqrt_f64", D1, np.sqrt, check=compare.within(2**29, np.float64), care=normal_reciprocal),
    vector("v_trig_preop_f64", "f64 u32 -> f64", trig_preop, care=lambda a, s: np.isfinite(a) & ((s & 31) < 16)),
]
BATCHES = [Batch("float64", CASES, operands.float64())]


def test_two_over_pi() -> None:
    """The oracle's own constant, to a double."""
    assert two_over_pi(60) / 2**60 == 2 / np.pi


@pytest.mark.parametrize(("batch", "case"), [pytest.param(b, c, id=c.name) for b in BATCHES for c in b.cases])
def test_float64(batch: Batch, case: Case) -> None:
    batch.verify(case)
